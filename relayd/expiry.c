/* SPDX-License-Identifier: MIT */
/*
 * expiry - the end of what is held too long. See expiry.h.
 *
 * Bundles are asked about in rounds: of at most ROUND_MAX bundles, with
 * each peer once. A round ends with the day, or when all has gone that
 * could go. What is asked and answered is kept in memory alone: after a
 * restart it is asked again.
 *
 * SECURITY: a peer that says "no receipt" wrongly, or nothing, decides
 * nothing by itself: the time must be over, and receipts reach holders by
 * all who know one. One that shows a receipt must show a good one.
 */
#include "relayd/expiry.h"

#include <sys/timex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/dsn.h"
#include "relayd/events.h"
#include "relayd/holders.h"
#include "relayd/intake.h"
#include "relayd/loss.h"
#include "relayd/offer.h"
#include "relayd/receipts.h"
#include "relayd/state_expiry.h"

#define DAY 86400
#define ROUND_MAX 1024 /* bundles */
#define LOOK_SECONDS 600
#define PATIENCE_MS 60000 /* with one who does not answer */
/* The most that may be wished for (SPEC M-5.3), for a home whose manifest
 * is no longer in force. */
#define HOLD_MAX (90ULL * DAY)

struct asked {
	uint16_t peer; /* its number */
	uint64_t link; /* the session it was asked in */
	unsigned pending; /* answers that it owes */
	int64_t at; /* ms: when it was asked first */
};

struct expiry {
	struct relayd *r;
	struct event *look;
	/* The round. */
	uint32_t day; /* it began; 0: there is none */
	char (*ids)[BUNDLE_ID_LEN + 1];
	unsigned count;
	struct asked *asked;
	unsigned asked_count;
	bool denied; /* a peer has said that it has none of them */
	bool clock_said; /* once a round */
	bool waits_for_clock;
};

enum hold_state
expiry_hold_state(uint32_t today, uint32_t since, uint64_t hold)
{
	uint64_t days = (hold + DAY - 1) / DAY;
	/* Since a day that is to come: the count was lost, and began anew. */
	uint64_t age = today > since ? today - since : 0;

	if (age < days)
		return HOLD_ON;
	return age == days ? HOLD_DUE : HOLD_OVER;
}

uint32_t
expiry_since(uint32_t today, uint64_t hold, int64_t ticket_time, int64_t now)
{
	int64_t most = (int64_t)(hold / DAY) - EXPIRY_LAST_DAYS;
	int64_t age = now > ticket_time ? (now - ticket_time) / DAY : 0;

	if (age > (int64_t)(hold / DAY) || most <= 0)
		return today; /* a clock was wrong; or there is no time to keep */
	if (age > most)
		age = most;
	return age < today ? today - (uint32_t)age : 1;
}

/* adjtimex(2) only looks here, and needs no privilege. */
static bool
clock_is_synchronised(void)
{
	struct timex tx = {.modes = 0};

	return adjtimex(&tx) >= 0 && (tx.status & STA_UNSYNC) == 0;
}

static uint64_t
hold_of(struct relayd *r, const char *name)
{
	const struct network *net = relayd_network(r);
	const struct manifest *home;

	home = net == NULL ? NULL : network_find(net, name);
	return home == NULL ? HOLD_MAX : manifest_hold(home);
}

static enum hold_state
state_of(struct relayd *r, const struct held *h)
{
	if (h->home == r->self->number || (h->flags & INDEX_GONE) != 0)
		return HOLD_ON;
	return expiry_hold_state(
	    r->day.day, h->day, hold_of(r, store_home(r->store, h)->name));
}

uint32_t
expiry_begins(struct relayd *r, const struct ticket *t)
{
	if (!clock_is_synchronised())
		return r->day.day;
	return expiry_since(
	    r->day.day, hold_of(r, t->home), t->time, (int64_t)time(NULL));
}

/* Asking ----------------------------------------------------------------- */

static struct asked *
find_asked(struct expiry *e, const struct peer *p)
{
	unsigned i;

	for (i = 0; i < e->asked_count; i++) {
		if (e->asked[i].peer == p->number)
			return &e->asked[i];
	}
	return NULL;
}

