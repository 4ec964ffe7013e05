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
/* path and params are checked (as the parser would) and copied. 0,
 * AG_EINVAL, AG_ETOOBIG, AG_ENOMEM. */
int bsmtp_set_mail(
    struct bsmtp_envelope *e, const char *path, const char *params);
int bsmtp_add_rcpt(
    struct bsmtp_envelope *e, const char *path, const char *params);
/* The value of a parameter ("NOTIFY") or NULL if absent; copied to out. */
const char *bsmtp_param(
    const struct bsmtp_path *p, const char *name, char *out, size_t outsize);

/* Parse "<path> P1=V1 P2" as it stands after "MAIL FROM:" / "RCPT TO:".
 * Known parameters only. Used by the LMTP server as well. */
int bsmtp_parse_mail(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r);
int bsmtp_parse_rcpt(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r);

/* EHLO ... DATA. */
int bsmtp_write_head(
    const struct bsmtp_envelope *e, const char *ehlo, struct buf *out);
/* Append message bytes, dot-stuffed. State is carried between calls in a
 * struct bsmtp_stuff (start with all zeros, which means "at the start of
 * a line"). Bytes are otherwise verbatim. */
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
 * message bytes, then done() at QUIT; each may return a negative ag_err,
 * which bsmtp_parse() returns. After QUIT only zeros may come. A bare CR
 * or LF in a command, an unknown command or parameter, RCPT before MAIL,
 * a second transaction, no RCPT: AG_EINVAL.
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
