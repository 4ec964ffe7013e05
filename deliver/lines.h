/* SPDX-License-Identifier: MIT */
/*
 * lines - a message's bytes as lines that end in CRLF and nothing else.
 *
 * Postfix takes a bare LF, and any number of CRs before an LF, for the
 * end of a line; so "\n.\r\n" or "\r\n.\r\r\n" in a message that was
 * copied as it is would end the mail, and what follows would be commands
 * (SMTP smuggling). Here each of these becomes a CRLF, and a CR elsewhere
 * a blank: what Postfix stores for such bytes anyway. Dots are stuffed
 * after this (mail/bsmtp.h), so no line of a message is ever the last one.
 *
 * Mail whose lines end in CRLF passes unchanged. Pure; any piece size.
 */
#ifndef AGAMID_DELIVER_LINES_H
#define AGAMID_DELIVER_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

struct lines { /* all zeros: at the start of a message */
	unsigned crs; /* CRs seen, nothing behind them yet */
	bool in_line; /* not at the start of a line */
};

/* Append data's lines to out: at most twice its length and LINES_CRS_MAX
 * more. 0, AG_ETOOBIG, AG_ENOMEM. */
#define LINES_CRS_MAX 64
int lines_put(struct lines *l, const void *data, size_t len, struct buf *out);
/* The end of the message: ends a last line that has no end. */
int lines_end(struct lines *l, struct buf *out);

#endif
