/* SPDX-License-Identifier: MIT */
/*
 * lmtp_session - one LMTP conversation; see lmtp_session.h.
 *
 * What can't be sealed now gets a 4xx and stays in Postfix's queue; a 5xx
 * makes Postfix bounce it to its sender.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mail/bsmtp.h"
#include "milter/confirmed.h"
#include "milter/decide.h"
#include "milter/lmtp_session.h"
#include "milter/sealing.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/text.h"

#define ERRORS_MAX 20
#define WAIT_MS 5000
#define RECEIVED "Received:"
#define RECEIVED_LEN (sizeof(RECEIVED) - 1)

/* Recipients that share a bundle. */
struct group {
	struct mail_class class;
	struct bsmtp_envelope envelope;
	struct sealing *job;
	enum answer answer; /* OK, or why not */
};

struct lmtp_session {
	const struct lmtp_context *ctx;
	struct network *net; /* of the transaction, from MAIL on */
	bool greeted;
	unsigned errors;
	struct lmtp_xforward client;
	struct bsmtp_envelope mail; /* MAIL alone */
	bool has_mail;
	struct group groups[LMTP_GROUPS_MAX];
	size_t group_count;
	unsigned char rcpt_group[LMTP_RCPT_MAX]; /* in their order */
	size_t rcpt_count;
	char first[RECEIVED_LEN]; /* of the message, until jobs have begun */
	size_t first_len;
	bool begun;
};

/* ---- helpers ---- */

static const char *
host_of(const struct lmtp_session *s)
{
	struct network *net;
	static const char unknown[] = "localhost";

	net = s->net;
	return net != NULL ? network_self(net)->host : unknown;
}

static enum lmtp_next
say(struct buf *reply, const char *text)
{
	/* LMTP_REPLY_MAX has room for every reply that is asked for. */
	(void)buf_printf(reply, "%s\r\n", text);
	return LMTP_NEXT_COMMAND;
}

static enum lmtp_next
say_answer(struct buf *reply, enum answer a)
{
	char text[256];

	answer_write(a, text, sizeof(text));
	return say(reply, text);
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
	size_t i;

	for (i = 0; i < s->group_count; i++) {
		sealing_free(&s->groups[i].job);
		bsmtp_envelope_free(&s->groups[i].envelope);
	}
	s->group_count = s->rcpt_count = 0;
	bsmtp_envelope_free(&s->mail);
	bsmtp_envelope_init(&s->mail);
	s->has_mail = s->begun = false;
	s->first_len = 0;
	network_unref(&s->net);
}

struct lmtp_session *
lmtp_session_new(const struct lmtp_context *ctx, struct buf *reply)
{
	struct lmtp_session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ctx = ctx;
	bsmtp_envelope_init(&s->mail);
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
	bsmtp_envelope_free(&s->mail);
	free(s);
	*session = NULL;
}

/* ---- commands ---- */

static enum lmtp_next
do_lhlo(struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	if (c->arg[0] == '\0')
		return say_error(s, reply, "501 5.5.4 Syntax: LHLO name");
	reset(s);
	s->greeted = true;
	buf_printf(reply, "250-%s\r\n", host_of(s));
	buf_printf(reply, "250-SIZE %llu\r\n",
	    (unsigned long long)sealer_conf(s->ctx->sealer)->max_message_size);
	return say(reply,
	    "250-PIPELINING\r\n"
	    "250-8BITMIME\r\n"
	    "250-SMTPUTF8\r\n"
	    "250-DSN\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n"
	    "250 XFORWARD NAME ADDR PORT PROTO HELO SOURCE IDENT");
}

static enum lmtp_next
do_xforward(
    struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	if (s->has_mail)
		return say_error(s, reply, "503 5.5.1 Mail transaction open");
	if (lmtp_parse_xforward(c->arg, &s->client) != AG_OK)
		return say_error(s, reply, "501 5.5.4 Bad XFORWARD attribute");
	return say(reply, "250 2.0.0 Ok");
}

/* Is it mail of our own users? Then the client that gave it to Postfix is
 * theirs: the home must not judge it (SPF, reverse name) as a stranger's
 * server. */
