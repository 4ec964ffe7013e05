/* SPDX-License-Identifier: MIT */
/*
 * intake - offers of peers, judged and answered. See intake.h.
 *
 * Nothing is stored here: what is wanted is remembered by expect.c, and
 * what comes is arrival.c's.
 *
 * SECURITY: the words of a peer. What decides is judge.c, from the ticket
 * and from what is here.
 */
#include "relayd/intake.h"

#include <string.h>

#include "util/log.h"
#include "relayd/events.h"
#include "relayd/expect.h"
#include "relayd/former.h"
#include "relayd/holders.h"
#include "relayd/judge.h"
#include "relayd/repair.h"
#include "relayd/state_expiry.h"

#define WANTS_MAX 256 /* one peer may owe so many */

void
intake_ask(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_MINE};

	if (!ln->peer->call && !ln->dialled)
		return;
	ln->peer->call = false;
	ln->peer->called = relayd_clock();
	link_send(ln, &m, -1);
}

const char *
intake_judge(struct relayd *r, const struct peer *from, const struct ticket *t)
{
	const struct network *net = relayd_network(r);
	struct judge_room room = {.reserve = r->conf->reserve};
	struct peer *home = peers_find(r->peers, t->home);
	uint64_t space, awaited = expect_awaited(r);

	if (net == NULL)
		return "this node is not set up";
	if (r->leaving && home != r->self)
		return "this node is leaving";
	if (home != r->self && state_lapse_is(r->state, t->id))
		return "its time was over here";
	if (r->rescue != NULL && home != r->self)
		return "this node is lost, and only its own mail is fetched";
	if (home != NULL) {
		room.held = home->held_bytes + home->awaited_bytes;
		room.share =
		    peer_share(home, from->number) + expect_owed(r, from, home);
	}
	space = store_room(r->store);
	room.free = space > awaited ? space - awaited : 0;
	return judge_offer(net, t, &room);
}

bool
intake_answer_delivered(struct link *ln, const char *id)
{
	struct proto_msg m = {.verb = PROTO_DELIVERED};
	struct buf text;
	bool found;

	buf_init(&text, RECEIPT_MAX);
	found = state_receipt_find(ln->r->state, id, &text) == 1;
	if (found) {
		memcpy(m.id, id, sizeof(m.id));
		m.payload = text.data;
		m.payload_len = text.len;
		link_send(ln, &m, -1);
		event_note(ln->r, id, EVENT_TOLD, ln->peer->name, NULL);
	}
	buf_free(&text);
	return found;
}

/* It is here already: the peer is one that has a copy. */
static void
answer_have(struct link *ln, const char *id)
{
	repair_found(ln->r, id, ln->peer);
	link_send_after(ln, PROTO_HAVE, id); /* it may have come just now */
}

static void
answer_refused(struct link *ln, const char *id, const char *why)
{
	log_warn("refused an offer peer=%s id=%s error=\"%s\"", ln->peer->name,
	    id, why);
	link_send_text(ln, PROTO_REFUSED, id, why);
}

/* It is here, or on its way, under another ticket (SPEC ). */
static void
answer_contested(struct link *ln, const struct ticket *t)
{
	const struct network *net = relayd_network(ln->r);
	const char *why = "it is here under another ticket";

	if (strcmp(t->home, ln->r->self->name) == 0)
		why = net == NULL ? "this node is not set up"
				  : judge_ticket(net, t);
	if (why != NULL) {
		answer_refused(ln, t->id, why);
		return;
	}
	log_warn("offered under another ticket peer=%s id=%s acceptor=%s",
	    ln->peer->name, t->id, t->acceptor);
	expect_contest(ln, t);
	link_send_id(ln, PROTO_WAIT, t->id);
}

/* Known by its ID: is it the same one? True if the offer is answered. */
static bool
answer_known(struct link *ln, const struct ticket *t)
{
	struct relayd *r = ln->r;
	struct held *h = store_find(r->store, t->id);

	if (h != NULL && store_is_same(r->store, h, t))
		answer_have(ln, t->id);
	else if (h == NULL && expect_is_same(r, t))
		expect_wait(ln, t->id);
	else if (h != NULL || expect_is(r, t->id))
		answer_contested(ln, t);
	else
		return false;
	return true;
}

void
intake_offered(struct link *ln, const struct proto_msg *m)
{
	const char *why = NULL;
	struct ticket t;

	if (intake_answer_delivered(ln, m->id))
		return;
	if (ticket_parse(m->payload, m->payload_len, &t) < 0)
		why = "there is no ticket";
	else if (strcmp(t.id, m->id) != 0 || t.size != m->size)
		why = "the ticket is of another bundle";
	else if (expect_is_spoiled(ln->r, &t))
		why = "the ticket is not of who sealed it";
	else if (answer_known(ln, &t))
		return;
	else if (ln->wants >= WANTS_MAX)
		why = "too many are awaited";
	else
		why = intake_judge(ln->r, ln->peer, &t);
	if (why == NULL && expect_begin(ln, &t) < 0)
		why = "out of memory";
	if (why != NULL) {
		former_want(ln, &t);
		answer_refused(ln, m->id, why);
	}
}
