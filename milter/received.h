/* SPDX-License-Identifier: MIT */
/*
 * received - our own Received line (RFC 5321 section 4.4): Postfix hides
 * its own from milters.
 *
 * Pure. Everything from outside is cleaned here, so that no HELO name can
 * end a comment, fold a line or add a header.
 */
#ifndef AGAMID_MILTER_RECEIVED_H
#define AGAMID_MILTER_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/bundle.h"
#include "util/buf.h"

struct received {
	const struct bundle_client *client; /* NULL: no "from" */
	const char *by; /* our host */
	const char *with; /* "ESMTPS", "LMTP" */
	const char *id; /* Postfix's queue ID; "" if unknown */
	const char *rcpt; /* the only recipient, bare or in <>; or NULL */
	int64_t time;
};

/* Append the line (folded, CRLF at its end). 0, AG_ETOOBIG, AG_ENOMEM. */
int received_write(const struct received *r, struct buf *out);

/* The "with" word (RFC 3848, RFC 6531): protocol is SMTP or ESMTP. */
const char *received_with(const char *protocol, bool tls, bool smtputf8);

#endif
