/* SPDX-License-Identifier: MIT */
/*
 * link - relayd's end of one session: what is said there, and which part
 * of relayd decides about what is heard. See broker.h.
 *
 * SECURITY: a session's process faces a peer and may have been taken over.
 * Its messages pass the same parser as the wire; the worst that they can
 * say is what the peer itself could have said.
 */
#include "relayd/broker.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "relayd/adopt.h"
#include "relayd/alert.h"
#include "relayd/arrival.h"
#include "relayd/await.h"
#include "relayd/away.h"
#include "relayd/census.h"
#include "relayd/client.h"
#include "relayd/exchange.h"
#include "relayd/expiry.h"
#include "relayd/friend.h"
#include "relayd/expect.h"
#include "relayd/former.h"
#include "relayd/gate.h"
#include "relayd/intake.h"
#include "relayd/loss.h"
#include "relayd/offer.h"
#include "relayd/proof.h"
#include "relayd/repair.h"
#include "relayd/receipts.h"
#include "relayd/rescue.h"

#define SKEW_MAX 300 /* seconds before a peer's clock is remarked on */

void
link_send(struct link *ln, const struct proto_msg *m, int pass_fd)
{
	struct buf out;

	log_debug("say peer=%s session=%llu verb=%s id=%s", ln->peer->name,
	    (unsigned long long)ln->number, proto_verb_name(m->verb), m->id);
	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_write(m, &out) == 0) {
		client_send(ln->client, out.data, out.len, pass_fd);
	} else {
		log_error("can't say verb=%s", proto_verb_name(m->verb));
		if (pass_fd >= 0)
			close(pass_fd);
	}
	buf_free(&out);
}

void
link_send_id(struct link *ln, enum proto_verb verb, const char *id)
{
	struct proto_msg m = {.verb = verb};

	memcpy(m.id, id, sizeof(m.id));
	link_send(ln, &m, -1);
}

void
link_send_text(
    struct link *ln, enum proto_verb verb, const char *id, const char *text)
{
	struct buf out;

	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_put_text(&out, verb, id, text) == 0)
		client_send(ln->client, out.data, out.len, -1);
	buf_free(&out);
}

/* relayd_after_fn */
static void
say_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct link *ln = broker_find(r->broker, number);

	if (ln != NULL)
		client_send(ln->client, text, len, -1);
}

void
link_send_after(struct link *ln, enum proto_verb verb, const char *id)
{
	struct buf line;

	buf_init(&line, PROTO_LINE_MAX);
	if (proto_put_id(&line, verb, id) == 0)
		relayd_after_flush(
		    ln->r, say_after, ln->number, line.data, line.len);
	buf_free(&line);
}

void
link_end(struct link *ln, const char *why)
{
	if (ln->leaving)
		return;
	ln->leaving = true;
	expect_pass_on(ln);
	await_look_soon(ln->r);
	link_send_text(ln, PROTO_BYE, NULL, why);
	client_finish(ln->client);
}

/* The peer showed a sign of life. */
static void
alive(struct peer *p)
{
	p->seen = (int64_t)time(NULL);
	p->alive = relayd_clock();
	p->error[0] = '\0';
	pace_alive(&p->pace);
}

void
link_doubt(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_ALIVE};

	if (ln->doubted)
		return;
	ln->doubted = true;
	link_send(ln, &m, -1);
}

/* Of two sessions between a pair this node closes the one that it dialled
 * itself, if its name is the lower; an older of the same kind is stale, and
 * one in doubt is given up. The peer may have had doubts in another that is
 * left: then it does not work here either. (SPEC) */
static void
settle_pair(struct broker *b, struct link *new)
{
	struct link *ln = NULL;

	while ((ln = broker_next(b, ln)) != NULL) {
		if (ln == new || ln->peer != new->peer || !ln->up ||
		    ln->leaving)
			continue;
		if (ln->dialled == new->dialled || ln->doubted)
			link_end(ln, "a newer session has come");
		else if (broker_is_better(new->r, ln, new) && new->dialled)
			link_end(new, "there is another session");
		else if (broker_is_better(new->r, new, ln) && ln->dialled)
			link_end(ln, "there is another session");
		else
			link_doubt(ln);
	}
}

/* The hello has come: the session is up. */
static void
link_up(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	int64_t skew = m->time - (int64_t)time(NULL);

	if (ln->up)
		return;
	ln->up = true;
	ln->version = m->version < PROTO_VERSION ? m->version : PROTO_VERSION;
	ln->peer->skew = skew;
	ln->peer->has_skew = true;
	if (skew > SKEW_MAX || skew < -SKEW_MAX)
		log_warn("clocks differ peer=%s seconds=%lld", ln->peer->name,
		    (long long)skew);
	log_info("session up peer=%s by=%s", ln->peer->name,
	    ln->dialled ? "us" : "peer");
	alive(ln->peer);
	if (ln->dialled)
		ln->peer->child_up = true;
	settle_pair(r->broker, ln);
	if (ln->leaving)
		return;
	await_look_soon(r);
	away_link_up(ln);
	adopt_link_up(ln);
	exchange_begin(ln);
	friend_link_up(ln);
	intake_ask(ln);
	offer_begin(ln);
	receipts_tell(ln);
	repair_heard(r, ln->peer);
	census_link_up(ln);
	proof_link_up(ln);
	loss_link_up(ln);
	expiry_link_up(ln);
}

