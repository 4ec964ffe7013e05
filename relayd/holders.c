/* SPDX-License-Identifier: MIT */
/*
 * holders - draws, and what became of them. See holders.h.
 *
 * Everything is in the database; in memory are only how many bundles each
 * peer is still to get, and a flag at a bundle that lacks holders.
 */
#include "relayd/holders.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "relayd/await.h"
#include "relayd/away.h"
#include "relayd/dialler.h"
#include "relayd/events.h"
#include "relayd/leave.h"
#include "relayd/place.h"
#include "relayd/repair.h"
#include "relayd/state_repair.h"

#define ELIGIBLE_MAX 256

static bool
is_among(const struct copy *copies, int count, const char *name)
{
	int i;

	for (i = 0; i < count; i++) {
		if (strcmp(copies[i].peer, name) == 0)
			return true;
	}
	return false;
}

/* How many hold it or are to, the own node among them if it stays. */
static unsigned
live(struct relayd *r, const struct copy *copies, int count, const char *home)
{
	const char *self = r->self->name;
	unsigned n = 0;
	int i;

	for (i = 0; i < count; i++) {
		if (copies[i].state != COPY_REFUSED &&
		    strcmp(copies[i].peer, home) != 0 &&
		    strcmp(copies[i].peer, self) != 0)
			n++;
	}
	return r->leaving ? n : n + 1;
}

static bool
is_same_site(const struct manifest *a, const struct manifest *b)
{
	return strcmp(manifest_site(a), manifest_site(b)) == 0;
}

/* Leaves out of the n candidates those on the site of taken. */
static size_t
without_site(
    const struct manifest **from, size_t n, const struct manifest *taken)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (!is_same_site(from[i], taken))
			from[kept++] = from[i];
	}
	return kept;
}

/* Nobody knows when it would be there. */
static bool
is_absent(struct relayd *r, const char *name)
{
	struct peer *p = peers_find(r->peers, name);

	return p != NULL && (away_is(p) || repair_is_silent(r, p));
}

/* Those that may be drawn and were not yet, on no site that has a copy or
 * is to have one; a site where one refused may do with another
 * (SPEC N-8.3). */
static size_t
candidates(struct relayd *r, const char *home, const struct copy *copies,
    int count, const struct manifest **out)
{
	const struct network *net = relayd_network(r);
	const struct manifest *m;
	size_t n, i, kept = 0;
	int c;

	m = net == NULL ? NULL : network_find(net, home);
	if (m == NULL)
		return 0;
	n = network_eligible(net, m, out, ELIGIBLE_MAX);
	for (i = 0; i < n; i++) {
		if (!is_among(copies, count, out[i]->name) &&
		    !is_absent(r, out[i]->name))
			out[kept++] = out[i];
	}
	for (c = 0; c < count; c++) {
		m = network_find(net, copies[c].peer);
		if (m != NULL && copies[c].state != COPY_REFUSED)
			kept = without_site(out, kept, m);
	}
	return kept;
}

static void
assign(struct relayd *r, const char *id, const char *name)
{
	struct peer *p = peers_get(r->peers, name);

	if (p == NULL || state_copy_set(r->state, id, name, COPY_DRAWN) < 0)
		return;
	p->drawn++;
	p->news_drawn = true;
	r->kick = true; /* there may be a session already */
	dialler_news(r, p);
	event_note(r, id, EVENT_DRAWN, name, NULL);
	log_info("drawn id=%s peer=%s", id, name);
}

/* Draw need of the candidates, one by one, never two of a site; the
 * count. */
static size_t
draw(struct relayd *r, const char *id, const char *home,
    const struct copy *copies, int count, unsigned need)
{
	const struct manifest *from[ELIGIBLE_MAX], *drawn;
	size_t pick, n, done = 0;

	n = candidates(r, home, copies, count, from);
	while (
	    done < need && place_draw(n, 1, place_random, NULL, &pick) == 1) {
		drawn = from[pick];
		assign(r, id, drawn->name);
		n = without_site(from, n, drawn);
		done++;
	}
	return done;
}

void
holders_draw(struct relayd *r, struct held *h)
{
	struct copy copies[STATE_COPIES_MAX];
	const char *home = store_home(r->store, h)->name;
	char id[BUNDLE_ID_LEN + 1];
	struct error error = {""};
	enum copy_state own;
	unsigned want, have;
	struct ticket t;
	int count;

	held_id(h, id);
	h->flags |= INDEX_OWN | INDEX_SHORT; /* until it has worked */
	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	if (count < 0)
		return;
	if (store_ticket(r->store, h, &t, &error) < 0) {
		log_error(
		    "can't read a ticket id=%s error=\"%s\"", id, error.text);
		return;
	}
	want = place_copies(&t);
	have = live(r, copies, count, home);
	if (have < want)
		have += (unsigned)draw(r, id, home, copies, count, want - have);
	own = have < want ? COPY_SHORT : COPY_OWN;
	/* Written only if it changed: a short bundle is looked at often. */
	if ((enum copy_state)state_copy(r->state, id, r->self->name) != own &&
	    state_copy_set(r->state, id, r->self->name, own) < 0)
		return;
	if (own == COPY_OWN)
		h->flags &= (uint8_t)~INDEX_SHORT;
	relayd_flush_soon(r);
}

bool
holders_draw_one(struct relayd *r, struct held *h)
{
	struct copy copies[STATE_COPIES_MAX];
	char id[BUNDLE_ID_LEN + 1];
	int count;

	held_id(h, id);
	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	if (count < 0 ||
	    draw(r, id, store_home(r->store, h)->name, copies, count, 1) == 0)
		return false;
	relayd_flush_soon(r);
	return true;
}

