/* SPDX-License-Identifier: MIT */
/*
 * report - facts of `agamid status`: relayd's and deliver's words taken
 * in, and what follows from all. See report.h. Pure.
 */
#include "cli/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/relay.h"
#include "cli/roster.h"
#include "cli/show.h"
#include "util/text.h"

#define DAY 86400
#define UNSEEN_DAYS 2 /* then a peer's absence is a problem */

void
report_init(struct report *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->problems, 2 * ROSTER_PROBLEMS_MAX);
}

void
report_free(struct report *r)
{
	free(r->peers);
	buf_free(&r->problems);
	memset(r, 0, sizeof(*r));
}

void
report_problem(struct report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)buf_vprintf(&r->problems, fmt, ap);
	va_end(ap);
	(void)buf_putc(&r->problems, '\n');
}

/* relayd ---------------------------------------------------------------- */

/* The peer of this name; one that relayd alone knows is added. */
static struct report_peer *
find_peer(struct report *r, const char *name)
{
	struct report_peer *p;
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		if (strcmp(r->peers[i].name, name) == 0)
			return &r->peers[i];
	}
	r->peers = reallocarray(r->peers, r->peer_count + 1, sizeof(*r->peers));
	if (r->peers == NULL)
		abort();
	p = &r->peers[r->peer_count++];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

static bool
is_yes(const char *line, size_t len, const char *key)
{
	char value[8];

	return relay_value(line, len, key, value, sizeof(value)) &&
	    strcmp(value, "yes") == 0;
}

static void
take_node(struct report *r, const char *line, size_t len)
{
	char clock[16];

	r->day = relay_number(line, len, "day");
	r->waiting = relay_number(line, len, "waiting");
	r->own = relay_number(line, len, "own");
	r->few = relay_number(line, len, "short");
	r->below = relay_number(line, len, "below");
	r->receipts = relay_number(line, len, "receipts");
	r->paused = (int64_t)relay_number(line, len, "paused");
	r->leaving = is_yes(line, len, "leaving");
	r->lost = relay_number(line, len, "lost");
	relay_value(line, len, "clock", clock, sizeof(clock));
	r->clock_holds = strcmp(clock, "unsynchronised") == 0;
}

static void
take_peer(struct report *r, const char *name, const char *line, size_t len)
{
	struct report_peer *p = find_peer(r, name);
	char word[32];

	relay_value(line, len, "session", p->session, sizeof(p->session));
	relay_value(line, len, "error", p->error, sizeof(p->error));
	p->seen = (int64_t)relay_number(line, len, "seen");
	p->next = relay_number(line, len, "next");
	p->failures = relay_number(line, len, "failures");
	p->held = relay_number(line, len, "held");
	p->held_bytes = relay_number(line, len, "bytes");
	p->few = relay_number(line, len, "short");
	p->age = relay_number(line, len, "age");
	p->drawn = relay_number(line, len, "drawn");
	p->wants = relay_number(line, len, "wants");
	p->away = (int64_t)relay_number(line, len, "away");
	p->told = is_yes(line, len, "told");
	p->silent = relay_number(line, len, "silent");
	p->copies_lost = relay_number(line, len, "lost");
	p->copies_unproven = relay_number(line, len, "unproven");
	p->says_ours = relay_value(line, len, "ours", word, sizeof(word));
	p->ours = relay_number(line, len, "ours");
	p->ours_bytes = relay_number(line, len, "ours-bytes");
}

static void
take_spread(struct report *r, const char *line, size_t len)
{
	struct report_spread *s;

	if (r->spread_count == REPORT_SPREADS_MAX)
		return;
	s = &r->spreads[r->spread_count++];
	s->nodes = (unsigned)relay_number(line, len, "nodes");
	s->bundles = (unsigned)relay_number(line, len, "bundles");
}

void
report_take_relay(struct report *r, const struct buf *answer)
{
	char name[NODE_NAME_MAX + 1];
	struct cursor c;
	const char *line;
	size_t len;

	cursor_init(&c, buf_str(answer), answer->len);
	while (cursor_line(&c, &line, &len)) {
		if (relay_value(line, len, "peer", name, sizeof(name)) &&
		    text_is_node_name(name))
			take_peer(r, name, line, len);
		else if (relay_value(line, len, "node", name, sizeof(name)))
			take_node(r, line, len);
		else if (relay_value(line, len, "nodes", name, sizeof(name)))
			take_spread(r, line, len);
	}
}

/* agamid-deliver ---------------------------------------------------------- */

