/* SPDX-License-Identifier: MIT */
/*
 * headers - the header of a mail that comes home: what calls itself
 * X-Agamid-* is taken out, ours is put on top.
 *
 * Ours, in this order:
 *	X-Agamid-Via: carol			the acceptor
 *	X-Agamid-Accepted: 2026-11-22T08:00:00Z	when it took the mail
 *	X-Agamid-Held: 7260			seconds since then
 *	X-Agamid-Id: <64 hex digits>		the bundle's ID
 *	X-Agamid-Once: <64 hex digits>		for Sieve's duplicate test
 *
 * X-Agamid-Once is HMAC-SHA-256 of the ID under the node's own secret, so
 * that nobody else can make a mail that Sieve takes for one seen before.
 *
 * Pure; input comes in pieces of any size and has passed lines.h. A line
 * that begins with X-Agamid- in any case is taken out with the lines that
 * continue it, up to the first empty line, even below a line that is no
 * header field (where Postfix's header ends already).
 */
#ifndef AGAMID_DELIVER_HEADERS_H
#define AGAMID_DELIVER_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/ticket.h"

#define NODE_SECRET_SIZE 32

/* Our fields, as lines. */
int headers_write(const struct ticket *t, int64_t now,
    const uint8_t secret[NODE_SECRET_SIZE], struct buf *out);

#define HEADERS_PREFIX_LEN 9 /* "X-Agamid-" */

enum headers_state {
	HEADERS_FIRST, /* nothing has come yet */
	HEADERS_START, /* at the start of a line of the header */
	HEADERS_PREFIX, /* in what may become X-Agamid- */
	HEADERS_LINE, /* in a line that stays */
	HEADERS_SKIP, /* in a line that goes */
	HEADERS_BODY,
};

struct headers { /* all zeros to begin with */
	enum headers_state state;
	bool skipping; /* the field that goes may be continued */
	bool only_cr; /* of this line only a CR has been seen */
	char held[HEADERS_PREFIX_LEN]; /* of the line, undecided */
	size_t held_len;
};

/* Append to out what of data stays: at most its length + 16. 0,
 * AG_ETOOBIG, AG_ENOMEM. */
int headers_put(
    struct headers *h, const void *data, size_t len, struct buf *out);
/* The end of the message. */
int headers_end(struct headers *h, struct buf *out);

#endif
