/* SPDX-License-Identifier: MIT */
/*
 * lmtp_peers - the door to the friends; see lmtp_peers.h.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "milter/confirmed.h"
#include "milter/decide.h"
#include "milter/lmtp_peers.h"
#include "milter/sealing.h"
#include "util/fault.h"
#include "util/log.h"

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

struct peers {
	const struct lmtp_context *ctx;
	struct group groups[LMTP_GROUPS_MAX];
	size_t group_count;
	unsigned char rcpt_group[LMTP_RCPT_MAX]; /* in their order */
	size_t rcpt_count;
	char first[RECEIVED_LEN]; /* of the message, until jobs have begun */
	size_t first_len;
	bool begun;
};

static void *
peers_open(const struct lmtp_context *ctx)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->ctx = ctx;
	return p;
}

static void
peers_reset(void *door)
{
	struct peers *p = door;
	size_t i;

	for (i = 0; i < p->group_count; i++) {
		sealing_free(&p->groups[i].job);
		bsmtp_envelope_free(&p->groups[i].envelope);
	}
	p->group_count = p->rcpt_count = 0;
	p->first_len = 0;
	p->begun = false;
}

static void
peers_close(void *door)
{
	free(door);
}

static int
peers_hello(void *door)
{
	(void)door;
	return LMTP_8BITMIME | LMTP_SMTPUTF8 | LMTP_DSN;
}

static uint64_t
peers_limit(const void *door)
{
	const struct peers *p = door;

	return sealer_conf(p->ctx->sealer)->max_message_size;
}

/* ---- recipients ---- */

/* May this recipient have a bundle? */
static enum answer
judge(struct peers *p, const struct lmtp_mail *m, const char *path,
    struct target *t_r)
{
	struct sealer *sealer = p->ctx->sealer;
	struct address rcpt;
	struct room room;
	enum answer a;

	if (address_parse(path, &rcpt) != AG_OK || rcpt.null)
		return ANSWER_BAD_RCPT;
	a = decide_recipient(m->net, &rcpt, t_r);
	a = confirmed_soften(sealer_conf(sealer)->run_dir, m->net, rcpt.domain,
	    a, (int64_t)time(NULL));
	if (a == ANSWER_PASS) {
		/* Our own domain at this door is a mistake in Postfix's
		 * tables: a 5xx would bounce good mail. */
		return ANSWER_TROUBLE;
	}
	if (a != ANSWER_OK)
		return a;
	if (!sealer_usable(sealer, m->net, t_r))
		return ANSWER_NO_KEY;
	sealer_room(sealer, &room);
	return decide_room(t_r->home, &room, m->size);
}

/* The group of this class, made if need be; NULL if there are too many. */
static struct group *
find_group(
    struct peers *p, const struct lmtp_mail *m, const struct mail_class *class)
{
	const struct bsmtp_path *mail = &m->envelope.mail;
	struct group *g;
	size_t i;

	for (i = 0; i < p->group_count; i++)
		if (mail_class_equal(&p->groups[i].class, class))
			return &p->groups[i];
	if (p->group_count == LMTP_GROUPS_MAX)
		return NULL;
	g = &p->groups[p->group_count];
	memset(g, 0, sizeof(*g));
	g->class = *class;
	bsmtp_envelope_init(&g->envelope);
	if (bsmtp_set_mail(&g->envelope, mail->path, mail->params) != AG_OK) {
		bsmtp_envelope_free(&g->envelope);
		return NULL;
	}
	p->group_count++;
	return g;
}

static enum answer
add_rcpt(
    struct peers *p, const struct lmtp_mail *m, const struct bsmtp_path *rcpt)
{
	struct target target;
	struct group *g;
	enum answer a;

	if ((a = judge(p, m, rcpt->path, &target)) != ANSWER_OK) {
		log_info("refused rcpt=%s queue=%s reply=%s", rcpt->path,
		    m->client.ident, answer_text(a)->code);
		return a;
	}
	g = find_group(p, m, &target.class);
	if (g == NULL ||
	    bsmtp_add_rcpt(&g->envelope, rcpt->path, rcpt->params) != AG_OK)
		return ANSWER_TOO_MANY;
	p->rcpt_group[p->rcpt_count++] = g - p->groups;
	return ANSWER_OK;
}

static bool
peers_rcpt(void *door, const struct lmtp_mail *m, const struct bsmtp_path *rcpt,
    struct buf *reply)
{
	enum answer a = add_rcpt(door, m, rcpt);

