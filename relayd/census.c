/* SPDX-License-Identifier: MIT */
/*
 * census - what is held here, told, and told in detail to who asks. See
 * census.h; what peers say is census_ask.c's.
 *
 * SECURITY: a peer learns how much is held here for homes that it may hold
 * for itself, and of IDs only those that it knows.
 */
#include "relayd/census_parts.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/text.h"

#define SAY_MS 60000 /* changes are told at most so often */
#define AGAIN_MS 5000 /* while receipts are to be told first */
#define ASKED_MAX 1024 /* buckets asked about by one peer in a minute */
#define MINUTE_MS 60000

/* What is held here for a home. */
struct own {
	struct tally tally;
	uint64_t changed; /* the generation in which it last did */
};

struct census {
	struct relayd *r;
	struct own **owns; /* by the home's number */
	size_t own_count;
	uint64_t counted; /* the generation */
	int64_t said; /* ms: when changes were last told */
	struct event *timer;
	int64_t due; /* when it is set to */
};

void
census_look_in(struct census *c, int64_t ms)
{
	int64_t due = relayd_clock() + ms;
	struct timeval tv = {
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	if (evtimer_pending(c->timer, NULL) && c->due <= due)
		return;
	c->due = due;
	evtimer_add(c->timer, &tv);
}

bool
census_may_hold(struct relayd *r, const char *peer, const char *home)
{
	const struct network *net = relayd_network(r);
	const struct manifest *p, *h;

	p = net == NULL ? NULL : network_find(net, peer);
	h = net == NULL ? NULL : network_find(net, home);
	return p != NULL && h != NULL && p != h && manifest_may_hold(p, h);
}

/* What is held here ---------------------------------------------------- */

static struct own *
own_get(struct census *c, unsigned number)
{
	struct own **owns;
	size_t count = peers_count(c->r->peers) + 1;

	if (c->own_count < count) {
		owns = reallocarray(c->owns, count, sizeof(struct own *));
		if (owns == NULL)
			return NULL;
		memset(owns + c->own_count, 0,
		    (count - c->own_count) * sizeof(struct own *));
		c->owns = owns;
		c->own_count = count;
	}
	if (c->owns[number] == NULL)
		c->owns[number] = calloc(1, sizeof(struct own));
	return c->owns[number];
}

static const struct own *
own_of(const struct census *c, const struct peer *home)
{
	return home->number < c->own_count ? c->owns[home->number] : NULL;
}

const struct tally *
census_own(const struct census *c, const struct peer *home)
{
	const struct own *o = own_of(c, home);

	return o == NULL ? NULL : &o->tally;
}

/* Which homes' have changed? known: so many have a tally of before. */
static void
compare_all(struct census *c, const struct tally *before, size_t known,
    uint64_t generation)
{
	static const struct tally none;
	const struct tally *was;
	struct own *o;
	size_t i;

	for (i = 0; i < c->own_count; i++) {
		o = c->owns[i];
		was = i < known ? &before[i] : &none;
		if (o == NULL || memcmp(was, &o->tally, sizeof(*was)) == 0)
			continue;
		o->changed = generation;
		census_unsettle(c->r->peers, (unsigned)i, was, &o->tally);
	}
}

/* Count what is held for each home, if something came or went. */
static void
count(struct census *c)
{
	struct index *ix = store_index(c->r->store);
	uint64_t generation = store_generation(c->r->store);
	struct tally *before;
	struct held *h;
	struct own *o;
	size_t slot, i;

	if (c->counted == generation)
		return;
	before = calloc(c->own_count + 1, sizeof(*before));
	if (before == NULL)
		return;
	for (i = 0; i < c->own_count; i++) {
		if (c->owns[i] == NULL)
			continue;
		before[i] = c->owns[i]->tally;
		memset(&c->owns[i]->tally, 0, sizeof(struct tally));
	}
	i = c->own_count;
	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		o = h->home == c->r->self->number ? NULL : own_get(c, h->home);
		if (o != NULL && (h->flags & INDEX_GONE) == 0)
			tally_add(&o->tally, h->id, h->size);
	}
	compare_all(c, before, i, generation);
	free(before);
	c->counted = generation;
}

/* Telling ---------------------------------------------------------------- */

static void
say(struct link *ln, const struct peer *home, const struct tally *t)
{
	struct proto_msg m = {.verb = PROTO_CENSUS};
	uint8_t digests[TALLY_SIZE];

	tally_write(t, digests);
	memcpy(m.node, home->name, sizeof(m.node));
	m.count = t->count;
	m.size = t->bytes;
	m.payload = (const char *)digests;
	m.payload_len = sizeof(digests);
	link_send(ln, &m, -1);
}

