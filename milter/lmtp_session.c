/* SPDX-License-Identifier: MIT */
/*
 * lmtp_session - one LMTP conversation; see lmtp_session.h.
 *
 * What can't be taken now gets a 4xx and stays in Postfix's queue; a 5xx
 * makes Postfix bounce it to its sender.
 */
#include <stdlib.h>
#include <string.h>

#include "milter/lmtp_session.h"
#include "util/log.h"
#include "util/text.h"

#define ERRORS_MAX 20

struct lmtp_session {
	const struct lmtp_context *ctx;
	void *door; /* ctx->door's */
	bool greeted;
	unsigned errors;
	struct lmtp_mail mail;
	bool has_mail;
	size_t rcpt_count;
};

/* ---- helpers ---- */

void
lmtp_say(struct buf *reply, const char *text)
{
	(void)buf_printf(reply, "%s\r\n", text);
}

void
lmtp_say_answer(struct buf *reply, enum answer a)
{
	char text[256];

	answer_write(a, text, sizeof(text));
	lmtp_say(reply, text);
}

static const char *
host_of(const struct lmtp_session *s)
{
	static const char unknown[] = "localhost";
	struct network *net = s->mail.net;

	return net != NULL ? network_self(net)->host : unknown;
}

static enum lmtp_next
say(struct buf *reply, const char *text)
{
	lmtp_say(reply, text);
	return LMTP_NEXT_COMMAND;
}

static enum lmtp_next
say_answer(struct buf *reply, enum answer a)
{
	lmtp_say_answer(reply, a);
	return LMTP_NEXT_COMMAND;
}

static enum lmtp_next
say_error(struct lmtp_session *s, struct buf *reply, const char *text)
{
	if (++s->errors > ERRORS_MAX) {
		say(reply, "421 4.7.0 Too many errors");
		return LMTP_NEXT_CLOSE;
	}
	return say(reply, text);
}

static void
reset(struct lmtp_session *s)
{
	s->ctx->door->reset(s->door);
	bsmtp_envelope_free(&s->mail.envelope);
	bsmtp_envelope_init(&s->mail.envelope);
	s->mail.size = 0;
	s->has_mail = false;
	s->rcpt_count = 0;
	network_unref(&s->mail.net);
}

struct lmtp_session *
lmtp_session_new(const struct lmtp_context *ctx, struct buf *reply)
{
	struct lmtp_session *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->door = ctx->door->open(ctx)) == NULL) {
		free(s);
		return NULL;
	}
	s->ctx = ctx;
	bsmtp_envelope_init(&s->mail.envelope);
	buf_printf(reply, "220 %s LMTP Agamid\r\n", host_of(s));
	return s;
}

void
lmtp_session_free(struct lmtp_session **session)
{
	struct lmtp_session *s = *session;

	if (s == NULL)
		return;
	reset(s);
	bsmtp_envelope_free(&s->mail.envelope);
	s->ctx->door->close(s->door);
	free(s);
	*session = NULL;
}

/* ---- commands ---- */

static enum lmtp_next
do_lhlo(struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	int offers;

	if (c->arg[0] == '\0')
		return say_error(s, reply, "501 5.5.4 Syntax: LHLO name");
	reset(s);
	if ((offers = s->ctx->door->hello(s->door)) < 0) {
		say(reply, "421 4.3.2 The mail store does not answer now");
		return LMTP_NEXT_CLOSE;
	}
	s->greeted = true;
	buf_printf(reply, "250-%s\r\n", host_of(s));
	buf_printf(reply, "250-SIZE %llu\r\n",
	    (unsigned long long)s->ctx->door->limit(s->door));
	if (offers & LMTP_8BITMIME)
		say(reply, "250-8BITMIME");
	if (offers & LMTP_SMTPUTF8)
		say(reply, "250-SMTPUTF8");
	if (offers & LMTP_DSN)
		say(reply, "250-DSN");
	return say(reply,
	    "250-PIPELINING\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n"
	    "250 XFORWARD NAME ADDR PORT PROTO HELO SOURCE IDENT");
}

static enum lmtp_next
do_xforward(
    struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	if (s->has_mail)
		return say_error(s, reply, "503 5.5.1 Mail transaction open");
	if (lmtp_parse_xforward(c->arg, &s->mail.client) != AG_OK)
		return say_error(s, reply, "501 5.5.4 Bad XFORWARD attribute");
	return say(reply, "250 2.0.0 Ok");
}

