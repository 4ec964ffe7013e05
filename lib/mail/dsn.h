/* SPDX-License-Identifier: MIT */
/*
 * dsn - what an acceptor must still know of a sender, should his mail
 * expire: whom to tell, and of which recipients (doc/spec/node.md, chapter
 * 12; RFC 3461). It is kept beside the bundle in dsn/ID, sealed to the
 * acceptor's own key like a bundle is to its home's.
 *
 *	agamid-dsn 1 NETWORK ACCEPTOR HOME ID TIME\r\n
 *	<one batch SMTP transaction with an empty message; bsmtp.h>
 *	<zeros up to the size class; bundle.h>
 *
 * Pure.
 */
#ifndef AGAMID_DSN_H
#define AGAMID_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/bsmtp.h"
#include "mail/ticket.h"
#include "util/buf.h"
#include "util/error.h"

#define DSN_MAX (4u << 20) /* bytes, sealed or not */

struct dsn_record {
	char network[NETWORK_NAME_MAX + 1];
	char acceptor[NODE_NAME_MAX + 1];
	char home[NODE_NAME_MAX + 1];
	char id[BUNDLE_ID_LEN + 1];
	int64_t time; /* when it was sealed */
	struct bsmtp_envelope envelope; /* only who is to be told of */
};

/*
 * Into *to_r (to be freed) the sender, and those recipients whose failure
 * he wants to hear of: NOTIFY has FAILURE, or is absent (RFC 3461 section
 * 4.1). Their count: 0 where there is none, or nobody to tell (a null
 * sender); AG_ENOMEM.
 */
int dsn_select(const struct bsmtp_envelope *from, struct bsmtp_envelope *to_r);

/* host: the acceptor's. 0; AG_EINVAL, AG_ETOOBIG, AG_ENOMEM. */
int dsn_write(const struct dsn_record *r, const char *host, struct buf *out);
/* 0 or AG_EINVAL, AG_ENOMEM. Free r_r->envelope after success. */
int dsn_parse(const void *data, size_t len, struct dsn_record *r_r,
    struct error *error_r);

#endif
