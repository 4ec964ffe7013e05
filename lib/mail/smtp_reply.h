/* SPDX-License-Identifier: MIT */
/*
 * smtp_reply - an SMTP server's replies (RFC 5321 section 4.2), and what
 * its EHLO offers. Pure.
 */
#ifndef AGAMID_SMTP_REPLY_H
#define AGAMID_SMTP_REPLY_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define SMTP_LINE_MAX 2048
#define SMTP_REPLY_MAX 16384 /* a whole reply, all its lines */

struct smtp_reply {
	int code; /* 200 to 599 */
	char text[SMTP_REPLY_MAX]; /* lines without codes, "\n" between */
};

/*
 * Parse the reply at the front of data. The bytes it took; 0 if it is not
 * all there yet; AG_EINVAL if it is none, AG_ETOOBIG if it can't become
 * one within the bounds.
 */
ssize_t smtp_reply_parse(const void *data, size_t len, struct smtp_reply *r_r);

/* "CODE TEXT" on one line, control characters as '?', cut to size. */
void smtp_reply_line(const struct smtp_reply *r, char *out, size_t size);

static inline bool
smtp_reply_is(const struct smtp_reply *r, int class)
{
	return r->code / 100 == class;
}

struct smtp_offer { /* what an EHLO reply offers */
	bool eightbitmime, smtputf8, dsn, size, starttls;
	bool xclient; /* with all attributes that we need */
};

void smtp_offer_parse(const struct smtp_reply *r, struct smtp_offer *o_r);

#endif