static enum answer
check_mail(struct lmtp_session *s)
{
	const uint64_t limit = s->ctx->door->limit(s->door);
	struct error error = {""};
	char size[24];

	if (bsmtp_param(&s->mail.envelope.mail, "SIZE", size, sizeof(size)) !=
		NULL &&
	    (text_uint(size, UINT64_MAX, &s->mail.size) != AG_OK ||
		(limit > 0 && s->mail.size > limit)))
		return ANSWER_TOO_BIG;
	s->mail.net = network_current(s->ctx->source, &error);
	if (s->mail.net == NULL) {
		log_warn("no network's view error=%s", error.text);
		return ANSWER_TROUBLE;
	}
	return ANSWER_OK;
}

static enum lmtp_next
do_mail(struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	struct error error;
	enum answer a;

	if (!s->greeted || s->has_mail)
		return say_error(s, reply, "503 5.5.1 Not now");
	if (bsmtp_parse_mail(&s->mail.envelope, c->arg, &error) != AG_OK) {
		reset(s);
		return say_error(s, reply, "501 5.5.4 Bad MAIL command");
	}
	if ((a = check_mail(s)) != ANSWER_OK) {
		reset(s);
		return say_answer(reply, a);
	}
	s->has_mail = true;
	return say(reply, "250 2.1.0 Ok");
}

static enum lmtp_next
do_rcpt(struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	struct bsmtp_envelope one;
	struct error error;

	if (!s->has_mail)
		return say_error(s, reply, "503 5.5.1 MAIL first");
	if (s->rcpt_count == LMTP_RCPT_MAX)
		return say_answer(reply, ANSWER_TOO_MANY);
	bsmtp_envelope_init(&one);
	if (bsmtp_set_mail(&one, "<>", "") != AG_OK ||
	    bsmtp_parse_rcpt(&one, c->arg, &error) != AG_OK) {
		bsmtp_envelope_free(&one);
		return say_error(s, reply, "501 5.5.4 Bad RCPT command");
	}
	if (s->ctx->door->rcpt(s->door, &s->mail, &one.rcpt[0], reply))
		s->rcpt_count++;
	bsmtp_envelope_free(&one);
	return LMTP_NEXT_COMMAND;
}

static enum lmtp_next
do_data(struct lmtp_session *s, struct buf *reply)
{
	if (!s->has_mail)
		return say_error(s, reply, "503 5.5.1 MAIL first");
	/* RFC 2033 section 4.2 */
	if (s->rcpt_count == 0)
		return say_error(s, reply, "503 5.5.1 No valid recipients");
	say(reply, "354 End data with <CR><LF>.<CR><LF>");
	return LMTP_NEXT_DATA;
}

static void
forget_client(struct lmtp_session *s)
{
	memset(&s->mail.client, 0, sizeof(s->mail.client));
}

enum lmtp_next
lmtp_session_command(
    struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	switch (c->verb) {
	case LMTP_LHLO:
		return do_lhlo(s, c, reply);
	case LMTP_MAIL:
		return do_mail(s, c, reply);
	case LMTP_RCPT:
		return do_rcpt(s, c, reply);
	case LMTP_DATA:
		return do_data(s, reply);
	case LMTP_XFORWARD:
		return do_xforward(s, c, reply);
	case LMTP_RSET:
		reset(s);
		forget_client(s);
		return say(reply, "250 2.0.0 Ok");
	case LMTP_NOOP:
		return say(reply, "250 2.0.0 Ok");
	case LMTP_VRFY:
		return say(reply, "252 2.5.0 Send some mail, and see");
	case LMTP_QUIT:
		say(reply, "221 2.0.0 Bye");
		return LMTP_NEXT_CLOSE;
	case LMTP_HELO:
		return say_error(s, reply, "500 5.5.1 This is LMTP: LHLO");
	case LMTP_UNKNOWN:
	default:
		return say_error(s, reply, "500 5.5.2 Unknown command");
	}
}

enum lmtp_next
lmtp_session_malformed(struct lmtp_session *s, struct buf *reply)
{
	return say_error(s, reply, "500 5.5.2 Malformed line");
}

void
lmtp_session_data(struct lmtp_session *s, const void *data, size_t len)
{
	s->ctx->door->data(s->door, &s->mail, data, len);
}

void
lmtp_session_data_end(struct lmtp_session *s, struct buf *reply)
{
	s->ctx->door->end(s->door, &s->mail, reply);
	reset(s);
	forget_client(s);
}