void
holders_retry(struct relayd *r)
{
	struct index *ix = store_index(r->store);
	char id[BUNDLE_ID_LEN + 1];
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if ((h->flags & INDEX_SHORT) == 0 ||
		    (h->flags & INDEX_GONE) != 0)
			continue;
		held_id(h, id);
		if (state_forgive(r->state, id) == 0)
			holders_draw(r, h);
	}
}

/* Change the state of a pair that was drawn, or had refused and took it
 * after all; true if it was so. */
static bool
settle(struct relayd *r, const char *id, struct peer *p, enum copy_state state)
{
	int before = state_copy(r->state, id, p->name);

	if (before != COPY_DRAWN &&
	    (before != COPY_REFUSED || state == COPY_REFUSED))
		return false;
	if (state_copy_set(r->state, id, p->name, state) < 0)
		return false;
	if (before == COPY_DRAWN && p->drawn > 0)
		p->drawn--;
	relayd_flush_soon(r);
	await_look_soon(r);
	return true;
}

void
holders_has(struct relayd *r, const char *id, struct peer *p)
{
	settle(r, id, p, COPY_HAS);
}

void
holders_brought(struct relayd *r, const char *id, struct peer *p)
{
	if (!settle(r, id, p, COPY_BROUGHT) &&
	    state_copy_set(r->state, id, p->name, COPY_BROUGHT) == 0)
		relayd_flush_soon(r);
}

void
holders_refused(struct relayd *r, const char *id, struct peer *p)
{
	struct held *h;

	if (!settle(r, id, p, COPY_REFUSED))
		return;
	h = store_find(r->store, id);
	if (h != NULL && (h->flags & INDEX_OWN) != 0) {
		holders_draw(r, h);
		if ((h->flags & INDEX_SHORT) != 0)
			log_warn("too few holders id=%s", id);
	} else if (h != NULL && r->leaving) {
		leave_look(r, h);
	} else if (h != NULL) {
		(void)holders_draw_one(r, h); /* repair.c drew it */
	}
}

void
holders_forget(struct relayd *r, const char *id)
{
	struct copy copies[STATE_COPIES_MAX];
	struct peer *p;
	int count, i;

	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	if (count <= 0)
		return;
	for (i = 0; i < count; i++) {
		p = peers_find(r->peers, copies[i].peer);
		if (copies[i].state == COPY_DRAWN && p != NULL && p->drawn > 0)
			p->drawn--;
	}
	state_forget(r->state, id);
	state_missing_forget(r->state, id);
	relayd_flush_soon(r);
}

/* Peers that left the network hold nothing new. */
void
holders_view(struct relayd *r)
{
	char id[BUNDLE_ID_LEN + 1];
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p->known || p->drawn == 0)
			continue;
		id[0] = '\0';
		while (state_drawn_next(r->state, p->name, id, id) == 1)
			holders_refused(r, id, p);
	}
	holders_retry(r);
	leave_look_all(r);
}

/* Start ------------------------------------------------------------------- */

/* state_origin_fn */
static void
note_origin(const char *id, const char *peer, enum copy_state state, void *ctx)
{
	struct relayd *r = ctx;
	struct held *h = store_find(r->store, id);
	struct peer *p;

	if (h == NULL)
		return;
	if (state == COPY_OWN)
		h->flags |= INDEX_OWN;
	if (state == COPY_SHORT)
		h->flags |= INDEX_OWN | INDEX_SHORT;
	p = peers_get(r->peers, peer);
	if (p != NULL && h->from == 0)
		store_set_from(r->store, h, p->number);
}

/*
 * Held, but the database knows not from whom: the process ended between
 * the move and the commit, or the database was lost. If the own node
 * accepted it, holders are drawn now; one that holds it already will say
 * so.
 */
static void
adopt(struct relayd *r, struct held *h)
{
	struct error error = {""};
	char id[BUNDLE_ID_LEN + 1];
	struct ticket t;
	struct peer *p;

	held_id(h, id);
	if (store_ticket(r->store, h, &t, &error) < 0) {
		log_error(
		    "can't read a ticket id=%s error=\"%s\"", id, error.text);
		return;
	}
	p = peers_get(r->peers, t.acceptor);
	if (p == NULL)
		return;
	store_set_from(r->store, h, p->number);
	if (p == r->self)
		holders_draw(r, h);
	else if (state_copy_add(r->state, id, p->name, COPY_BROUGHT) == 0)
		relayd_flush_soon(r);
}

static void
count_work(struct relayd *r)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		p->drawn = state_copy_count(r->state, p->name, COPY_DRAWN);
		p->tells = state_tell_count(r->state, p->name);
		p->news_drawn = p->drawn > 0;
	}
}

void
holders_recheck(struct relayd *r)
{
	struct index *ix = store_index(r->store);
	char id[BUNDLE_ID_LEN + 1];
	struct copy copy;
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		held_id(h, id);
		if ((h->flags & INDEX_GONE) == 0 &&
		    state_copies(r->state, id, &copy, 1) == 0)
			adopt(r, h);
	}
	count_work(r);
}

int
holders_load(struct relayd *r, struct error *error_r)
{
	struct index *ix = store_index(r->store);
	struct held *h;
	size_t slot;

	if (state_each_origin(r->state, note_origin, r) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	count_work(r);
	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (h->from == 0 && (h->flags & INDEX_GONE) == 0)
			adopt(r, h);
	}
	return 0;
}
