/* SPDX-License-Identifier: MIT */
/*
 * lmtp - the language of LMTP (RFC 2033) as a server hears it: command
 * lines, XFORWARD's attributes (Postfix's XFORWARD_README), and message
 * data up to the final dot.
 *
 * Pure parsers: bytes in, structs out. The conversation is in
 * lmtp_session.h.
 */
#ifndef AGAMID_MILTER_LMTP_H
#define AGAMID_MILTER_LMTP_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "mail/bundle.h"

/* A command line with its CRLF: RFC 5321 section 4.5.3.1.4 plus what
 * SMTPUTF8, DSN and XFORWARD add. */
#define LMTP_LINE_MAX 2048

enum lmtp_verb {
	LMTP_LHLO,
	LMTP_MAIL,
	LMTP_RCPT,
	LMTP_DATA,
	LMTP_RSET,
	LMTP_NOOP,
	LMTP_QUIT,
	LMTP_VRFY,
	LMTP_XFORWARD,
	LMTP_HELO, /* HELO and EHLO: an SMTP client has come */
	LMTP_UNKNOWN
};

struct lmtp_command {
	enum lmtp_verb verb;
	/* What follows the verb (MAIL and RCPT: "FROM:", "TO:"). */
	char arg[LMTP_LINE_MAX];
};

/*
 * The command at the front of data. The bytes it took with its line end
 * (CRLF, or a bare LF); 0 if the line isn't all there yet; AG_EINVAL for
 * a malformed line (*skip_r is its length then, so that the next can be
 * read); AG_ETOOBIG if it is longer than LMTP_LINE_MAX.
 */
ssize_t lmtp_parse_command(
    const char *data, size_t len, struct lmtp_command *c_r, size_t *skip_r);

struct lmtp_xforward {
	struct bundle_client client; /* NAME ADDR PORT HELO PROTO */
	char ident[64]; /* Postfix's queue ID */
	bool local; /* SOURCE=LOCAL: no SMTP client */
};

/* Merge "NAME=VALUE NAME=VALUE" into x; [UNAVAILABLE] becomes "". 0 or
 * AG_EINVAL (an unknown name, bad xtext, too long). */
int lmtp_parse_xforward(const char *arg, struct lmtp_xforward *x);

/* Message data: start with all zeros. */
struct lmtp_data {
	int state;
};

/*
 * Take stuffed dots off. Reads from in, writes what belongs to the
 * message to out (room for len + 1 bytes), and says how much of both;
 * *end_r when the final dot was read, behind which nothing is taken. Only
 * CRLF "." CRLF ends a message.
 */
size_t lmtp_data(struct lmtp_data *d, const char *in, size_t len, char *out,
    size_t *outlen_r, bool *end_r);

#endif
