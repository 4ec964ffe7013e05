/* SPDX-License-Identifier: MIT */
/*
 * results - Authentication-Results (RFC 8601) of a mail that comes home:
 * what the acceptor saw is said under the acceptor's name, and what a mail
 * brings under the name of any node of the network is forged, and taken
 * out (RFC 8601 section 5): nodes say such things in a bundle's head.
 *
 *	Authentication-Results: carol.friends.example;
 *		spf=pass smtp.mailfrom="ann@sender.example"
 *		smtp.helo=mx.sender.example;
 *		iprev=pass policy.iprev=192.0.2.1;
 *		x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_...
 *
 * iprev says whether the client's address has a name that leads back to
 * it; x-tls is a private method, for RFC 8601 has none. With nothing known
 * the field says "none".
 *
 * Pure; the filter takes pieces of any size of what has passed lines.h and
 * headers.h.
 */
#ifndef AGAMID_DELIVER_RESULTS_H
#define AGAMID_DELIVER_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "mail/bundle.h"

/* host: the acceptor's; mail: the path of MAIL FROM, "<ann@...>". 0,
 * AG_ETOOBIG, AG_ENOMEM. */
int results_write(const struct bundle_client *client, const char *host,
    const char *mail, struct buf *out);

/* Is this authserv-id a node's? */
typedef bool results_ours_fn(const void *ctx, const char *id);

#define RESULTS_HELD_MAX 1024
#define RESULTS_ID_MAX 256

enum results_state {
	RESULTS_NAME, /* of a field, as far as it is the one */
	RESULTS_COLON,
	RESULTS_BLANK, /* and comments, before the authserv-id */
	RESULTS_TOKEN, /* in it */
	RESULTS_QUOTED, /* in it, quoted */
	RESULTS_PASS, /* in a field that stays */
	RESULTS_SKIP, /* in one that goes */
	RESULTS_BODY,
};

struct results {
	results_ours_fn *ours; /* NULL: nothing is taken out */
	const void *ctx;
	enum results_state state;
	bool in_line; /* not at the start of a line */
	bool escaped; /* behind a backslash */
	unsigned depth; /* of comments */
	char held[RESULTS_HELD_MAX]; /* of the field, undecided */
	size_t held_len;
	char id[RESULTS_ID_MAX];
	size_t id_len;
};

void results_init(struct results *r, results_ours_fn *ours, const void *ctx);
/* Append to out what of data stays: at most its length and
 * RESULTS_HELD_MAX more. 0, AG_ETOOBIG, AG_ENOMEM. */
int results_put(
    struct results *r, const void *data, size_t len, struct buf *out);
/* The end of the message. */
int results_end(struct results *r, struct buf *out);

#endif
