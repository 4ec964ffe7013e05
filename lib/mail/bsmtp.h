/* SPDX-License-Identifier: MIT */
/*
 * bsmtp - one batch SMTP transaction (RFC 2442): written by the acceptor,
 * parsed strictly at home. Parse, don't pipe: no line of a bundle ever
 * goes to an SMTP server; what was understood is said anew.
 *
 *	EHLO carol.friends.example
 *	MAIL FROM:<ann@sender.example> BODY=8BITMIME RET=HDRS ENVID=x
 *	RCPT TO:<talktome@bob.example> NOTIFY=FAILURE ORCPT=rfc822;...
 *	DATA
 *	<message, dot-stuffed, CRLF lines>
 *	.
 *	QUIT
 */
#ifndef AGAMID_BSMTP_H
#define AGAMID_BSMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/address.h"
#include "util/buf.h"
#include "util/error.h"

#define BSMTP_RCPT_MAX 1000
#define BSMTP_PARAMS_MAX 1024 /* of one command */
#define BSMTP_LINE_MAX 2048 /* a command line */

/* MAIL: BODY SIZE RET ENVID SMTPUTF8; RCPT: NOTIFY ORCPT. No others, none
 * twice (RFC 1870, 6152, 3461, 6531). params is what stood after the path
 * without the blank before it ("" if nothing). */
struct bsmtp_path {
	char *path; /* "<ann@sender.example>", verbatim */
	char *params;
};

struct bsmtp_envelope {
	struct bsmtp_path mail;
	struct bsmtp_path *rcpt;
	size_t rcpt_count;
};

void bsmtp_envelope_init(struct bsmtp_envelope *e);
void bsmtp_envelope_free(struct bsmtp_envelope *e);
/* path and params are checked (as the parser would) and copied; brackets
 * are put around a path that has none. A recipient needs a domain; a
 * second set_mail is refused. 0, AG_EINVAL, AG_ETOOBIG, AG_ENOMEM; the
 * envelope is as it was then. */
int bsmtp_set_mail(
    struct bsmtp_envelope *e, const char *path, const char *params);
int bsmtp_add_rcpt(
    struct bsmtp_envelope *e, const char *path, const char *params);
/* The value of a parameter ("NOTIFY"; "" for SMTPUTF8), copied to out; NULL
 * if absent, or too long for out: BSMTP_PARAMS_MAX bytes always do. */
const char *bsmtp_param(
    const struct bsmtp_path *p, const char *name, char *out, size_t outsize);

/* Parse "<path> P1=V1 P2" as it stands after "MAIL FROM:" / "RCPT TO:".
 * Known parameters only, one blank before each. Used by the LMTP server as
 * well. */
int bsmtp_parse_mail(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r);
int bsmtp_parse_rcpt(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r);

/* EHLO ... DATA. ehlo is a domain. AG_EINVAL without MAIL or RCPT. */
int bsmtp_write_head(
    const struct bsmtp_envelope *e, const char *ehlo, struct buf *out);
/* Append message bytes, dot-stuffed. State is carried between calls in a
 * struct bsmtp_stuff (start with all zeros, which means "at the start of
 * a line"). Bytes are otherwise verbatim: a bare CR or LF is no line's
 * end. */
struct bsmtp_stuff {
	bool in_line; /* not at the start of a line */
	bool cr; /* last byte was CR */
};
int bsmtp_write_data(
    struct bsmtp_stuff *s, const void *data, size_t len, struct buf *out);
/* The end: CRLF if the message did not end in one, ".", QUIT. */
int bsmtp_write_tail(struct bsmtp_stuff *s, struct buf *out);

/*
 * The parser: pushed bytes in pieces of any size. When the envelope is
 * complete (at DATA) envelope() is called, then body() with un-stuffed
 * message bytes, then done() at QUIT; each may be NULL, and may return a
 * negative ag_err, which bsmtp_parse() returns. After QUIT only zeros may
 * come. A bare CR or LF in a command, an unknown command or parameter,
 * RCPT before MAIL, a second transaction, no RCPT, a bound exceeded:
 * AG_EINVAL, whose sentence never quotes the batch; AG_ENOMEM. After an
 * error the parser takes nothing more.
 *
 * What it guarantees:
 * - envelope() comes once, before any body(); every path and parameter in
 *   it is one that bsmtp_set_mail() and bsmtp_add_rcpt() take: no control
 *   character, no blank outside quotes. *e is the parser's.
 * - body()'s pieces together are the message as it was given to
 *   bsmtp_write_data(), ending in CRLF unless empty. Nothing is known of
 *   its bytes: there may be bare CR, bare LF, NUL, LF "." LF, LF "." CRLF
 *   and CRLF "." CR CRLF in it. Who says it to an SMTP server must see to
 *   it that none of them ends the DATA there (Postfix 3.7 takes a bare LF,
 *   with or without CRs before it, for a line's end): make each of them a
 *   CRLF, or refuse, and stuff dots (bsmtp_write_data() will do) only
 *   after that.
 * - done() comes once, after the last body(), and says that the message
 *   is whole; not that the bundle is (bsmtp_parse_end(), integrity).
 */
struct bsmtp_handler {
	int (*envelope)(
	    void *ctx, const char *ehlo, const struct bsmtp_envelope *e);
	int (*body)(void *ctx, const void *data, size_t len);
	int (*done)(void *ctx);
	void *ctx;
};

struct bsmtp_parser;

struct bsmtp_parser *bsmtp_parser_new(const struct bsmtp_handler *h);
void bsmtp_parser_free(struct bsmtp_parser **p);
int bsmtp_parse(struct bsmtp_parser *p, const void *data, size_t len,
    struct error *error_r);
/* At the end of input: 0 if QUIT was seen, else AG_EINVAL. */
int bsmtp_parse_end(struct bsmtp_parser *p, struct error *error_r);

#endif