static struct asked *
add_asked(struct expiry *e, const struct peer *p)
{
	struct asked *a =
	    reallocarray(e->asked, e->asked_count + 1, sizeof(*a));

	if (a == NULL)
		return NULL;
	e->asked = a;
	a += e->asked_count++;
	a->peer = p->number;
	a->link = 0;
	a->pending = 1; /* it has not been asked */
	a->at = relayd_clock();
	return a;
}

/* Once, or again if the session ended before it had answered. */
static void
ask(struct expiry *e, struct link *ln)
{
	struct asked *a = find_asked(e, ln->peer);
	unsigned i;

	if (e->count == 0 || !ln->up || ln->leaving || ln->version < 3)
		return;
	if (a == NULL)
		a = add_asked(e, ln->peer);
	if (a == NULL || a->pending == 0 || a->link == ln->number)
		return;
	a->link = ln->number;
	a->pending = 0;
	for (i = 0; i < e->count; i++) {
		if (store_find(e->r->store, e->ids[i]) == NULL)
			continue;
		link_send_id(ln, PROTO_DUE, e->ids[i]);
		a->pending++;
	}
}

static void
ask_all(struct expiry *e)
{
	struct link *ln = NULL;

	while ((ln = broker_next(e->r->broker, ln)) != NULL)
		ask(e, ln);
}

/* Deciding --------------------------------------------------------------- */

/* Is nobody there but the home? Then nobody can be asked. */
static bool
is_alone(struct relayd *r, const struct peer *home)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p != r->self && p != home && p->known)
			return false;
	}
	return true;
}

/* Does one who was asked still think? */
static bool
is_thinking(struct expiry *e)
{
	int64_t now = relayd_clock();
	unsigned i;

	for (i = 0; i < e->asked_count; i++) {
		if (e->asked[i].pending > 0 &&
		    now - e->asked[i].at < PATIENCE_MS &&
		    broker_find(e->r->broker, e->asked[i].link) != NULL)
			return true;
	}
	return false;
}

static void
expire(struct relayd *r, struct held *h)
{
	struct peer *home = store_home(r->store, h);
	unsigned days = r->day.day - h->day;
	char id[BUNDLE_ID_LEN + 1];
	struct error error = {""};
	struct ticket t;
	struct buf text;
	bool dsn;

	held_id(h, id);
	buf_init(&text, TICKET_MAX);
	if (store_ticket(r->store, h, &t, &error) < 0 ||
	    ticket_write(&t, &text) < 0) {
		log_error("can't expire id=%s error=\"%s\"", id, error.text);
		goto out;
	}
	dsn = (h->flags & INDEX_OWN) != 0 && dsn_is_asked(r, id);
	if (state_lapse_add(
		r->state, id, home->name, buf_str(&text), r->day.day, dsn) < 0)
		goto out;
	log_warn("expired id=%s home=%s size=%llu days=%u", id, home->name,
	    (unsigned long long)h->size, days);
	event_note(r, id, EVENT_EXPIRED, r->self->name, NULL);
	holders_forget(r, id);
	offer_forget(r, id);
	relayd_drop_later(r, h);
	loss_news(r, home);
	if (dsn)
		dsn_news(r);
out:
	buf_free(&text);
}

/* Some of the round's are over: may they go? */
static bool
may_go(struct expiry *e)
{
	e->waits_for_clock = !clock_is_synchronised();
	if (e->waits_for_clock && !e->clock_said)
		log_warn("nothing expires while the clock is not synchronised");
	e->clock_said = e->waits_for_clock;
	return !e->waits_for_clock;
}

static void
conclude(struct expiry *e)
{
	struct relayd *r = e->r;
	struct held *h;
	unsigned i;

	if (is_thinking(e))
		return;
	e->waits_for_clock = false;
	for (i = 0; i < e->count; i++) {
		h = store_find(r->store, e->ids[i]);
		if (h == NULL || state_of(r, h) != HOLD_OVER ||
		    state_receipt_find(r->state, e->ids[i], NULL) != 0)
			continue;
		if (!e->denied && !is_alone(r, store_home(r->store, h)))
			continue;
		if (!may_go(e))
			return;
		expire(r, h);
	}
}

/* Rounds ----------------------------------------------------------------- */

