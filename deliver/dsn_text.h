/* SPDX-License-Identifier: MIT */
/*
 * dsn_text - the notification for a sender whose mail has expired: a
 * multipart/report (RFC 6522) with a delivery status (RFC 3464), and
 * nothing of the mail. Pure.
 */
#ifndef AGAMID_DELIVER_DSN_TEXT_H
#define AGAMID_DELIVER_DSN_TEXT_H

#include <stdint.h>

#include "mail/dsn.h"
#include "util/buf.h"

struct dsn_facts {
	const struct dsn_record *record;
	const char *host; /* this node's */
	const char *home; /* the host of the recipients' home, or its name */
	const char *unique; /* hex digits, the same for the same record */
	int64_t now;
};

/* The whole mail, LF lines. 0, AG_ETOOBIG (told of fewer recipients if
 * that is why), AG_ENOMEM, AG_EINVAL. */
int dsn_text_write(const struct dsn_facts *f, struct buf *out);

/* "<ann@sender.example>" without its brackets. */
int dsn_text_address(const char *path, char *out, size_t outsize);

#endif
