/* SPDX-License-Identifier: MIT */
/*
 * message - a bundle's message as it is handed on: every line ends in CRLF
 * (lines.h), and what calls itself X-Agamid-* is out (headers.h), as is
 * what claims to be a node's Authentication-Results (results.h). The same
 * for Postfix and for a Maildir.
 */
#ifndef AGAMID_DELIVER_MESSAGE_H
#define AGAMID_DELIVER_MESSAGE_H

#include <stddef.h>

#include "deliver/headers.h"
#include "deliver/lines.h"
#include "deliver/results.h"
#include "util/buf.h"
#include "util/error.h"

#define MESSAGE_PIECE 16384

struct message {
	struct lines lines;
	struct headers headers;
	struct results results;
	struct buf lined, stripped;
	struct buf out; /* what the last call made */
};

/* ours as in results.h, NULL for none. */
void message_init(struct message *m, results_ours_fn *ours, const void *ctx);
void message_free(struct message *m); /* wipes it */

/* At most MESSAGE_PIECE bytes; what comes of them is in m->out. */
int message_put(
    struct message *m, const char *data, size_t len, struct error *error_r);
/* The end: the last line's, and what was held back. */
int message_end(struct message *m, struct error *error_r);

#endif