void
report_take_totals(struct report *r, const struct buf *answer)
{
	const struct {
		const char *name;
		uint64_t *to;
	} states[] = {
	    {"retry ", &r->retry},
	    {"refused ", &r->refused},
	    {"quarantined ", &r->quarantined},
	    {"done ", &r->delivered},
	};
	struct cursor c, l;
	const char *line;
	size_t len, i;

	cursor_init(&c, buf_str(answer), answer->len);
	r->has_deliveries = cursor_skip(&c, "totals\n");
	while (r->has_deliveries && cursor_line(&c, &line, &len)) {
		for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			cursor_init(&l, line, len);
			if (cursor_skip(&l, states[i].name))
				cursor_uint(&l, INT64_MAX, states[i].to);
		}
	}
}

/* Judgement --------------------------------------------------------------- */

static void
judge_peer(struct report *r, const struct report_peer *p)
{
	char ago[32];

	if (p->m == NULL || p->away > r->now)
		return;
	if (p->seen > 0 && r->now - p->seen >= UNSEEN_DAYS * DAY &&
	    p->failures > 0) {
		show_age(r->now - p->seen, ago);
		report_problem(r, "%s was last seen %s ago: %s", p->name, ago,
		    p->error[0] != '\0' ? p->error : "no reason is known");
	}
}

/* What it said that it holds, and doesn't. */
static void
judge_copies(struct report *r, const struct report_peer *p)
{
	if (p->copies_unproven > 0)
		report_problem(r,
		    "%s can't prove that it has %llu that it took; others "
		    "shall hold them",
		    p->name, (unsigned long long)p->copies_unproven);
	if (p->copies_lost > 0)
		report_problem(r,
		    "%s has lost %llu that it took; others shall hold them",
		    p->name, (unsigned long long)p->copies_lost);
}

static void
judge_key(struct report *r)
{
	int64_t left = r->key_expires - r->now;
	char text[32];

	if (!r->has_key || r->key_expires == 0 || left > 30 * (int64_t)DAY)
		return;
	show_age(left, text);
	report_problem(r,
	    left <= 0 ? "this node's OpenPGP key has expired"
		      : "this node's OpenPGP key expires in %s",
	    text);
}

void
report_judge(struct report *r)
{
	static const char *const names[REPORT_DAEMONS] = {
	    "milter", "seal", "relayd", "deliver"};
	size_t i;

	for (i = 0; i < REPORT_DAEMONS; i++) {
		if (!r->runs[i])
			report_problem(r, "agamid-%s does not run", names[i]);
	}
	for (i = 0; i < r->peer_count; i++) {
		judge_peer(r, &r->peers[i]);
		judge_copies(r, &r->peers[i]);
	}
	judge_key(r);
	if (r->room > 0 && r->room < r->reserve)
		report_problem(r,
		    "less is free on the spool's disk than the reserve: "
		    "nothing more is taken");
	if (r->quarantined > 0)
		report_problem(r,
		    "%llu of our own bundles can't be opened: "
		    "agamid queue refused",
		    (unsigned long long)r->quarantined);
	if (r->refused > 0)
		report_problem(r,
		    "%llu of our own mails were refused by Postfix: "
		    "agamid queue refused",
		    (unsigned long long)r->refused);
	if (r->lost > 0)
		report_problem(r,
		    "%llu of our own bundles expired at friends before they "
		    "could be brought here: agamid queue expired",
		    (unsigned long long)r->lost);
	if (r->clock_holds)
		report_problem(r,
		    "the clock is not synchronised: what is too old to be "
		    "held stays");
	if (r->peer_count > 0 && r->may_hold_ours == 0)
		report_problem(r, "no peer may hold our mail");
}

/* Reach --------------------------------------------------------------------- */

static int
compare_sites(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

unsigned
report_reach(const struct manifest *self, const struct manifest *const *peers,
    size_t count, unsigned *sites_r)
{
	const char *own = manifest_site(self), **sites;
	unsigned distinct = 0, others = 0, wanted;
	size_t i, n = 0;

	sites = xcalloc(count + 1, sizeof(*sites));
	for (i = 0; i < count; i++) {
		if (!manifest_may_hold(peers[i], self))
			continue;
		others++;
		if (strcmp(manifest_site(peers[i]), own) != 0)
			sites[n++] = manifest_site(peers[i]);
	}
	qsort(sites, n, sizeof(*sites), compare_sites);
	for (i = 0; i < n; i++)
		distinct += i == 0 || strcmp(sites[i], sites[i - 1]) != 0;
	free(sites);
	/* One on our own site accepts, too, if nobody else does. */
	if (distinct == 0 && others > 0)
		distinct = 1;
	*sites_r = distinct;
	wanted = manifest_copies_of(self, distinct);
	return distinct < wanted ? distinct : wanted;
}
