/* SPDX-License-Identifier: MIT */
/*
 * bsmtp_parse - the strict, streaming parser of one batch SMTP
 * transaction; what it accepts is in doc/spec/bundle.md, chapter 3.
 *
 * It holds no more than one command line and the envelope. Message bytes
 * are handed on as they come, in the caller's own pieces.
 *
 * SECURITY: this reads what a hostile acceptor may have made. Nothing that
 * the writer could not have written gets past it; after an error it never
 * goes on. Errors never quote the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bsmtp.h"
#include "util/text.h"

enum state {
	WANT_EHLO,
	WANT_MAIL,
	WANT_RCPT, /* or DATA, behind the first */
	BODY_LINE_START,
	BODY_IN_LINE,
	BODY_CR, /* in a line, behind a CR */
	BODY_DOT, /* "." at the start of a line */
	BODY_DOT_CR,
	WANT_QUIT,
	PADDING,
	FAILED,
};

struct bsmtp_parser {
	struct bsmtp_handler handler;
	enum state state;
	struct bsmtp_envelope envelope;
	char ehlo[256];
	char line[BSMTP_LINE_MAX + 1];
	size_t line_len;
};

struct bsmtp_parser *
bsmtp_parser_new(const struct bsmtp_handler *h)
{
	struct bsmtp_parser *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->handler = *h;
		bsmtp_envelope_init(&p->envelope);
	}
	return p;
}

void
bsmtp_parser_free(struct bsmtp_parser **p)
{
	if (*p == NULL)
		return;
	bsmtp_envelope_free(&(*p)->envelope);
	free(*p);
	*p = NULL;
}

/* To the caller a bound that is exceeded is one more malformed batch. */
static int
malformed(int rc)
{
	return rc == AG_ETOOBIG ? AG_EINVAL : rc;
}

/* What stands behind verb, or NULL. SPEC B-3.2: letter for letter. */
static const char *
argument(const char *line, const char *verb)
{
	size_t len = strlen(verb);

	return strncmp(line, verb, len) == 0 ? line + len : NULL;
}

static int
take_ehlo(struct bsmtp_parser *p, struct error *error_r)
{
	const char *arg = argument(p->line, "EHLO ");

	if (arg == NULL || !text_is_domain(arg))
		return error_set(error_r, AG_EINVAL,
		    "the batch does not begin with EHLO and a domain");
	strcpy(p->ehlo, arg);
	p->state = WANT_MAIL;
	return 0;
}

static int
take_mail(struct bsmtp_parser *p, struct error *error_r)
{
	const char *arg = argument(p->line, "MAIL FROM:");

	if (arg == NULL)
		return error_set(
		    error_r, AG_EINVAL, "no MAIL behind EHLO in the batch");
	p->state = WANT_RCPT;
	return malformed(bsmtp_parse_mail(&p->envelope, arg, error_r));
}

static int
take_rcpt_or_data(struct bsmtp_parser *p, struct error *error_r)
{
	const char *arg = argument(p->line, "RCPT TO:");
	int rc = 0;

	if (arg != NULL)
		return malformed(bsmtp_parse_rcpt(&p->envelope, arg, error_r));
	if (strcmp(p->line, "DATA") != 0 || p->envelope.rcpt_count == 0)
		return error_set(error_r, AG_EINVAL,
		    "neither RCPT nor DATA behind MAIL and RCPT in the batch");
	p->state = BODY_LINE_START;
	if (p->handler.envelope != NULL)
		rc = p->handler.envelope(p->handler.ctx, p->ehlo, &p->envelope);
	return rc < 0 ? error_set(error_r, rc, "the envelope was refused") : 0;
}

static int
take_quit(struct bsmtp_parser *p, struct error *error_r)
{
	int rc = 0;

	/* SPEC B-3.1: no second transaction. */
	if (strcmp(p->line, "QUIT") != 0)
		return error_set(error_r, AG_EINVAL,
		    "no QUIT behind the message in the batch");
	p->state = PADDING;
	if (p->handler.done != NULL)
		rc = p->handler.done(p->handler.ctx);
	return rc < 0 ? error_set(error_r, rc, "the batch was refused") : 0;
}

static int
take_command(struct bsmtp_parser *p, struct error *error_r)
{
	switch (p->state) {
	case WANT_EHLO:
		return take_ehlo(p, error_r);
	case WANT_MAIL:
		return take_mail(p, error_r);
	case WANT_RCPT:
		return take_rcpt_or_data(p, error_r);
	default:
		return take_quit(p, error_r);
	}
}

/*
 * Collect a command line, and take it when it is whole. The bytes used.
 * SPEC B-3.2: CRLF ends it, and no other control character is in it.
 */
