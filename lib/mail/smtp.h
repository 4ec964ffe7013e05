/* SPDX-License-Identifier: MIT */
/*
 * smtp - an SMTP client on a connected stream socket: a command out, a
 * reply in, each with a deadline. It knows no mail: its callers do. LMTP's
 * many replies behind one final dot are waited for one by one.
 *
 * SECURITY: a command with a CR, an LF or a NUL in it is never sent.
 */
#ifndef AGAMID_SMTP_H
#define AGAMID_SMTP_H

#include <sys/stat.h>
#include <stddef.h>

#include "mail/smtp_reply.h"
#include "util/error.h"

struct smtp;

/* Takes over the descriptor. */
struct smtp *smtp_new(int fd);
/* Closes the connection as it is. */
void smtp_free(struct smtp **s);

/*
 * From now on a wait ends, with AG_EAGAIN, soon after another socket than
 * `was` (taken before the connection was made) has come to stand at path,
 * borrowed: who listens there now will answer, while the process at the
 * other end is left over from a server that died. NULL: no more.
 */
void smtp_watch(struct smtp *s, const char *path, const struct stat *was);

/* The last reply; borrowed. */
const struct smtp_reply *smtp_last(const struct smtp *s);

/* Wait for a reply. 0; AG_EAGAIN: the deadline passed; AG_EIO: the
 * connection is gone; AG_EINVAL, AG_ETOOBIG: no SMTP. */
int smtp_wait(struct smtp *s, unsigned seconds, struct error *error_r);

/* A command without its line end; then its reply, as smtp_wait(). */
int smtp_say(struct smtp *s, unsigned seconds, const char *command,
    struct error *error_r);

/* Bytes of a message, as they are; each write within seconds. */
int smtp_send(struct smtp *s, const void *data, size_t len, unsigned seconds,
    struct error *error_r);

#endif
