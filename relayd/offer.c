/* SPDX-License-Identifier: MIT */
/*
 * offer - offers made to peers, and bundles sent. See offer.h.
 *
 * What is held for a home is found by walking the index; an entry is
 * marked with the session's round, so that it is offered once in it. What
 * was drawn for a peer is found in the database, in the order of IDs.
 *
 * SECURITY: a peer gets nothing that it was not the home of or drawn to
 * hold, whatever it says it wants.
 */
#include "relayd/offer.h"

#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "util/log.h"
#include "relayd/events.h"
#include "relayd/expect.h"
#include "relayd/holders.h"
#include "relayd/leave.h"
#include "relayd/receipts.h"

static const char not_for_you[] = "not for you";

/* The table of one session ------------------------------------------------ */

static struct offer *
find(struct link *ln, const char *id)
{
	unsigned i;

	for (i = 0; i < ln->offer_count; i++) {
		if (strcmp(ln->offers[i].id, id) == 0)
			return &ln->offers[i];
	}
	return NULL;
}

static struct offer *
add(struct link *ln, const char *id, uint64_t size, enum offer_state state)
{
	struct offer *o;

	if (ln->offer_count == LINK_OFFERS_MAX)
		return NULL;
	o = &ln->offers[ln->offer_count++];
	memcpy(o->id, id, sizeof(o->id));
	o->size = size;
	o->state = state;
	if (state == OFFER_MADE)
		ln->unanswered++;
	return o;
}

static void
del(struct link *ln, struct offer *o)
{
	size_t at = (size_t)(o - ln->offers);

	if (o->state == OFFER_MADE)
		ln->unanswered--;
	if (o->state == OFFER_SENT) {
		ln->flight--;
		ln->flight_bytes -= o->size;
	}
	ln->offer_count--;
	memmove(o, o + 1, (ln->offer_count - at) * sizeof(*o));
}

/* May this peer have it, and do we hold it? */
static struct held *
for_peer(struct link *ln, const char *id)
{
	struct relayd *r = ln->r;
	struct held *h = store_find(r->store, id);

	if (h == NULL || (h->flags & INDEX_GONE) != 0)
		return NULL;
	if (h->home == ln->peer->number)
		return h;
	return state_copy(r->state, id, ln->peer->name) > 0 ? h : NULL;
}

/* Making offers ----------------------------------------------------------- */

static void
make_offer(struct link *ln, const struct held *h)
{
	struct proto_msg m = {.verb = PROTO_OFFER, .size = h->size};
	struct error error = {""};
	struct ticket t;
	struct buf text;

	buf_init(&text, TICKET_MAX);
	held_id(h, m.id);
	if (store_ticket(ln->r->store, h, &t, &error) < 0 ||
	    ticket_write(&t, &text) < 0) {
		log_error("can't offer a bundle id=%s error=\"%s\"", m.id,
		    error.text);
		goto out;
	}
	m.payload = text.data;
	m.payload_len = text.len;
	add(ln, m.id, h->size, OFFER_MADE);
	link_send(ln, &m, -1);
out:
	buf_free(&text);
}

/* The next that is held for the peer and not yet offered; or NULL. */
static struct held *
next_held(struct link *ln)
{
	struct index *ix = store_index(ln->r->store);
	char id[BUNDLE_ID_LEN + 1];
	struct held *h;

	if (ln->peer->held_count == 0)
		return NULL;
	for (; (h = index_from(ix, &ln->cursor)) != NULL; ln->cursor++) {
		if (h->home != ln->peer->number || h->round == ln->round ||
		    (h->flags & INDEX_GONE) != 0)
			continue;
		h->round = ln->round;
		held_id(h, id);
		if (find(ln, id) == NULL)
			return h;
	}
	return NULL;
}

/* The next that was drawn for the peer. */
static struct held *
next_drawn(struct link *ln)
{
	struct relayd *r = ln->r;
	char id[BUNDLE_ID_LEN + 1];
	struct held *h;

	while (!ln->drawn_done) {
		if (state_drawn_next(
			r->state, ln->peer->name, ln->drawn_after, id) != 1) {
			ln->drawn_done = true;
			return NULL;
		}
		memcpy(ln->drawn_after, id, sizeof(id));
		h = store_find(r->store, id);
		if (h != NULL && (h->flags & INDEX_GONE) == 0 &&
		    find(ln, id) == NULL)
			return h;
	}
	return NULL;
}

/* What the peer wants can't be sent: it need not wait (SPEC ). */
static void
decline(struct link *ln, struct offer *o, const char *why)
{
	link_send_text(ln, PROTO_REFUSED, o->id, why);
	del(ln, o);
}

/* True if it was sent; false: it is none of the peer's offers any more. */
static bool
send_bundle(struct link *ln, struct offer *o)
{
	struct proto_msg m = {.verb = PROTO_BUNDLE, .size = o->size};
	struct held *h = for_peer(ln, o->id);
	struct error error = {""};
	int fd;

	if (h == NULL) {
		decline(ln, o, not_for_you);
		return false;
	}
	fd = store_open(ln->r->store, h, &error);
	if (fd < 0) {
		log_error("can't send id=%s error=\"%s\"", o->id, error.text);
		decline(ln, o, "it can't be read");
		return false;
	}
	memcpy(m.id, o->id, sizeof(m.id));
	o->state = OFFER_SENT;
	ln->flight++;
	ln->flight_bytes += o->size;
	link_send(ln, &m, fd);
	return true;
}

