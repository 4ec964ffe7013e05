/* SPDX-License-Identifier: MIT */
/*
 * census_ask - what peers say that they hold, compared with what is held
 * here. See census.h.
 *
 * A bucket is asked about when it changed, there or here, since it was
 * last settled; so what is held for long costs nothing. One question is
 * open with a peer at a time.
 *
 * SECURITY: a peer may lie about what it holds; proof.c is for that.
 */
#include "relayd/census_parts.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "util/text.h"
#include "relayd/repair.h"

#define TURN_MS 20 /* between buckets that are settled without asking */
#define ASK_MAX 512 /* buckets asked of one peer in a minute */

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
	census_look_in(r->census, TURN_MS);
}

/* Buckets that changed here are to be settled anew with everybody. */
void
census_unsettle(struct peers *peers, unsigned home, const struct tally *before,
    const struct tally *now)
{
	struct claim *cl;
	struct peer *p;
	unsigned i, b;

	for (i = 1; (p = peers_at(peers, i)) != NULL; i++) {
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

static void
ask(struct link *ln, struct claim *cl, unsigned bucket)
{
	struct survey *s = ln->peer->survey;
	struct proto_msg m = {.verb = PROTO_WHICH, .count = bucket};

	s->link = ln->number;
	s->claim = cl;
	s->bucket = bucket;
	s->deadline = relayd_clock() + CENSUS_ANSWER_MS;
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
	const struct tally *own;
	struct claim *cl;
	unsigned b;

	TAILQ_FOREACH (cl, &s->claims, next) {
		own = census_own(c, cl->home);
		for (b = 0; own != NULL && b < TALLY_BUCKETS; b++) {
			if (cl->settled[b] || own->digests[b] == 0)
				continue;
			*claim_r = cl;
			*bucket_r = b;
			return true;
		}
	}
	return false;
}

/* Settle one bucket: ask, or, where both have the same, don't. */
void
census_ask_more(struct census *c, struct link *ln)
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
	census_look_in(c, TURN_MS);
	if (cl->said.digests[b] == census_own(c, cl->home)->digests[b]) {
		cl->settled[b] = true;
		conclude(ln->r, ln->peer, cl, b, NULL, 0, true);
	} else if (census_may_ask(&s->asked, &s->asked_since, ASK_MAX)) {
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
	census_look_in(ln->r->census, 0);
}

void
census_link_gone(struct link *ln)
{
	struct survey *s = ln->peer->survey;

	if (s != NULL && s->link == ln->number)
		s->link = 0;
}

void
census_survey_free(struct peer *p)
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
