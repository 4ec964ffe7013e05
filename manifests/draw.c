/* SPDX-License-Identifier: MIT */
/*
 * draw - which nodes are the backup MX of which. See draw.h; the rules are
 * doc/spec/zone.md 3.
 *
 * Rendezvous hashing with bounded loads: each home ranks all nodes that
 * may hold for it by a hash of both names and takes the first that have
 * room. Room is a quarter above the even share, so that the load is even
 * and a node that comes or goes moves little.
 *
 * Ten thousand homes times as many nodes are ranked: so a home first looks
 * at the few nodes of the highest weights, which nearly always suffice,
 * and only then at all.
 */
#include "manifests/draw.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifests/lookup.h"
#include "util/error.h"
#include "util/text.h"

#define SLACK_NUM 5 /* room: 5/4 of the even share */
#define SLACK_DEN 4
#define FIRST_LOOK 64 /* about so many of the highest weights, */
#define SECOND_LOOK 1024 /* then so many, then all */
#define LEVELS 32 /* room doubles so often */

struct node {
	const struct manifest *m;
	uint64_t as_home, as_holder; /* of its name */
	uint64_t fraction; /* of the room, 0 to 2^32 - 1 */
	uint32_t room, load;
	uint32_t site; /* the number of a node on it */
	bool holds; /* can be anybody's backup */
	bool holds_site; /* as a site's number: has it one that holds? */
	const struct node *chosen[DRAW_MAX];
	size_t chosen_count;
};

struct weighed {
	uint64_t weight;
	uint32_t node;
};

struct draw {
	struct node *nodes; /* in the order in which they draw */
	size_t count;
	struct lookup *by_name; /* to struct node */
	/* Nodes whose white list has "*"; those of the others that name a
	 * home are found under the home. */
	uint32_t *open;
	uint64_t *open_weights;
	size_t open_count;
	struct {
		uint32_t *list;
		size_t count, room;
	} * named_by; /* one for each node */
	struct weighed *candidates;
	size_t site_count; /* with a node that holds */
};

/* ---- hashes (Z-3.4) ---- */

static uint64_t
get64(const uint8_t *p)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

static void
hash_name(struct node *n)
{
	uint8_t h[32];

	crypto_generichash(h, sizeof(h), (const uint8_t *)n->m->name,
	    strlen(n->m->name), NULL, 0);
	n->as_home = get64(h);
	n->as_holder = get64(h + 8);
	n->fraction = get64(h + 16) >> 32;
}

/* The finaliser of MurmurHash3: every bit of x in every bit of the sum. */
static inline uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static int
by_turn(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->as_home != y->as_home)
		return x->as_home < y->as_home ? -1 : 1;
	return strcmp(x->m->name, y->m->name);
}

static int
by_weight(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static int
by_host(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->m->host, (*y)->m->host);
}

/* ---- who may hold for whom ---- */

static bool
is_open(const struct name_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (strcmp(list->names[i], "*") == 0)
			return true;
	}
	return false;
}

static void
add_named(struct draw *d, size_t home, uint32_t holder)
{
	size_t room = d->named_by[home].room;

	if (d->named_by[home].count == room) {
		room = room > 0 ? 2 * room : 4;
		d->named_by[home].list = reallocarray(d->named_by[home].list,
		    room, sizeof(*d->named_by[home].list));
		if (d->named_by[home].list == NULL)
			abort();
		d->named_by[home].room = room;
	}
	d->named_by[home].list[d->named_by[home].count++] = holder;
}

static void
add_holder(struct draw *d, uint32_t at)
{
	const struct name_list *allow = &d->nodes[at].m->stores_allow;
	const struct node *home;
	size_t i;

	d->nodes[at].holds =
	    d->nodes[at].m->address_count > 0 && allow->count > 0;
	if (!d->nodes[at].holds)
		return;
	if (is_open(allow)) {
		d->open_weights[d->open_count] = d->nodes[at].as_holder;
		d->open[d->open_count++] = at;
		return;
	}
	for (i = 0; i < allow->count; i++) {
		home = lookup_get(d->by_name, allow->names[i]);
		if (home != NULL)
			add_named(d, (size_t)(home - d->nodes), at);
	}
}