	if (a == ANSWER_OK)
		lmtp_say(reply, "250 2.1.5 Ok");
	else
		lmtp_say_answer(reply, a);
	return a == ANSWER_OK;
}

/* ---- the message ---- */

/* Is it mail of our own users? Then the client that gave it to Postfix is
 * theirs: the home must not judge it (SPF, reverse name) as a stranger's
 * server. */
static bool
is_own_sender(const struct lmtp_mail *m)
{
	struct address a;

	return address_parse(m->envelope.mail.path, &a) == AG_OK && !a.null &&
	    manifest_has_domain(network_self(m->net), a.domain);
}

/*
 * The trace of this node is one Received line: Postfix's own where the
 * message begins with it, as it does unless someone prepended a header,
 * else ours. So a mail that came by both doors (the milter died before
 * Postfix heard its answer) is the same mail below its first line, and the
 * home delivers one.
 */
static void
start_jobs(struct peers *p, const struct lmtp_mail *m)
{
	static const struct bundle_client nobody;
	bool traced = p->first_len == RECEIVED_LEN &&
	    strncasecmp(p->first, RECEIVED, RECEIVED_LEN) == 0;
	struct sealing_request req = {
	    .net = m->net,
	    .with = traced ? NULL : "LMTP",
	    .received_from = false,
	    .queue_id = m->client.ident,
	    .now = time(NULL),
	    .own = is_own_sender(m),
	};
	size_t i;

	req.client = m->client.local || req.own ? &nobody : &m->client.client;
	for (i = 0; i < p->group_count; i++) {
		req.class = p->groups[i].class;
		req.envelope = &p->groups[i].envelope;
		p->groups[i].answer =
		    sealing_new(p->ctx->sealer, &req, &p->groups[i].job);
	}
	p->begun = true;
}

static void
push(struct peers *p, const void *data, size_t len)
{
	struct group *g;
	size_t i;

	for (i = 0; i < p->group_count; i++) {
		g = &p->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = sealing_push(g->job, data, len);
	}
}

static void
peers_data(void *door, const struct lmtp_mail *m, const void *data, size_t len)
{
	struct peers *p = door;
	const char *at = data;

	while (!p->begun && len > 0) {
		p->first[p->first_len++] = *at++;
		len--;
		if (p->first_len < RECEIVED_LEN)
			continue;
		start_jobs(p, m);
		push(p, p->first, p->first_len);
	}
	if (len > 0)
		push(p, at, len);
}

static void
log_result(const struct lmtp_mail *m, const struct group *g)
{
	const char *client = m->client.client.address;

	if (m->client.local || client[0] == '\0')
		client = "local";
	if (g->answer == ANSWER_OK)
		log_info("sealed home=%s id=%s size=%llu client=%s queue=%s",
		    g->class.home, sealing_id(g->job),
		    (unsigned long long)sealing_size(g->job), client,
		    m->client.ident);
	else
		log_info("refused client=%s home=%s queue=%s reply=%s", client,
		    g->class.home, m->client.ident,
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
finish_jobs(struct peers *p, const struct lmtp_mail *m)
{
	struct group *g;
	size_t i;

	for (i = 0; i < p->group_count; i++) {
		g = &p->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = sealing_end(g->job);
	}
	for (i = 0; i < p->group_count; i++) {
		g = &p->groups[i];
		if (g->answer == ANSWER_OK)
			g->answer = wait_for_job(g->job);
		if (g->answer == ANSWER_OK && fault_point("seal.answer")) {
			sealing_withdraw(g->job, NULL);
			g->answer = ANSWER_TROUBLE;
		}
		log_result(m, g);
	}
}

static void
peers_end(void *door, const struct lmtp_mail *m, struct buf *reply)
{
	struct peers *p = door;
	size_t i;

	if (!p->begun) {
		start_jobs(p, m);
		push(p, p->first, p->first_len);
	}
	finish_jobs(p, m);
	for (i = 0; i < p->rcpt_count; i++)
		lmtp_say_answer(reply, p->groups[p->rcpt_group[i]].answer);
}

const struct lmtp_door lmtp_peers = {
    .open = peers_open,
    .close = peers_close,
    .hello = peers_hello,
    .limit = peers_limit,
    .rcpt = peers_rcpt,
    .data = peers_data,
    .end = peers_end,
    .reset = peers_reset,
};
