/* SPDX-License-Identifier: MIT */
/*
 * repair - holders that went missing, and others in their place. See
 * repair.h.
 *
 * A copy that is missing is replaced once, for good: whoever comes back
 * and goes again makes no further copies. A few bundles are looked at each
 * time, and none while many draws wait to be carried out.
 */
#include "relayd/repair.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <sodium.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/broker.h"
#include "relayd/events.h"
#include "relayd/expiry.h"
#include "relayd/holders.h"
#include "relayd/place.h"
#include "relayd/state_repair.h"

#define TICK_SECONDS 10
#define TICK_LOOKS 256 /* bundles looked at in one */
#define TICK_DRAWS 32 /* and repaired */
#define OPEN_MAX 256 /* draws that wait for their bundles */
#define DAY_SECONDS 86400
#define DAYS "days-with-peers" /* numbers in state.h */
#define COUNTED "days-counted"

struct repair {
	struct relayd *r;
	/* Days of this node's count on which it heard anybody: to be cut off
	 * makes nobody silent. */
	uint32_t days;
	uint32_t counted; /* the last of them, in r->day.day */
	struct event *timer;
	/* The walk: of all peers' copies, state by state. */
	unsigned peer; /* 0: over */
	unsigned state; /* in states */
	char after[BUNDLE_ID_LEN + 1];
	bool again; /* something went missing behind it */
};

/* In which a peer's copy may be missing. */
static const enum copy_state states[] = {
    COPY_LOST, COPY_UNPROVEN, COPY_DRAWN, COPY_HAS, COPY_BROUGHT};

#define STATES (sizeof(states) / sizeof(states[0]))

/* Who was heard ------------------------------------------------------------ */

/* SPEC: the first on a day makes it count. */
static void
count_day(struct repair *x)
{
	if (x->counted == x->r->day.day)
		return;
	x->counted = x->r->day.day;
	x->days++;
	state_set_number(x->r->state, DAYS, x->days);
	state_set_number(x->r->state, COUNTED, x->counted);
}

void
repair_heard(struct relayd *r, struct peer *p)
{
	count_day(r->repair);
	if (p->heard == r->repair->days)
		return;
	p->heard = r->repair->days;
	if (state_heard_set(r->state, p->name, p->heard) == 0)
		relayd_flush_soon(r);
}

unsigned
repair_silence(const struct relayd *r, const struct peer *p)
{
	uint32_t now = r->repair->days;

	return p->heard == 0 || p->heard > now ? 0 : now - p->heard;
}

bool
repair_is_silent(const struct relayd *r, const struct peer *p)
{
	return p != r->self && repair_silence(r, p) >= REPAIR_SILENT_DAYS;
}

int64_t
repair_silent_since(const struct relayd *r)
{
	return (int64_t)r->repair->days - REPAIR_SILENT_DAYS;
}

/* state_peer_fn */
static void
load_one(const char *name, int64_t day, void *ctx)
{
	struct relayd *r = ctx;
	struct peer *p = peers_get(r->peers, name);

	if (p != NULL)
		p->heard = (uint32_t)day;
}

/* Those with whom a session is open are heard all the time; of whom nothing
 * is known the time begins now. */
static void
hear_all(struct relayd *r)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p == r->self)
			continue;
		if (broker_best(r->broker, p) != NULL)
			repair_heard(r, p);
		else if (p->heard == 0)
			p->heard = r->repair->days;
	}
}

/* What became of a copy ------------------------------------------------------ */

static void
look_again(struct repair *x)
{
	static const struct timeval soon = {1, 0};

	x->again = true;
	if (!evtimer_pending(x->timer, NULL))
		evtimer_add(x->timer, &soon);
}

static void
set_state(struct relayd *r, const char *id, struct peer *p,
    enum copy_state state, enum event_kind kind)
{
	if (state_copy_set(r->state, id, p->name, state) < 0)
		return;
	event_note(r, id, kind, p->name, NULL);
	relayd_flush_soon(r);
}

static void
miss(struct relayd *r, const char *id, struct peer *p, enum copy_state state,
    enum event_kind kind)
{
	set_state(r, id, p, state, kind);
	state_missing_add(r->state, id, p->name, r->repair->days);
	look_again(r->repair);
}

void
repair_found(struct relayd *r, const char *id, struct peer *p)
{
	switch (state_copy(r->state, id, p->name)) {
	case 0:
	case COPY_LOST:
		set_state(r, id, p, COPY_HAS, EVENT_HAS);
		state_missing_back(r->state, id, p->name);
		return;
	case COPY_DRAWN:
	case COPY_REFUSED:
		holders_has(r, id, p);
		return;
	default: /* known; or it said so before and could not prove it */
		return;
	}
}