/* SPEC Z-3.1 */
static size_t
add_candidate(const struct draw *d, const struct node *home, uint32_t at,
    uint64_t weight, size_t n)
{
	const struct node *holder = &d->nodes[at];

	if (holder == home || !holder->holds ||
	    !manifest_may_hold(holder->m, home->m))
		return n;
	d->candidates[n] = (struct weighed){weight, at};
	return n + 1;
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The home has a white list: those on it, each once. */
static size_t
find_listed(const struct draw *d, const struct node *home)
{
	const struct name_list *allow = &home->m->backups_allow;
	uint32_t *list = xcalloc(allow->count + 1, sizeof(*list));
	const struct node *holder;
	size_t i, count = 0, n = 0;

	for (i = 0; i < allow->count; i++) {
		holder = lookup_get(d->by_name, allow->names[i]);
		if (holder != NULL)
			list[count++] = (uint32_t)(holder - d->nodes);
	}
	qsort(list, count, sizeof(*list), by_number);
	for (i = 0; i < count; i++) {
		if (i > 0 && list[i] == list[i - 1])
			continue;
		n = add_candidate(d, home, list[i],
		    mix(home->as_home ^ d->nodes[list[i]].as_holder), n);
	}
	free(list);
	return n;
}

/* Everybody with at least this weight, the highest first. */
static size_t
find_candidates(const struct draw *d, const struct node *home, uint64_t least)
{
	size_t i, at = (size_t)(home - d->nodes), n = 0;
	uint64_t weight;
	uint32_t holder;

	if (!is_open(&home->m->backups_allow))
		n = find_listed(d, home);
	else {
		for (i = 0; i < d->open_count; i++) {
			weight = mix(home->as_home ^ d->open_weights[i]);
			if (weight >= least)
				n = add_candidate(
				    d, home, d->open[i], weight, n);
		}
		for (i = 0; i < d->named_by[at].count; i++) {
			holder = d->named_by[at].list[i];
			weight =
			    mix(home->as_home ^ d->nodes[holder].as_holder);
			if (weight >= least)
				n = add_candidate(d, home, holder, weight, n);
		}
	}
	qsort(d->candidates, n, sizeof(*d->candidates), by_weight);
	return n;
}

/* ---- choosing ---- */

static bool
site_is_new(const struct node *home, uint32_t site)
{
	size_t i;

	if (site == home->site)
		return false;
	for (i = 0; i < home->chosen_count; i++) {
		if (site == home->chosen[i]->site)
			return false;
	}
	return true;
}

/* Are all sites the home's own or chosen? Then no candidate can be on a
 * new one. */
static bool
sites_are_used(const struct draw *d, const struct node *home)
{
	size_t used = d->nodes[home->site].holds_site, i, j;

	for (i = 0; i < home->chosen_count; i++) {
		for (j = 0; j < i; j++) {
			if (home->chosen[j]->site == home->chosen[i]->site)
				break;
		}
		used += j == i && home->chosen[i]->site != home->site;
	}
	return used == d->site_count;
}

static bool
is_chosen(const struct node *home, const struct node *n)
{
	size_t i;

	for (i = 0; i < home->chosen_count; i++) {
		if (home->chosen[i] == n)
			return true;
	}
	return false;
}

/* Once through the candidates, at this multiple of everybody's room; true
 * if some had none left. */
static bool
choose_pass(struct draw *d, struct node *home, size_t n, size_t want,
    unsigned level, bool new_sites)
{
	struct node *holder;
	bool full = false;
	size_t i;

	for (i = 0; i < n && home->chosen_count < want; i++) {
		holder = &d->nodes[d->candidates[i].node];
		if (is_chosen(home, holder) ||
		    (new_sites && !site_is_new(home, holder->site)))
			continue;
		if (holder->load >= (uint64_t)holder->room << level) {
			full = true;
			continue;
		}
		holder->load++;
		home->chosen[home->chosen_count++] = holder;
	}
	return full;
}

static size_t
wanted(const struct node *home)
{
	size_t want = home->m->backups_mx;

	return want < DRAW_MAX ? want : DRAW_MAX;
}

/* Among about so many of the highest weights only. Whom it chooses it would
 * choose among all: they come first. */
static void
choose_quickly(struct draw *d, struct node *home, size_t look, size_t want)
{
	size_t n;

	if (d->open_count <= 2 * look)
		return;
	n = find_candidates(
	    d, home, UINT64_MAX - UINT64_MAX / d->open_count * look);
	choose_pass(d, home, n, want, 0, true);
	if (sites_are_used(d, home))
		choose_pass(d, home, n, want, 0, false);
}

/* SPEC Z-3.3: sites of their own first (what fells the home, or one
 * backup, must not fell the next one), and of these who has room. */
static void
choose(struct draw *d, struct node *home)
{
	size_t n, want = wanted(home);
	unsigned level;

	choose_quickly(d, home, FIRST_LOOK, want);
	if (home->chosen_count < want)
		choose_quickly(d, home, SECOND_LOOK, want);
	if (home->chosen_count == want)
		return;
	n = find_candidates(d, home, 0);
	for (level = 0; level < LEVELS; level++) {
		if (!choose_pass(d, home, n, want, level, true))
			break;
	}
	for (level = 0; level < LEVELS; level++) {
		if (!choose_pass(d, home, n, want, level, false))
			break;
	}
}

/* ---- the whole ---- */

/* SPEC Z-3.4: a quarter above the even share; its fraction is rounded up
 * for some nodes and down for others, so that no small change of the share
 * changes everybody's room at once. */
static void
give_room(struct draw *d)
{
	uint64_t all = 0, holders = 0, room;
	size_t i;

	for (i = 0; i < d->count; i++) {
		all += wanted(&d->nodes[i]);
		holders += d->nodes[i].holds;
	}
	for (i = 0; i < d->count && holders > 0; i++) {
		room = (all * SLACK_NUM << 20) / (holders * SLACK_DEN);
		room = (room + (d->nodes[i].fraction >> 12)) >> 20;
		d->nodes[i].room = room > 0 ? (uint32_t)room : 1;
	}
}

/* Each site's number, and how many there are to choose from. */
static int
number_sites(struct draw *d)
{
	struct lookup *sites = lookup_new();
	const void *there;
	struct node *n;
	size_t i;
	int rc = sites != NULL ? 0 : AG_ENOMEM;

	for (i = 0; i < d->count && rc != AG_ENOMEM; i++) {
		n = &d->nodes[i];
		there = n;
		rc = lookup_add(sites, manifest_site(n->m), n, &there);
		n->site = (uint32_t)((const struct node *)there - d->nodes);
		if (n->holds && !d->nodes[n->site].holds_site) {
			d->nodes[n->site].holds_site = true;
			d->site_count++;
		}
	}
	lookup_free(&sites);
	return rc == AG_ENOMEM ? rc : 0;
}

static bool
draw_allocate(struct draw *d, size_t count)
{
	d->nodes = calloc(count + 1, sizeof(*d->nodes));
	d->open = calloc(count + 1, sizeof(*d->open));
	d->open_weights = calloc(count + 1, sizeof(*d->open_weights));
	d->named_by = calloc(count + 1, sizeof(*d->named_by));
	d->candidates = calloc(2 * count + 1, sizeof(*d->candidates));
	d->by_name = lookup_new();
	return d->nodes != NULL && d->open != NULL && d->open_weights != NULL &&
	    d->named_by != NULL && d->candidates != NULL && d->by_name != NULL;
}

struct draw *
draw_new(const struct manifest *const *nodes, size_t count)
{
	struct draw *d = calloc(1, sizeof(*d));
	size_t i;

	if (d == NULL || !draw_allocate(d, count)) {
		draw_free(&d);
		return NULL;
	}
	d->count = count;
	for (i = 0; i < count; i++) {
		d->nodes[i].m = nodes[i];
		hash_name(&d->nodes[i]);
	}
	qsort(d->nodes, count, sizeof(*d->nodes), by_turn);
	for (i = 0; i < count; i++)
		(void)lookup_add(
		    d->by_name, d->nodes[i].m->name, &d->nodes[i], NULL);
	for (i = 0; i < count; i++)
		add_holder(d, (uint32_t)i);
	give_room(d);
	if (number_sites(d) != 0)
		draw_free(&d);
	for (i = 0; d != NULL && i < count; i++) {
		choose(d, &d->nodes[i]);
		qsort(d->nodes[i].chosen, d->nodes[i].chosen_count,
		    sizeof(*d->nodes[i].chosen), by_host);
	}
	return d;
}

void
draw_free(struct draw **dp)
{
	struct draw *d = *dp;
	size_t i;

	*dp = NULL;
	if (d == NULL)
		return;
	for (i = 0; d->named_by != NULL && i < d->count; i++)
		free(d->named_by[i].list);
	free(d->named_by);
	free(d->nodes);
	free(d->open);
	free(d->open_weights);
	free(d->candidates);
	lookup_free(&d->by_name);
	free(d);
}

size_t
draw_backups(const struct draw *d, const struct manifest *home,
    const struct manifest *out[DRAW_MAX])
{
	const struct node *n = lookup_get(d->by_name, home->name);

	size_t i;

	for (i = 0; n != NULL && i < n->chosen_count; i++)
		out[i] = n->chosen[i]->m;
	return n != NULL ? n->chosen_count : 0;
}
