/* SPDX-License-Identifier: MIT */
/*
 * census - tallies told and compared. See census.h.
 *
 * A bucket is asked about when it changed, there or here, since it was
 * last settled; so what is held for long costs nothing.
 *
 * SECURITY: a peer may lie about what it holds; proof.c is for that. It
 * learns how much is held here for homes that it may hold for itself, and
 * of IDs only those that it knows.
 */
#include "relayd/census.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/repair.h"
#include "relayd/tally.h"

#define SAY_MS 60000 /* changes are told at most so often */
#define TURN_MS 20 /* between buckets that are settled without asking */
#define AGAIN_MS 5000 /* while receipts are to be told first */
#define ANSWER_MS 60000 /* within which these must come */
#define ASK_MAX 512 /* buckets asked of one peer in a minute */
#define ASKED_MAX 1024 /* and answered */
#define MINUTE_MS 60000

/* What is held here for a home. */
struct own {
	struct tally tally;
	uint64_t changed; /* the generation in which it last did */
};

/* What a peer said that it holds for a home. */
struct claim {
	TAILQ_ENTRY(claim) next;
	struct peer *home;
	struct tally said;
	bool settled[TALLY_BUCKETS];
};

/* Of a peer. */
struct survey {
	TAILQ_HEAD(, claim) claims;
	/* The bucket that it was asked about. */
	uint64_t link; /* 0: none */
	struct claim *claim;
	unsigned bucket;
	uint8_t nonce[TALLY_NONCE];
	int64_t deadline;
	unsigned asked; /* since: */
	int64_t asked_since;
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

/* Look in so many milliseconds, or sooner if that was meant before. */
static void
look_in(struct census *c, int64_t ms)
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

/* Buckets that changed here are to be settled anew with everybody. */
static void
unsettle(struct census *c, unsigned home, const struct tally *before,
    const struct tally *now)
{
	struct claim *cl;
	struct peer *p;
	unsigned i, b;

	for (i = 1; (p = peers_at(c->r->peers, i)) != NULL; i++) {
		if (p->survey == NULL)
			continue;
		TAILQ_FOREACH (cl, &p->survey->claims, next) {
			if (cl->home->number != home)
				continue;
			for (b = 0; b < TALLY_BUCKETS; b++) {
				if (before->digests[b] != now->digests[b])
					cl->settled[b] = false;
			}
		}
	}
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
		unsettle(c, (unsigned)i, was, &o->tally);
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

/* What a peer said ------------------------------------------------------- */

static struct survey *
survey_of(struct peer *p)
{
	if (p->survey == NULL) {
		p->survey = xcalloc(1, sizeof(*p->survey));
		TAILQ_INIT(&p->survey->claims);
	}
	return p->survey;
}

static struct claim *
claim_find(const struct survey *s, const struct peer *home)
{
	struct claim *cl;

	if (s == NULL)
		return NULL;
	TAILQ_FOREACH (cl, &s->claims, next) {
		if (cl->home == home)
			return cl;
	}
	return NULL;
}

static struct claim *
claim_get(struct survey *s, struct peer *home)
{
	struct claim *cl = claim_find(s, home);

	if (cl != NULL)
		return cl;
	cl = calloc(1, sizeof(*cl));
	if (cl == NULL)
		return NULL;
	cl->home = home;
	TAILQ_INSERT_TAIL(&s->claims, cl, next);
	return cl;
}

bool
census_find(const struct peer *p, const struct peer *home, uint64_t *count_r,
    uint64_t *bytes_r)
{
	const struct claim *cl = claim_find(p->survey, home);

	if (cl == NULL)
		return false;
	*count_r = cl->said.count;
	*bytes_r = cl->said.bytes;
	return true;
}

void
census_told(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	struct peer *home = peers_find(r->peers, m->node);
	struct tally said;
	struct claim *cl;
	unsigned b;

	if (home == NULL || m->payload_len != TALLY_SIZE ||
	    !census_may_hold(r, ln->peer->name, home->name))
		return; /* the two see the network differently */
	cl = claim_get(survey_of(ln->peer), home);
	if (cl == NULL)
		return;
	tally_read((const uint8_t *)m->payload, &said);
	for (b = 0; b < TALLY_BUCKETS; b++) {
		if (said.digests[b] != cl->said.digests[b])
			cl->settled[b] = false;
	}
	said.count = m->count;
	said.bytes = m->size;
	cl->said = said;
	look_in(r->census, TURN_MS);
}

/* What follows ------------------------------------------------------------- */

/* The peer has, or has not, what is held here in this bucket: all of it if
 * marks is NULL, else what is among them. whole: none is left out. */
static void
conclude(struct relayd *r, struct peer *p, const struct claim *cl,
    unsigned bucket, const uint8_t *marks, size_t n, bool whole)
{
	struct index *ix = store_index(r->store);
	char id[BUNDLE_ID_LEN + 1];
	uint8_t mark[TALLY_MARK];
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (h->home != cl->home->number || h->id[0] != bucket ||
		    (h->flags & INDEX_GONE) != 0)
			continue;
		held_id(h, id);
		if (marks != NULL)
			tally_mark(p->survey->nonce, h->id, mark);
		if (marks == NULL || tally_has(marks, n, mark))
			repair_found(r, id, p);
		else if (whole)
			repair_lost(r, id, p);
	}
}

/* Asking -------------------------------------------------------------------- */

static bool
may_ask(unsigned *asked, int64_t *since, unsigned max)
{
	int64_t now = relayd_clock();

	if (now - *since >= MINUTE_MS) {
		*since = now;
		*asked = 0;
	}
	return ++*asked <= max;
}

static void
ask(struct link *ln, struct claim *cl, unsigned bucket)
{
	struct survey *s = ln->peer->survey;
	struct proto_msg m = {.verb = PROTO_WHICH, .count = bucket};

	s->link = ln->number;
	s->claim = cl;
	s->bucket = bucket;
	s->deadline = relayd_clock() + ANSWER_MS;
	randombytes_buf(s->nonce, sizeof(s->nonce));
	memcpy(m.node, cl->home->name, sizeof(m.node));
	text_hex(s->nonce, sizeof(s->nonce), m.nonce);
	link_send(ln, &m, -1);
}

/* The next bucket that is to be settled, and about which there is
 * something to know. */
static bool
next_bucket(const struct census *c, const struct survey *s,
    struct claim **claim_r, unsigned *bucket_r)
{
	const struct own *o;
	struct claim *cl;
	unsigned b;