/* SPEC: what this peer was not told yet. */
static void
say_changes(struct census *c, struct link *ln)
{
	const struct own *o;
	struct peer *home;
	unsigned i;

	for (i = 1; (home = peers_at(c->r->peers, i)) != NULL; i++) {
		o = own_of(c, home);
		if (o == NULL || o->changed <= ln->census ||
		    (ln->census == 0 && o->tally.count == 0))
			continue;
		if (home == ln->peer ||
		    census_may_hold(c->r, ln->peer->name, home->name))
			say(ln, home, &o->tally);
	}
	ln->census = c->counted;
}

/* Answering ------------------------------------------------------------------ */

bool
census_may_ask(unsigned *asked, int64_t *since, unsigned max)
{
	int64_t now = relayd_clock();

	if (now - *since >= MINUTE_MS) {
		*since = now;
		*asked = 0;
	}
	return ++*asked <= max;
}

static void
put_marks(struct relayd *r, const struct peer *home, unsigned bucket,
    const uint8_t *nonce, struct buf *out)
{
	struct index *ix = store_index(r->store);
	uint8_t mark[TALLY_MARK];
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (h->home != home->number || h->id[0] != bucket ||
		    (h->flags & INDEX_GONE) != 0)
			continue;
		tally_mark(nonce, h->id, mark);
		if (buf_put(out, mark, sizeof(mark)) < 0)
			return; /* TALLY_MARKS_MAX */
	}
}

void
census_asked(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	struct peer *home = peers_find(r->peers, m->node);
	struct proto_msg answer = *m;
	uint8_t nonce[TALLY_NONCE];
	struct buf marks;

	if (!census_may_ask(&ln->asked_of_us, &ln->asked_since, ASKED_MAX)) {
		link_end(ln, "too many questions");
		return;
	}
	answer.verb = PROTO_THESE;
	buf_init(&marks, TALLY_MARKS_SIZE);
	if (home != NULL && m->count < TALLY_BUCKETS &&
	    text_unhex(m->nonce, nonce, sizeof(nonce)) == 0 &&
	    census_may_hold(r, ln->peer->name, home->name))
		put_marks(r, home, (unsigned)m->count, nonce, &marks);
	answer.payload = marks.data;
	answer.payload_len = marks.len;
	link_send(ln, &answer, -1);
	buf_free(&marks);
}

/* Time ------------------------------------------------------------------------ */

/* Receipts come first: whoever hears that a bundle is gone shall know why
 * (SPEC ). */
static void
look_at(struct census *c, struct link *ln, bool say_now)
{
	if (!ln->up || ln->leaving || ln->version < 3 ||
	    broker_best(c->r->broker, ln->peer) != ln)
		return;
	if (ln->peer->tells > 0 && ln->census < c->counted)
		census_look_in(c, AGAIN_MS);
	else if (say_now || ln->census == 0)
		say_changes(c, ln);
	census_ask_more(c, ln);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct census *c = ctx;
	int64_t now = relayd_clock();
	struct link *ln = NULL;
	bool say_now = c->said == 0 || now - c->said >= SAY_MS;

	(void)fd;
	(void)what;
	count(c);
	if (say_now)
		c->said = now;
	while ((ln = broker_next(c->r->broker, ln)) != NULL)
		look_at(c, ln, say_now);
	/* An answer that does not come, or a minute that is over. */
	census_look_in(c, CENSUS_ANSWER_MS);
}

void
census_look(struct relayd *r)
{
	if (r->census->counted != store_generation(r->store))
		census_look_in(r->census, SAY_MS);
}

void
census_link_up(struct link *ln)
{
	if (ln->version >= 3)
		census_look_in(ln->r->census, 0);
}

/* Start and end --------------------------------------------------------------- */

int
census_new(struct relayd *r, struct census **c_r, struct error *error_r)
{
	struct census *c = xcalloc(1, sizeof(*c));

	*c_r = NULL;
	c->r = r;
	c->timer = evtimer_new(r->base, on_timer, c);
	if (c->timer == NULL) {
		free(c);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*c_r = c;
	return 0;
}

void
census_free(struct census **cp)
{
	struct census *c = *cp;
	struct peer *p;
	size_t i;

	if (c == NULL)
		return;
	for (i = 1; (p = peers_at(c->r->peers, (unsigned)i)) != NULL; i++)
		census_survey_free(p);
	for (i = 0; i < c->own_count; i++)
		free(c->owns[i]);
	free(c->owns);
	event_free(c->timer);
	free(c);
	*cp = NULL;
}