static void
collect(struct expiry *e, enum hold_state state)
{
	struct index *ix = store_index(e->r->store);
	struct held *h;
	size_t slot;

	for (slot = 0;
	     e->count < ROUND_MAX && (h = index_from(ix, &slot)) != NULL;
	     slot++) {
		if (state_of(e->r, h) == state)
			held_id(h, e->ids[e->count++]);
	}
}

/* Those whose time is over first; the others have another day. */
static void
begin(struct expiry *e)
{
	e->day = e->r->day.day;
	e->count = e->asked_count = 0;
	e->denied = e->clock_said = e->waits_for_clock = false;
	collect(e, HOLD_OVER);
	collect(e, HOLD_DUE);
	if (e->count > 0)
		log_info(
		    "asking for receipts of old bundles count=%u", e->count);
	ask_all(e);
}

/* Is nothing left of the round that could still go today? */
static bool
is_through(struct expiry *e)
{
	struct held *h;
	unsigned i;

	for (i = 0; i < e->count; i++) {
		h = store_find(e->r->store, e->ids[i]);
		if (h != NULL && state_of(e->r, h) == HOLD_OVER)
			return false;
	}
	return true;
}

static void
look(struct expiry *e)
{
	if (e->day != e->r->day.day || (e->count == ROUND_MAX && is_through(e)))
		begin(e);
	conclude(e);
}

static void
on_look(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	look(ctx);
}

void
expiry_day(struct relayd *r)
{
	if (r->expiry != NULL)
		look(r->expiry);
}

bool
expiry_waits_for_clock(const struct relayd *r)
{
	return r->expiry->waits_for_clock;
}

/* What is said ------------------------------------------------------------ */

void
expiry_link_up(struct link *ln)
{
	ask(ln->r->expiry, ln);
}

void
expiry_asked(struct link *ln, const char *id)
{
	if (!intake_answer_delivered(ln, id))
		link_send_id(ln, PROTO_NO_RECEIPT, id);
}

void
expiry_answered(struct link *ln, const char *id)
{
	struct expiry *e = ln->r->expiry;
	struct asked *a = find_asked(e, ln->peer);
	unsigned i;

	for (i = 0; a != NULL && i < e->count; i++) {
		if (strcmp(e->ids[i], id) == 0)
			break;
	}
	if (a == NULL || i == e->count || a->pending == 0)
		return; /* not an answer to what was asked */
	if (--a->pending == 0) {
		e->denied = true;
		conclude(e);
	}
}

/* Start and end ------------------------------------------------------------ */

/* state_id_fn */
static void
drop_left(const char *id, void *ctx)
{
	struct relayd *r = ctx;
	struct held *h = store_find(r->store, id);

	if (h != NULL && store_home(r->store, h) != r->self)
		relayd_drop_later(r, h);
}

/* SPEC: a lost database must not make what is held young again. */
static void
keep_count(struct relayd *r)
{
	struct index *ix = store_index(r->store);
	struct day_count d = r->day;
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (h->day > d.day)
			d.day = h->day;
	}
	if (d.day == r->day.day)
		return;
	log_warn("the count of days goes on with what is held day=%u", d.day);
	if (state_set_day(r->state, &d) == 0)
		relayd_flush_soon(r);
	r->day = d;
}

void
expiry_load(struct relayd *r)
{
	keep_count(r);
	if (state_each_lapse(r->state, drop_left, r) < 0)
		log_error("can't read what expired");
	look(r->expiry);
}

int
expiry_new(struct relayd *r, struct expiry **e_r, struct error *error_r)
{
	static const struct timeval tv = {LOOK_SECONDS, 0};
	struct expiry *e = xcalloc(1, sizeof(*e));

	*e_r = e;
	e->r = r;
	e->ids = calloc(ROUND_MAX, sizeof(*e->ids));
	e->look = event_new(r->base, -1, EV_PERSIST, on_look, e);
	if (e->ids == NULL || e->look == NULL || event_add(e->look, &tv) < 0)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	return 0;
}

void
expiry_free(struct expiry **ep)
{
	struct expiry *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	if (e->look != NULL)
		event_free(e->look);
	free(e->asked);
	free(e->ids);
	free(e);
}