	TAILQ_FOREACH (cl, &s->claims, next) {
		o = own_of(c, cl->home);
		for (b = 0; o != NULL && b < TALLY_BUCKETS; b++) {
			if (cl->settled[b] || o->tally.digests[b] == 0)
				continue;
			*claim_r = cl;
			*bucket_r = b;
			return true;
		}
	}
	return false;
}

/* Settle one bucket: ask, or, where both have the same, don't. */
static void
ask_more(struct census *c, struct link *ln)
{
	struct survey *s = ln->peer->survey;
	struct claim *cl;
	unsigned b;

	if (s == NULL)
		return;
	if (s->link != 0 && relayd_clock() < s->deadline)
		return;
	s->link = 0;
	if (!next_bucket(c, s, &cl, &b))
		return;
	look_in(c, TURN_MS);
	if (cl->said.digests[b] == own_of(c, cl->home)->tally.digests[b]) {
		cl->settled[b] = true;
		conclude(c->r, ln->peer, cl, b, NULL, 0, true);
	} else if (may_ask(&s->asked, &s->asked_since, ASK_MAX)) {
		ask(ln, cl, b);
	}
}

void
census_answered(struct link *ln, const struct proto_msg *m)
{
	struct survey *s = ln->peer->survey;
	uint8_t *marks;
	size_t n = m->payload_len / TALLY_MARK;
	char nonce[PROTO_NONCE_LEN + 1];

	if (s == NULL || s->link != ln->number)
		return;
	text_hex(s->nonce, sizeof(s->nonce), nonce);
	if (strcmp(nonce, m->nonce) != 0 ||
	    strcmp(m->node, s->claim->home->name) != 0 ||
	    m->count != s->bucket || m->payload_len % TALLY_MARK != 0)
		return;
	s->link = 0;
	s->claim->settled[s->bucket] = true;
	marks = malloc(m->payload_len + 1);
	if (marks != NULL) {
		if (n > 0)
			memcpy(marks, m->payload, m->payload_len);
		tally_sort(marks, n);
		conclude(ln->r, ln->peer, s->claim, s->bucket, marks, n,
		    n < TALLY_MARKS_MAX);
		free(marks);
	}
	look_in(ln->r->census, 0);
}

/* Answering ------------------------------------------------------------------ */

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

	if (!may_ask(&ln->asked_of_us, &ln->asked_since, ASKED_MAX)) {
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
		look_in(c, AGAIN_MS);
	else if (say_now || ln->census == 0)
		say_changes(c, ln);
	ask_more(c, ln);
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
	look_in(c, ANSWER_MS);
}

void
census_look(struct relayd *r)
{
	if (r->census->counted != store_generation(r->store))
		look_in(r->census, SAY_MS);
}

void
census_link_up(struct link *ln)
{
	if (ln->version >= 3)
		look_in(ln->r->census, 0);
}

void
census_link_gone(struct link *ln)
{
	struct survey *s = ln->peer->survey;

	if (s != NULL && s->link == ln->number)
		s->link = 0;
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

static void
survey_free(struct peer *p)
{
	struct claim *cl;

	if (p->survey == NULL)
		return;
	while ((cl = TAILQ_FIRST(&p->survey->claims)) != NULL) {
		TAILQ_REMOVE(&p->survey->claims, cl, next);
		free(cl);
	}
	free(p->survey);
	p->survey = NULL;
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
		survey_free(p);
	for (i = 0; i < c->own_count; i++)
		free(c->owns[i]);
	free(c->owns);
	event_free(c->timer);
	free(c);
	*cp = NULL;
}
