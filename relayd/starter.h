/* SPDX-License-Identifier: MIT */
/*
 * starter - a second process of relayd's, which alone may start programs
 * and have network sockets, so that relayd itself can do neither (SPEC
 * N-13.7). All that it starts is relayd's own program again, as one of the
 * children of child.h.
 *
 * They talk over a SEQPACKET socket, a line a message:
 *
 *	dial NUMBER NAME	start agamid-relayd --dial NAME
 *	probe NUMBER NAME	start agamid-relayd --probe NAME; the
 *				descriptor that came along is its output
 *	end NUMBER		send SIGTERM to that child
 *	ended NUMBER STATUS	(the answer to each dial and probe, once) as
 *				waitpid(2) says; 1 if it was not started
 *
 * SECURITY: whoever takes over relayd can have peers dialled, by a program
 * that does what it always does, and no more.
 */
#ifndef AGAMID_RELAYD_STARTER_H
#define AGAMID_RELAYD_STARTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"
#include "mail/conf.h"
#include "mail/ticket.h"

#define STARTER_CHILDREN_MAX 256 /* at once */
#define STARTER_LINE_MAX 80

enum starter_verb {
	STARTER_DIAL,
	STARTER_PROBE,
	STARTER_END,
	STARTER_ENDED,
};

struct starter_order {
	enum starter_verb verb;
	uint32_t number; /* 1 ... */
	char name[NODE_NAME_MAX + 1]; /* of dial and probe */
	int status; /* of ended */
};

/* A line, with or without its "\n" (pure). 0 or AG_EINVAL. */
int starter_parse(const char *line, struct starter_order *o_r);
/* Its length, with the "\n". */
size_t starter_write(
    const struct starter_order *o, char line_r[STARTER_LINE_MAX]);

/*
 * Start it; before relayd is confined, or has anything to hide. It calls
 * confine, and runs until this end of the socket, which is returned, is
 * closed. Or AG_EIO.
 */
typedef void starter_confine_fn(const struct conf *conf);
int starter_fork(const struct conf *conf, bool rescue,
    starter_confine_fn *confine, struct error *error_r);

#endif
