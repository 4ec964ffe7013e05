/* SPDX-License-Identifier: MIT */
/*
 * open - a bundle is opened twice. See open.h.
 *
 * Both passes go through the same parsers; they differ in what becomes of
 * the envelope and of the message. Memory is flat: the engine streams, and
 * only head and envelope are kept.
 *
 * SECURITY: the inside is the acceptor's word, or worse. The digest over
 * all of it ties the second pass to the first, even if the file were
 * exchanged in between.
 */
#include "deliver/open.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"
#include "mail/spool.h"

struct pass {
	int fd;
	off_t at, end; /* in the file: what is to be read */
	const struct ticket *ticket;
	crypto_hash_sha256_state hash; /* of the inside */
	struct buf head;
	bool head_done;
	struct bsmtp_parser *parser;
	bool done; /* QUIT was seen */
	int rc; /* the first error of ours, and its reason */
	struct error error;
	struct error handler_error; /* a handler's; the parser's is vaguer */

	/* The first time. */
	const struct manifest *self;
	struct opened *found;
	struct content content;
	struct drill_scan drill;
	struct sealed_part sealed;

	/* The second time. */
	open_body_fn *body;
	void *body_ctx;
};

/* ---- the engine's two ends ---- */

static ssize_t
pass_read(void *ctx, void *data, size_t len)
{
	struct pass *p = ctx;
	ssize_t n;

	if ((off_t)len > p->end - p->at)
		len = (size_t)(p->end - p->at);
	if (len == 0)
		return 0;
	n = pread(p->fd, data, len, p->at);
	if (n <= 0) {
		p->rc =
		    error_set_errno(&p->error, AG_EIO, "can't read the bundle");
		return AG_EIO;
	}
	p->at += n;
	return n;
}

/* More of the head; how many of these bytes were taken. */
static ssize_t
pass_head(struct pass *p, const char *data, size_t len)
{
	struct bundle_head head;
	size_t room = p->head.max - p->head.len;
	ssize_t n;
	int rc;

	if (len > room)
		len = room;
	rc = buf_put(&p->head, data, len);
	if (rc < 0)
		return error_set(&p->error, rc, "%s", error_name(rc));
	n = bundle_head_parse(p->head.data, p->head.len, &head, &p->error);
	if (n == 0 && p->head.len == p->head.max)
		return error_set(&p->error, AG_EINVAL, "the head has no end");
	if (n <= 0)
		return n < 0 ? n : (ssize_t)len;
	/* Whoever holds the bytes can sign a ticket of his own for them. */
	if (strcmp(head.acceptor, p->ticket->acceptor) != 0)
		return error_set(&p->error, AG_EPERM, "%s did not seal this",
		    p->ticket->acceptor);
	if (bundle_head_agrees(&head, p->ticket) < 0)
		return error_set(
		    &p->error, AG_EINVAL, "inside and ticket don't agree");
	if (p->found != NULL)
		p->found->head = head;
	p->head_done = true;
	rc = bsmtp_parse(
	    p->parser, p->head.data + n, p->head.len - (size_t)n, &p->error);
	return rc < 0 ? rc : (ssize_t)len;
}

static int
pass_write(void *ctx, const void *data, size_t len)
{
	struct pass *p = ctx;
	const char *at = data;
	ssize_t n = 0;

	if (p->rc < 0)
		return p->rc;
	crypto_hash_sha256_update(&p->hash, data, len);
	if (!p->head_done) {
		n = pass_head(p, at, len);
		if (n < 0)
			return p->rc = (int)n;
	}
	if (p->head_done && (size_t)n < len)
		p->rc =
		    bsmtp_parse(p->parser, at + n, len - (size_t)n, &p->error);
	return p->rc;
}

/* ---- the transaction, the first time ---- */

static int
check_rcpt(struct pass *p, const struct bsmtp_path *rcpt)
{
	struct address a;

	if (address_parse(rcpt->path, &a) < 0 || a.null ||
	    !manifest_has_domain(p->self, a.domain))
		return error_set(&p->handler_error, AG_EINVAL,
		    "the recipient %s is not in our domains", rcpt->path);
	return bsmtp_add_rcpt(&p->found->envelope, rcpt->path, rcpt->params);
}

static int
check_envelope(void *ctx, const char *ehlo, const struct bsmtp_envelope *e)
{
	struct pass *p = ctx;
	size_t i;
	int rc;

	(void)ehlo;
	rc = bsmtp_set_mail(&p->found->envelope, e->mail.path, e->mail.params);
	for (i = 0; rc == 0 && i < e->rcpt_count; i++)
		rc = check_rcpt(p, &e->rcpt[i]);
	return rc;
}