void
repair_lost(struct relayd *r, const char *id, struct peer *p)
{
	int state = state_copy(r->state, id, p->name);

	if (state != COPY_HAS && state != COPY_BROUGHT)
		return;
	log_warn("a copy was lost id=%s peer=%s", id, p->name);
	miss(r, id, p, COPY_LOST, EVENT_LOST);
}

void
repair_unproven(struct relayd *r, const char *id, struct peer *p)
{
	int state = state_copy(r->state, id, p->name);

	if (state != COPY_HAS && state != COPY_BROUGHT)
		return;
	log_warn("a peer can't prove that it has a bundle id=%s peer=%s", id,
	    p->name);
	miss(r, id, p, COPY_UNPROVEN, EVENT_UNPROVEN);
}

void
repair_proven(struct relayd *r, const char *id, struct peer *p)
{
	int state = state_copy(r->state, id, p->name);

	if (state != COPY_UNPROVEN && state != COPY_LOST)
		return;
	set_state(r, id, p, COPY_HAS, EVENT_HAS);
	state_missing_back(r->state, id, p->name);
}

/* Whose turn it is ------------------------------------------------------------- */

/* SPEC */
static void
weigh(const char *id, const char *name, uint8_t out[crypto_hash_sha256_BYTES])
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, (const uint8_t *)id, strlen(id));
	crypto_hash_sha256_update(&st, (const uint8_t *)" ", 1);
	crypto_hash_sha256_update(&st, (const uint8_t *)name, strlen(name));
	crypto_hash_sha256_final(&st, out);
}

unsigned
repair_rank(
    const char *id, const char *self, const char *const *names, unsigned count)
{
	uint8_t mine[crypto_hash_sha256_BYTES], theirs[sizeof(mine)];
	unsigned i, rank = 0;

	weigh(id, self, mine);
	for (i = 0; i < count; i++) {
		weigh(id, names[i], theirs);
		rank += memcmp(theirs, mine, sizeof(mine)) > 0;
	}
	return rank;
}

/* One bundle -------------------------------------------------------------------- */

struct holding {
	const char *names[STATE_COPIES_MAX]; /* others that hold it */
	unsigned count;
	unsigned coming; /* drawn for it, and not silent */
};

static void
look_at_copies(struct relayd *r, const char *home, const struct copy *copies,
    int count, struct holding *held_r)
{
	struct peer *p;
	int i;

	held_r->count = held_r->coming = 0;
	for (i = 0; i < count; i++) {
		p = peers_find(r->peers, copies[i].peer);
		if (p == NULL || p == r->self || repair_is_silent(r, p) ||
		    strcmp(p->name, home) == 0)
			continue;
		if (copies[i].state == COPY_HAS ||
		    copies[i].state == COPY_BROUGHT)
			held_r->names[held_r->count++] = p->name;
		else if (copies[i].state == COPY_DRAWN)
			held_r->coming++;
	}
}

bool
repair_is_young(uint32_t today, uint32_t since, int64_t now,
    int64_t ticket_time, uint64_t hold)
{
	int64_t last = EXPIRY_LAST_DAYS * DAY_SECONDS;

	return expiry_hold_state(today + EXPIRY_LAST_DAYS, since, hold) ==
	    HOLD_ON &&
	    now - ticket_time + last < (int64_t)hold;
}

static bool
is_young(struct relayd *r, const struct held *h, const struct ticket *t)
{
	const struct network *net = relayd_network(r);
	const struct manifest *home;

	home = net == NULL ? NULL : network_find(net, t->home);
	return home != NULL &&
	    repair_is_young(r->day.day, h->day, (int64_t)time(NULL), t->time,
		manifest_hold(home));
}

/* The day on which this copy began to be missing; 0: it isn't. */
static uint32_t
missing_since(
    struct relayd *r, const char *id, struct peer *p, enum copy_state state)
{
	uint32_t day;

	if (state != COPY_LOST && state != COPY_UNPROVEN)
		return repair_is_silent(r, p) ? p->heard + REPAIR_SILENT_DAYS
					      : 0;
	if (state_missing_since(r->state, id, p->name, &day) != 1)
		return r->repair->days;
	return day;
}

static struct held *
to_be_repaired(struct relayd *r, const char *id)
{
	struct held *h = store_find(r->store, id);

	if (h == NULL || (h->flags & INDEX_GONE) != 0 ||
	    store_home(r->store, h) == r->self)
		return NULL;
	/* SPEC: what is at home is not raised again. */
	return state_receipt_find(r->state, id, NULL) == 0 ? h : NULL;
}