static bool
is_own_sender(const struct lmtp_session *s)
{
	struct address a;

	return address_parse(s->mail.mail.path, &a) == AG_OK && !a.null &&
	    manifest_has_domain(network_self(s->net), a.domain);
}

static enum answer
check_mail(struct lmtp_session *s)
{
	struct error error = {""};
	char size[24];
	uint64_t n = 0;

	if (bsmtp_param(&s->mail.mail, "SIZE", size, sizeof(size)) != NULL &&
	    (text_uint(size, UINT64_MAX, &n) != AG_OK ||
		n > sealer_conf(s->ctx->sealer)->max_message_size))
		return ANSWER_TOO_BIG;
	s->net = network_current(s->ctx->source, &error);
	if (s->net == NULL) {
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
	if (bsmtp_parse_mail(&s->mail, c->arg, &error) != AG_OK) {
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

static uint64_t
declared_size(const struct lmtp_session *s)
{
	char size[24];
	uint64_t n = 0;

	if (bsmtp_param(&s->mail.mail, "SIZE", size, sizeof(size)) == NULL ||
	    text_uint(size, UINT64_MAX, &n) != AG_OK)
		return 0;
	return n;
}

/* May this recipient have a bundle? */
static enum answer
judge(struct lmtp_session *s, const char *path, struct target *t_r)
{
	struct address rcpt;
	struct room room;
	enum answer a;

	if (address_parse(path, &rcpt) != AG_OK || rcpt.null)
		return ANSWER_BAD_RCPT;
	a = decide_recipient(s->net, &rcpt, t_r);
	a = confirmed_soften(sealer_conf(s->ctx->sealer)->run_dir, s->net,
	    rcpt.domain, a, (int64_t)time(NULL));
	if (a == ANSWER_PASS) {
		/* Our own domain at this door is a mistake in Postfix's
		 * tables: a 5xx would bounce good mail. */
		return ANSWER_TROUBLE;
	}
	if (a != ANSWER_OK)
		return a;
	if (!sealer_usable(s->ctx->sealer, s->net, t_r))
		return ANSWER_NO_KEY;
	sealer_room(s->ctx->sealer, &room);
	return decide_room(t_r->home, &room, declared_size(s));
}

/* The group of this class, made if need be; NULL if there are too many. */
static struct group *
find_group(struct lmtp_session *s, const struct mail_class *class)
{
	struct group *g;
	size_t i;

	for (i = 0; i < s->group_count; i++)
		if (mail_class_equal(&s->groups[i].class, class))
			return &s->groups[i];
	if (s->group_count == LMTP_GROUPS_MAX)
		return NULL;
	g = &s->groups[s->group_count];
	memset(g, 0, sizeof(*g));
	g->class = *class;
	bsmtp_envelope_init(&g->envelope);
	if (bsmtp_set_mail(&g->envelope, s->mail.mail.path,
		s->mail.mail.params) != AG_OK) {
		bsmtp_envelope_free(&g->envelope);
		return NULL;
	}
	s->group_count++;
	return g;
}

static enum answer
add_rcpt(struct lmtp_session *s, const struct bsmtp_path *rcpt)
{
	struct target target;
	struct group *g;
	enum answer a;

	if (s->rcpt_count == LMTP_RCPT_MAX)
		return ANSWER_TOO_MANY;
	if ((a = judge(s, rcpt->path, &target)) != ANSWER_OK) {
		log_info("refused rcpt=%s queue=%s reply=%s", rcpt->path,
		    s->client.ident, answer_text(a)->code);
		return a;
	}
	g = find_group(s, &target.class);
	if (g == NULL ||
	    bsmtp_add_rcpt(&g->envelope, rcpt->path, rcpt->params) != AG_OK)
		return ANSWER_TOO_MANY;
	s->rcpt_group[s->rcpt_count++] = g - s->groups;
	return ANSWER_OK;
}

static enum lmtp_next
do_rcpt(struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply)
{
	struct bsmtp_envelope one;
	struct error error;
	enum answer a;

	if (!s->has_mail)
		return say_error(s, reply, "503 5.5.1 MAIL first");
	bsmtp_envelope_init(&one);
	if (bsmtp_set_mail(&one, "<>", "") != AG_OK ||
	    bsmtp_parse_rcpt(&one, c->arg, &error) != AG_OK) {
		bsmtp_envelope_free(&one);
		return say_error(s, reply, "501 5.5.4 Bad RCPT command");
	}
	a = add_rcpt(s, &one.rcpt[0]);
	bsmtp_envelope_free(&one);
	return a == ANSWER_OK ? say(reply, "250 2.1.5 Ok")
			      : say_answer(reply, a);
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
	memset(&s->client, 0, sizeof(s->client));
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

/* ---- the message ---- */

/*
 * The trace of this node is one Received line: Postfix's own where the
 * message begins with it, as it does unless someone prepended a header,
 * else ours. So a mail that came by both doors (the milter died before
 * Postfix heard its answer) is the same mail below its first line, and the
 * home delivers one.
 */
static void
start_jobs(struct lmtp_session *s)
{
	static const struct bundle_client nobody;
	bool traced = s->first_len == RECEIVED_LEN &&
	    strncasecmp(s->first, RECEIVED, RECEIVED_LEN) == 0;
	struct sealing_request req = {
	    .net = s->net,
	    .with = traced ? NULL : "LMTP",
	    .received_from = false,
	    .queue_id = s->client.ident,
	    .now = time(NULL),
	    .own = is_own_sender(s),
	};
	size_t i;

	req.client = s->client.local || req.own ? &nobody : &s->client.client;
	for (i = 0; i < s->group_count; i++) {
		req.class = s->groups[i].class;
		req.envelope = &s->groups[i].envelope;
		s->groups[i].answer =
		    sealing_new(s->ctx->sealer, &req, &s->groups[i].job);
	}
	s->begun = true;
}

static void
push(struct lmtp_session *s, const void *data, size_t len)
{
	struct group *g;
	size_t i;

	for (i = 0; i < s->group_count; i++) {
		g = &s->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = sealing_push(g->job, data, len);
	}
}

void
lmtp_session_data(struct lmtp_session *s, const void *data, size_t len)
{
	const char *p = data;

	while (!s->begun && len > 0) {
		s->first[s->first_len++] = *p++;
		len--;
		if (s->first_len < RECEIVED_LEN)
			continue;
		start_jobs(s);
		push(s, s->first, s->first_len);
	}
	if (len > 0)
		push(s, p, len);
}

static void
log_result(const struct lmtp_session *s, const struct group *g)
{
	const char *client = s->client.client.address;

	if (s->client.local || client[0] == '\0')
		client = "local";
	if (g->answer == ANSWER_OK)
		log_info("sealed home=%s id=%s size=%llu client=%s queue=%s",
		    g->class.home, sealing_id(g->job),
		    (unsigned long long)sealing_size(g->job), client,
		    s->client.ident);
	else
		log_info("refused client=%s home=%s queue=%s reply=%s", client,
		    g->class.home, s->client.ident,
		    answer_text(g->answer)->code);
}

static enum answer
wait_for_job(struct sealing *job)
{
	enum answer a;

	do
		a = sealing_wait(job, WAIT_MS);
	while (a == ANSWER_WAIT);
	return a;
}

/* All are told before the first is waited for. */
static void
finish_jobs(struct lmtp_session *s)
{
	struct group *g;
	size_t i;

	for (i = 0; i < s->group_count; i++) {
		g = &s->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = sealing_end(g->job);
	}
	for (i = 0; i < s->group_count; i++) {
		g = &s->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = wait_for_job(g->job);
		if (g->answer == ANSWER_OK && fault_point("seal.answer")) {
			sealing_withdraw(g->job, NULL);
			g->answer = ANSWER_TROUBLE;
		}
		log_result(s, g);
	}
}

void
lmtp_session_data_end(struct lmtp_session *s, struct buf *reply)
{
	size_t i;

	if (!s->begun) {
		start_jobs(s);
		push(s, s->first, s->first_len);
	}
	finish_jobs(s);
	for (i = 0; i < s->rcpt_count; i++)
		say_answer(reply, s->groups[s->rcpt_group[i]].answer);
	reset(s);
	forget_client(s);
}