static int
check_body(void *ctx, const void *data, size_t len)
{
	struct pass *p = ctx;

	content_put(&p->content, data, len);
	drill_scan(&p->drill, data, len);
	(void)sealed_part_put(&p->sealed, data, len); /* its end tells */
	p->found->body_size += len;
	return 0;
}

/* ---- and the second time ---- */

static int
send_envelope(void *ctx, const char *ehlo, const struct bsmtp_envelope *e)
{
	(void)ctx;
	(void)ehlo;
	(void)e;
	return 0; /* the digest says whether it is the same */
}

static int
send_body(void *ctx, const void *data, size_t len)
{
	struct pass *p = ctx;

	return p->body(p->body_ctx, data, len, &p->handler_error);
}

static int
pass_done(void *ctx)
{
	struct pass *p = ctx;

	p->done = true;
	return 0;
}

/* ---- a pass ---- */

static int
pass_begin(struct pass *p, int fd, const struct ticket *t, bool first)
{
	const struct bsmtp_handler handler = {
	    .envelope = first ? check_envelope : send_envelope,
	    .body = first ? check_body : send_body,
	    .done = pass_done,
	    .ctx = p,
	};

	p->fd = fd;
	p->at = SPOOL_HEAD;
	p->end = SPOOL_HEAD + (off_t)t->size;
	p->ticket = t;
	crypto_hash_sha256_init(&p->hash);
	buf_init(&p->head, BUNDLE_HEAD_MAX);
	p->parser = bsmtp_parser_new(&handler);
	return p->parser == NULL ? AG_ENOMEM : 0;
}

/* The whole of it; the digest of the inside. */
static int
pass_run(struct pass *p, struct openpgp *pgp, uint8_t plain_r[32],
    struct error *error_r)
{
	const struct openpgp_source source = {pass_read, p};
	const struct openpgp_sink sink = {pass_write, p};
	int rc;

	rc = openpgp_open(pgp, &source, &sink, error_r);
	if (p->rc < 0)
		return error_set(error_r, p->rc, "%s",
		    p->handler_error.text[0] != '\0' ? p->handler_error.text
						     : p->error.text);
	if (rc < 0)
		return rc;
	crypto_hash_sha256_final(&p->hash, plain_r);
	if (!p->head_done)
		return error_set(error_r, AG_EINVAL, "the head has no end");
	rc = bsmtp_parse_end(p->parser, error_r);
	if (rc == 0 && !p->done)
		rc = error_set(error_r, AG_EINVAL, "no end of transaction");
	return rc;
}

static void
pass_end(struct pass *p)
{
	bsmtp_parser_free(&p->parser);
	buf_wipe(&p->head);
	sodium_memzero(p, sizeof(*p));
}

int
open_check(struct openpgp *pgp, int fd, const struct ticket *t,
    const struct manifest *self, struct opened *o_r, struct error *error_r)
{
	struct pass p = {.self = self, .found = o_r};
	int rc;

	memset(o_r, 0, sizeof(*o_r));
	bsmtp_envelope_init(&o_r->envelope);
	content_init(&p.content);
	sealed_part_init(&p.sealed, NULL, NULL);
	rc = pass_begin(&p, fd, t, true);
	if (rc == 0)
		rc = pass_run(&p, pgp, o_r->plain, error_r);
	else
		error_set(error_r, rc, "no memory");
	content_end(&p.content, o_r->content);
	o_r->message_id = p.content.message_id;
	snprintf(o_r->drill, sizeof(o_r->drill), "%s", drill_value(&p.drill));
	o_r->is_sealed = sealed_part_end(&p.sealed, o_r->sealed) == 0;
	memcpy(o_r->boundary, p.sealed.boundary, sizeof(o_r->boundary));
	pass_end(&p);
	if (rc < 0)
		opened_free(o_r);
	return rc;
}

void
opened_free(struct opened *o)
{
	bsmtp_envelope_free(&o->envelope);
	sodium_memzero(o, sizeof(*o));
}

int
open_body(struct openpgp *pgp, int fd, const struct ticket *t,
    const struct opened *o, open_body_fn *body, void *ctx,
    struct error *error_r)
{
	struct pass p = {.body = body, .body_ctx = ctx};
	uint8_t plain[32];
	int rc;

	rc = pass_begin(&p, fd, t, false);
	if (rc == 0)
		rc = pass_run(&p, pgp, plain, error_r);
	else
		error_set(error_r, rc, "no memory");
	pass_end(&p);
	if (rc == 0 && sodium_memcmp(plain, o->plain, sizeof(plain)) != 0)
		rc = error_set(
		    error_r, AG_ESIG, "the bundle changed while it was read");
	return rc;
}