/* A receipt, in answer to an offer, a due or an expired of ours. */
static void
delivered(struct link *ln, const struct proto_msg *m)
{
	offer_answered(ln, m);
	proof_answered(ln, m);
	expiry_answered(ln, m->id);
	loss_heard(ln, m->id);
}

/* agamid-receive has no log of its own. */
static void
take_note(const struct proto_msg *m)
{
	if (strcmp(m->word, "error") == 0)
		log_error("%s", m->text);
	else if (strcmp(m->word, "warn") == 0)
		log_warn("%s", m->text);
	else
		log_info("%s", m->text);
}

/* Of bundles on their way. */
static bool
dispatch_bundle(struct link *ln, const struct proto_msg *m)
{
	switch (m->verb) {
	case PROTO_OFFER:
		ln->heard_offers++;
		intake_offered(ln, m);
		return true;
	case PROTO_WANT:
	case PROTO_HAVE:
	case PROTO_WAIT:
	case PROTO_STORED:
	case PROTO_REFUSED:
		offer_answered(ln, m);
		return true;
	case PROTO_DELIVERED:
		delivered(ln, m);
		return true;
	case PROTO_MINE:
		offer_again(ln);
		return true;
	case PROTO_ARRIVED:
		arrival_told(ln, m->id, m->size);
		return true;
	case PROTO_FAILED:
		expect_failed(ln, m->id);
		return true;
	default:
		return false;
	}
}

/* Of what is known of bundles: receipts, times that are over, who has what. */
static bool
dispatch_record(struct link *ln, const struct proto_msg *m)
{
	switch (m->verb) {
	case PROTO_RECEIPT:
		receipts_heard(ln, m->payload, m->payload_len);
		return true;
	case PROTO_NOTED:
		receipts_noted(ln);
		return true;
	case PROTO_DUE:
		expiry_asked(ln, m->id);
		return true;
	case PROTO_NO_RECEIPT:
		expiry_answered(ln, m->id);
		return true;
	case PROTO_EXPIRED:
		loss_told(ln, m);
		return true;
	case PROTO_HEARD:
		loss_heard(ln, m->id);
		return true;
	case PROTO_ADOPT:
		adopt_asked(ln, m->time);
		return true;
	case PROTO_ADOPTED:
		adopt_told(ln);
		return true;
	case PROTO_CENSUS:
		census_told(ln, m);
		return true;
	case PROTO_WHICH:
		census_asked(ln, m);
		return true;
	case PROTO_THESE:
		census_answered(ln, m);
		return true;
	case PROTO_PROVE:
		proof_asked(ln, m);
		return true;
	case PROTO_PROOF:
	case PROTO_LACK:
		proof_answered(ln, m);
		return true;
	default:
		return false;
	}
}

/* Of nodes: manifests, absences, what friends do for each other. */
static bool
dispatch_node(struct link *ln, const struct proto_msg *m)
{
	switch (m->verb) {
	case PROTO_AWAY:
		away_heard(ln, m->time);
		return true;
	case PROTO_DEFERRED:
		gate_heard(ln, m);
		return true;
	case PROTO_SERIAL:
		exchange_told(ln, m);
		return true;
	case PROTO_GET:
		exchange_asked(ln, m);
		return true;
	case PROTO_MANIFEST:
		if (!former_brought(ln, m))
			exchange_brought(ln, m);
		return true;
	case PROTO_FORMER:
		former_asked(ln, m);
		return true;
	case PROTO_PROBE:
		friend_wanted(ln);
		return true;
	case PROTO_CHECK:
		friend_check(ln, m);
		return true;
	case PROTO_CHECKED:
		friend_checked(ln, m->text);
		return true;
	case PROTO_ALERT_ASK:
		alert_asked(ln);
		return true;
	case PROTO_ALERT_ASKED:
		alert_answered(ln, m->text);
		return true;
	default:
		return false;
	}
}

static void
dispatch(struct link *ln, const struct proto_msg *m)
{
	log_debug("heard peer=%s session=%llu verb=%s id=%s", ln->peer->name,
	    (unsigned long long)ln->number, proto_verb_name(m->verb), m->id);
	away_link_spoke(ln, m->verb);
	if (m->verb == PROTO_HELLO) {
		link_up(ln, m);
	} else if (m->verb == PROTO_ALIVE) {
		ln->doubted = false;
	} else if (m->verb == PROTO_NOTE) {
		take_note(m);
	} else if (!dispatch_bundle(ln, m) && !dispatch_record(ln, m) &&
	    !dispatch_node(ln, m)) {
		log_warn("a session says what it may not peer=%s verb=%s",
		    ln->peer->name, proto_verb_name(m->verb));
		link_end(ln, "unexpected message");
	}
}

void
link_heard(struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	struct link *ln = ctx;
	struct proto_msg m;
	size_t at = 0, used;

	(void)c;
	if (fd >= 0)
		close(fd);
	ln->worked = relayd_clock();
	while (at < len) {
		if (proto_parse(data + at, len - at, false, &m, &used) < 0) {
			link_end(ln, "malformed message");
			return;
		}
		if (!ln->up && m.verb != PROTO_HELLO && m.verb != PROTO_NOTE) {
			link_end(ln, "no hello came");
			return;
		}
		dispatch(ln, &m);
		at += used;
	}
}