static ssize_t
feed_command(
    struct bsmtp_parser *p, const char *data, size_t len, struct error *error_r)
{
	const char *lf = memchr(data, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf + 1 - data) : len;
	int rc;

	if (n > BSMTP_LINE_MAX - p->line_len)
		return error_set(error_r, AG_EINVAL,
		    "a command in the batch is longer than %d bytes",
		    BSMTP_LINE_MAX);
	memcpy(p->line + p->line_len, data, n);
	p->line_len += n;
	if (lf == NULL)
		return (ssize_t)n;
	if (p->line_len < 2 || p->line[p->line_len - 2] != '\r')
		return error_set(error_r, AG_EINVAL,
		    "a command in the batch does not end in CRLF");
	p->line_len -= 2;
	p->line[p->line_len] = '\0';
	if (strlen(p->line) != p->line_len || !text_is_line(p->line))
		return error_set(error_r, AG_EINVAL,
		    "a command in the batch holds what is no text");
	p->line_len = 0;
	rc = take_command(p, error_r);
	return rc < 0 ? rc : (ssize_t)n;
}

/*
 * The bytes from data on that are the message's and can be handed on at
 * once: up to the end, or to a dot at the start of a line.
 */
static size_t
body_run(struct bsmtp_parser *p, const char *data, size_t len)
{
	const char *at = data, *end = data + len, *lf;
	bool cr = p->state == BODY_CR;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (lf > data)
			cr = lf[-1] == '\r';
		at = lf + 1;
		if (cr && (at == end || *at == '.')) {
			p->state = BODY_LINE_START;
			return (size_t)(at - data);
		}
		cr = false;
	}
	p->state = end[-1] == '\r' ? BODY_CR : BODY_IN_LINE;
	return len;
}

static ssize_t
feed_run(
    struct bsmtp_parser *p, const char *data, size_t len, struct error *error_r)
{
	size_t n = body_run(p, data, len);
	int rc = 0;

	if (p->handler.body != NULL)
		rc = p->handler.body(p->handler.ctx, data, n);
	if (rc < 0)
		return error_set(error_r, rc, "the message was refused");
	return (ssize_t)n;
}

/* SPEC B-3.8, B-3.9: behind a dot at a line's start. */
static ssize_t
feed_dot(
    struct bsmtp_parser *p, const char *data, size_t len, struct error *error_r)
{
	if (p->state == BODY_DOT && *data == '.') {
		p->state = BODY_IN_LINE;
		return feed_run(p, data, len, error_r);
	}
	if (p->state == BODY_DOT && *data == '\r')
		p->state = BODY_DOT_CR;
	else if (p->state == BODY_DOT_CR && *data == '\n')
		p->state = WANT_QUIT;
	else
		return error_set(error_r, AG_EINVAL,
		    "a line of the batch begins with a single dot");
	return 1;
}

static ssize_t
feed_body(
    struct bsmtp_parser *p, const char *data, size_t len, struct error *error_r)
{
	switch (p->state) {
	case BODY_LINE_START:
		if (*data != '.')
			return feed_run(p, data, len, error_r);
		p->state = BODY_DOT;
		return 1;
	case BODY_DOT:
	case BODY_DOT_CR:
		return feed_dot(p, data, len, error_r);
	default:
		return feed_run(p, data, len, error_r);
	}
}

/* SPEC B-3.11 */
static ssize_t
feed_padding(const char *data, size_t len, struct error *error_r)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] != '\0')
			return error_set(error_r, AG_EINVAL,
			    "something follows QUIT in the batch");
	}
	return (ssize_t)len;
}

static ssize_t
feed(
    struct bsmtp_parser *p, const char *data, size_t len, struct error *error_r)
{
	switch (p->state) {
	case WANT_EHLO:
	case WANT_MAIL:
	case WANT_RCPT:
	case WANT_QUIT:
		return feed_command(p, data, len, error_r);
	case PADDING:
		return feed_padding(data, len, error_r);
	case FAILED:
		return error_set(
		    error_r, AG_EINVAL, "the batch was refused already");
	default:
		return feed_body(p, data, len, error_r);
	}
}

int
bsmtp_parse(
    struct bsmtp_parser *p, const void *data, size_t len, struct error *error_r)
{
	const char *at = data;
	ssize_t n;

	for (; len > 0; at += n, len -= (size_t)n) {
		n = feed(p, at, len, error_r);
		if (n < 0) {
			p->state = FAILED;
			return (int)n;
		}
	}
	return 0;
}

int
bsmtp_parse_end(struct bsmtp_parser *p, struct error *error_r)
{
	if (p->state == PADDING)
		return 0;
	p->state = FAILED;
	return error_set(error_r, AG_EINVAL, "the batch ends before its QUIT");
}