/* Send what is wanted, as far as may be in flight (SPEC ). */
static void
pump(struct link *ln)
{
	struct offer *o;
	unsigned i = 0;

	while (i < ln->offer_count) {
		o = &ln->offers[i];
		if (o->state == OFFER_WANTED &&
		    (ln->flight == PROTO_FLIGHT_MAX ||
			(ln->flight > 0 &&
			    ln->flight_bytes + o->size > PROTO_FLIGHT_BYTES)))
			return;
		if (o->state != OFFER_WANTED || send_bundle(ln, o))
			i++;
	}
}

/* What came since the last look. */
static void
take_news(struct link *ln)
{
	struct peer *p = ln->peer;

	if (p->news_held < ln->cursor)
		ln->cursor = p->news_held;
	p->news_held = PEER_NO_NEWS;
	if (p->news_drawn) {
		ln->drawn_after[0] = '\0';
		ln->drawn_done = false;
	}
	p->news_drawn = false;
}

/* May one more be offered? What is wanted already is offered ahead of what
 * may be in flight, so that no bundle waits for a question (SPEC ). */
static bool
has_room(const struct link *ln)
{
	return ln->unanswered < PROTO_OPEN_MAX &&
	    ln->offer_count < PROTO_UNSETTLED_MAX;
}

void
offer_more(struct link *ln)
{
	struct held *h;

	if (broker_best(ln->r->broker, ln->peer) == ln) {
		take_news(ln);
		while (has_room(ln)) {
			h = next_held(ln);
			if (h == NULL)
				h = next_drawn(ln);
			if (h == NULL)
				break;
			make_offer(ln, h);
		}
	}
	pump(ln);
}

void
offer_begin(struct link *ln)
{
	static uint16_t rounds;

	if (++rounds == 0)
		rounds = 1;
	ln->round = rounds;
	ln->cursor = 0;
	ln->drawn_after[0] = '\0';
	ln->drawn_done = false;
	offer_more(ln);
}

void
offer_again(struct link *ln)
{
	/* The first time all is being offered anyway, since the hello. */
	if (ln->asked)
		offer_begin(ln);
	ln->asked = true;
}

/* Answers ------------------------------------------------------------------ */

static void
wanted(struct link *ln, struct offer *o, const char *id)
{
	struct held *h;

	if (o == NULL) {
		/* It said "wait" before; it may ask later. */
		h = for_peer(ln, id);
		if (h == NULL || add(ln, id, h->size, OFFER_WANTED) == NULL)
			link_send_text(ln, PROTO_REFUSED, id, not_for_you);
	} else if (o->state == OFFER_MADE) {
		o->state = OFFER_WANTED;
		ln->unanswered--;
	}
}

/* The home won't have it now, or from us: offer it again in a while. */
static void
not_now(struct link *ln, const char *id)
{
	const struct conf *conf = ln->r->conf;
	struct held *h = store_find(ln->r->store, id);

	if (h == NULL || h->home != ln->peer->number || ln->again.next != 0)
		return;
	pace_failed(&ln->again, relayd_clock(), conf->retry_min,
	    conf->retry_max, randombytes_random());
	broker_again(ln->r->broker);
}

/* Of two sessions the one that ends decides nothing: in the other the same
 * is offered, and may be wanted (SPEC ). */
static bool
is_offered_elsewhere(const struct link *ln)
{
	const struct link *best = broker_best(ln->r->broker, ln->peer);

	return best != NULL && best != ln;
}

static void
refused(struct link *ln, const struct proto_msg *m)
{
	struct held *h = store_find(ln->r->store, m->id);

	log_warn("peer refused a bundle peer=%s id=%s error=\"%s\"",
	    ln->peer->name, m->id, m->text);
	if (h == NULL) { /* nothing of ours: it won't bring what we want */
		expect_failed(ln, m->id);
		return;
	}
	if (is_offered_elsewhere(ln))
		return;
	event_note(ln->r, m->id, EVENT_REFUSED, ln->peer->name, m->text);
	if (h->home != ln->peer->number)
		holders_refused(ln->r, m->id, ln->peer);
	not_now(ln, m->id);
}

/* It had it before. */
static void
had(struct link *ln, const char *id)
{
	if (store_find(ln->r->store, id) != NULL)
		event_note(ln->r, id, EVENT_HAS, ln->peer->name, NULL);
	holders_has(ln->r, id, ln->peer);
	leave_had(ln->r, id);
}

void
offer_answered(struct link *ln, const struct proto_msg *m)
{
	struct offer *o = find(ln, m->id);

	if (m->verb == PROTO_WANT) {
		wanted(ln, o, m->id);
		offer_more(ln);
		return;
	}
	if (m->verb == PROTO_STORED && (o == NULL || o->state != OFFER_SENT))
		return;
	if (o != NULL)
		del(ln, o);
	switch (m->verb) {
	case PROTO_STORED:
		log_info("sent peer=%s id=%s", ln->peer->name, m->id);
		event_note(ln->r, m->id, EVENT_STORED, ln->peer->name, NULL);
		holders_has(ln->r, m->id, ln->peer);
		break;
	case PROTO_HAVE:
		had(ln, m->id);
		break;
	case PROTO_REFUSED:
		refused(ln, m);
		break;
	case PROTO_DELIVERED:
		receipts_answer(ln, m->id, m->payload, m->payload_len);
		break;
	default: /* PROTO_WAIT: it may still ask */
		not_now(ln, m->id);
		break;
	}
	offer_more(ln);
}

void
offer_forget(struct relayd *r, const char *id)
{
	struct link *ln = NULL;
	struct offer *o;

	while ((ln = broker_next(r->broker, ln)) != NULL) {
		o = find(ln, id);
		if (o != NULL && o->state == OFFER_WANTED)
			decline(ln, o, "it is at home");
	}
}
