/* SPDX-License-Identifier: MIT */
/*
 * dsn - records of senders to be told. See dsn.h.
 */
#include "mail/dsn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mail/bundle.h"
#include "util/text.h"

#define LINE_MAX_BYTES 512

/* Is FAILURE in the list of NOTIFY? */
static bool
wants_failure(const struct bsmtp_path *rcpt)
{
	char value[BSMTP_PARAMS_MAX], *word, *rest = value;

	if (bsmtp_param(rcpt, "NOTIFY", value, sizeof(value)) == NULL)
		return true;
	while ((word = strsep(&rest, ",")) != NULL) {
		if (strcasecmp(word, "FAILURE") == 0)
			return true;
	}
	return false;
}

int
dsn_select(const struct bsmtp_envelope *from, struct bsmtp_envelope *to_r)
{
	size_t i;
	int rc;

	bsmtp_envelope_init(to_r);
	if (strcmp(from->mail.path, "<>") == 0)
		return 0;
	rc = bsmtp_set_mail(to_r, from->mail.path, from->mail.params);
	for (i = 0; rc == 0 && i < from->rcpt_count; i++) {
		if (wants_failure(&from->rcpt[i]))
			rc = bsmtp_add_rcpt(
			    to_r, from->rcpt[i].path, from->rcpt[i].params);
	}
	if (rc == 0)
		return (int)to_r->rcpt_count;
	bsmtp_envelope_free(to_r);
	return rc;
}

int
dsn_write(const struct dsn_record *r, const char *host, struct buf *out)
{
	static const char zeros[64];
	struct bsmtp_stuff stuff = {false, false};
	size_t start = out->len, n;
	uint64_t left;
	int rc;

	rc = buf_printf(out, "agamid-dsn 1 %s %s %s %s %" PRId64 "\r\n",
	    r->network, r->acceptor, r->home, r->id, r->time);
	if (rc == 0)
		rc = bsmtp_write_head(&r->envelope, host, out);
	if (rc == 0)
		rc = bsmtp_write_tail(&stuff, out);
	left = bundle_padded(out->len - start) - (out->len - start);
	for (; rc == 0 && left > 0; left -= n) {
		n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
		rc = buf_put(out, zeros, n);
	}
	return rc;
}

/* Reading ---------------------------------------------------------------- */

static bool
take_word(struct cursor *c, char *out, size_t size)
{
	const char *p;
	size_t len;

	if (!cursor_until(c, ' ', &p, &len) || len >= size)
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

static bool
parse_line(const char *line, size_t len, struct dsn_record *r)
{
	struct cursor c;
	uint64_t time;

	cursor_init(&c, line, len);
	if (!cursor_skip(&c, "agamid-dsn 1 ") ||
	    !take_word(&c, r->network, sizeof(r->network)) ||
	    !take_word(&c, r->acceptor, sizeof(r->acceptor)) ||
	    !take_word(&c, r->home, sizeof(r->home)) ||
	    !take_word(&c, r->id, sizeof(r->id)) ||
	    !cursor_uint(&c, INT64_MAX, &time) || !cursor_skip(&c, "\r") ||
	    c.left > 0)
		return false;
	r->time = (int64_t)time;
	return text_is_domain(r->network) && text_is_node_name(r->acceptor) &&
	    text_is_node_name(r->home) && text_is_hex(r->id, BUNDLE_ID_LEN);
}

/* bsmtp_handler's: the parser's envelope is copied. */
static int
take_envelope(void *ctx, const char *ehlo, const struct bsmtp_envelope *e)
{
	struct bsmtp_envelope *to = ctx;
	size_t i;
	int rc;

	(void)ehlo;
	rc = bsmtp_set_mail(to, e->mail.path, e->mail.params);
	for (i = 0; rc == 0 && i < e->rcpt_count; i++)
		rc = bsmtp_add_rcpt(to, e->rcpt[i].path, e->rcpt[i].params);
	return rc;
}

int
dsn_parse(
    const void *data, size_t len, struct dsn_record *r_r, struct error *error_r)
{
	const struct bsmtp_handler handler = {
	    .envelope = take_envelope, .ctx = &r_r->envelope};
	struct bsmtp_parser *parser;
	struct cursor c;
	const char *line;
	size_t line_len;
	int rc;

	memset(r_r, 0, sizeof(*r_r));
	bsmtp_envelope_init(&r_r->envelope);
	cursor_init(&c, data, len);
	if (!cursor_line(&c, &line, &line_len) || line_len > LINE_MAX_BYTES ||
	    !parse_line(line, line_len, r_r))
		return error_set(error_r, AG_EINVAL, "it is no such record");
	parser = bsmtp_parser_new(&handler);
	if (parser == NULL)
		return error_set(error_r, AG_ENOMEM, "no memory");
	rc = bsmtp_parse(parser, c.p, c.left, error_r);
	if (rc == 0)
		rc = bsmtp_parse_end(parser, error_r);
	if (rc == 0 && strcmp(r_r->envelope.mail.path, "<>") == 0)
		rc = error_set(error_r, AG_EINVAL, "there is nobody to tell");
	bsmtp_parser_free(&parser);
	if (rc < 0)
		bsmtp_envelope_free(&r_r->envelope);
	return rc;
}
