/* SPDX-License-Identifier: MIT */
/*
 * doctor_talk - a short conversation in lines with a server, with one
 * deadline for all of it: SMTP, LMTP, IMAP, Postfix's policy protocol.
 *
 * SECURITY: the server may be anybody: its answers are bounded.
 */
#ifndef AGAMID_DOCTOR_TALK_H
#define AGAMID_DOCTOR_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

struct talk {
	int fd; /* -1: not connected */
	int64_t until; /* of clock_ms() */
	struct buf in; /* what was not read yet */
	struct buf reply; /* the last reply, its lines joined */
};

/* Connect within wait_ms, which is also the deadline of what follows. 0;
 * AG_ENOENT (nobody listens), AG_EIO, with the reason. talk_close() either
 * way. */
int talk_unix(
    struct talk *t, const char *path, int wait_ms, struct error *error_r);
/* address: text of an IP address. */
int talk_tcp(struct talk *t, const char *address, unsigned port, int wait_ms,
    struct error *error_r);
void talk_close(struct talk *t);

int talk_send(struct talk *t, const void *data, size_t len);
/* A line with CRLF behind it. */
int talk_say(struct talk *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The next line, without its end, into reply; 0, AG_EIO. */
int talk_line(struct talk *t);
/* A reply of SMTP, of one line or several: its code, or AG_EIO. */
int talk_reply(struct talk *t);
/* Say a line and take the reply's code. */
int talk_ask(struct talk *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Exactly len bytes. */
int talk_read(struct talk *t, void *data, size_t len);

#endif