/* It never got what was drawn for it: another gets it. */
static bool
redraw(struct relayd *r, const char *id, struct peer *p)
{
	holders_refused(r, id, p);
	return true;
}

/* Draw another in the place of this copy, if it is missing, needed, and
 * this node's to replace. True if it was. */
static bool
repair_copy(
    struct relayd *r, const char *id, struct peer *p, enum copy_state state)
{
	struct held *h = to_be_repaired(r, id);
	uint32_t since = missing_since(r, id, p, state);
	struct copy copies[STATE_COPIES_MAX];
	struct error error = {""};
	struct holding others;
	struct ticket t;
	const char *home;
	int count;

	if (h == NULL || since == 0 || since > r->repair->days)
		return false;
	if (state == COPY_DRAWN)
		return redraw(r, id, p);
	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	if (count < 0 || store_ticket(r->store, h, &t, &error) < 0)
		return false;
	home = store_home(r->store, h)->name;
	look_at_copies(r, home, copies, count, &others);
	if (1 + others.count + others.coming >= place_copies(&t) ||
	    !is_young(r, h, &t) ||
	    repair_rank(id, r->self->name, others.names, others.count) >
		r->repair->days - since)
		return false;
	if (!holders_draw_one(r, h))
		return false; /* nobody is left; another day */
	state_missing_replaced(r->state, id, p->name, r->repair->days);
	log_info("another holder is drawn id=%s instead=%s", id, p->name);
	return true;
}

/* The walk ----------------------------------------------------------------------- */

static unsigned
count_open(struct relayd *r)
{
	struct peer *p;
	unsigned i, n = 0;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++)
		n += repair_is_silent(r, p) ? 0 : p->drawn;
	return n;
}

/* May copies of this peer in this state be missing? */
static bool
is_suspect(struct relayd *r, struct peer *p, enum copy_state state)
{
	return p != r->self &&
	    (state == COPY_LOST || state == COPY_UNPROVEN ||
		repair_is_silent(r, p));
}

/* The next copy that may be missing; false at the end of the walk. */
static bool
walk(struct repair *x, struct peer **p_r, enum copy_state *state_r,
    char id_r[BUNDLE_ID_LEN + 1])
{
	struct peer *p;

	for (; (p = peers_at(x->r->peers, x->peer)) != NULL; x->peer++) {
		for (; x->state < STATES; x->state++) {
			if (is_suspect(x->r, p, states[x->state]) &&
			    state_unreplaced_next(x->r->state, p->name,
				states[x->state], x->after, id_r) == 1) {
				memcpy(x->after, id_r, sizeof(x->after));
				*p_r = p;
				*state_r = states[x->state];
				return true;
			}
			x->after[0] = '\0';
		}
		x->state = 0;
	}
	x->peer = 0;
	return false;
}

static void
begin(struct repair *x)
{
	x->peer = 1;
	x->state = 0;
	x->after[0] = '\0';
	x->again = false;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval tick = {TICK_SECONDS, 0};
	char id[BUNDLE_ID_LEN + 1];
	struct repair *x = ctx;
	enum copy_state state;
	unsigned looks = 0, draws = 0;
	struct peer *p;

	(void)fd;
	(void)what;
	if (x->r->leaving)
		return; /* leave.c hands on all that is here */
	if (x->peer == 0 && x->again)
		begin(x);
	while (x->peer != 0 && looks < TICK_LOOKS && draws < TICK_DRAWS &&
	    count_open(x->r) + draws < OPEN_MAX && walk(x, &p, &state, id)) {
		looks++;
		draws += repair_copy(x->r, id, p, state);
	}
	if (x->peer != 0 || x->again)
		evtimer_add(x->timer, &tick);
}

void
repair_day(struct relayd *r)
{
	static const struct timeval now = {0, 0};

	hear_all(r);
	begin(r->repair);
	evtimer_add(r->repair->timer, &now);
}

int
repair_new(struct relayd *r, struct repair **x_r, struct error *error_r)
{
	struct repair *x = xcalloc(1, sizeof(*x));
	int64_t days, counted;

	*x_r = NULL;
	x->r = r;
	x->timer = evtimer_new(r->base, on_timer, x);
	if (x->timer == NULL) {
		free(x);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*x_r = x;
	if (state_number(r->state, DAYS, &days) < 0 ||
	    state_number(r->state, COUNTED, &counted) < 0 ||
	    state_each_heard(r->state, load_one, r) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	x->days = days > 0 ? (uint32_t)days : 1;
	x->counted = (uint32_t)counted;
	return 0;
}

void
repair_free(struct repair **xp)
{
	if (*xp == NULL)
		return;
	event_free((*xp)->timer);
	free(*xp);
	*xp = NULL;
}
