/* SPDX-License-Identifier: MIT */
/*
 * control_status - the answer to status. See control.h.
 */
#include "relayd/control_parts.h"

#include <stdlib.h>

#include "util/file.h"
#include "relayd/answer.h"
#include "relayd/await.h"
#include "relayd/away.h"
#include "relayd/broker.h"
#include "relayd/census.h"
#include "relayd/client.h"
#include "relayd/delivery.h"
#include "relayd/repair.h"
#include "relayd/state_repair.h"
#include "relayd/expiry.h"
#include "relayd/state_expiry.h"

/* What one walk over the index tells; per home, by its number. */
struct home_sum {
	unsigned few; /* bundles that lack holders */
	uint32_t oldest; /* day; 0: none */
};

struct sums {
	unsigned own, few;
	struct home_sum *homes; /* peers_count() + 1; NULL: no memory */
};

static void
sum_up(struct relayd *r, struct sums *s_r)
{
	struct index *ix = store_index(r->store);
	struct home_sum *home;
	struct held *h;
	size_t slot;

	s_r->own = s_r->few = 0;
	s_r->homes = calloc(peers_count(r->peers) + 1, sizeof(*s_r->homes));
	for (slot = 0; s_r->homes != NULL && (h = index_from(ix, &slot));
	     slot++) {
		home = &s_r->homes[h->home];
		if (home->oldest == 0 || h->day < home->oldest)
			home->oldest = h->day;
		if (h->home == r->self->number || (h->flags & INDEX_OWN) == 0)
			continue;
		s_r->own++;
		if ((h->flags & INDEX_SHORT) == 0)
			continue;
		s_r->few++;
		home->few++;
	}
}

/* spool_each_fn */
static int
count_one(const struct spool_name *n, const char *file, void *ctx)
{
	unsigned *count = ctx;

	(void)n;
	(void)file;
	(*count)++;
	return 0;
}

static unsigned
count_new(struct relayd *r)
{
	char *dir = file_join(r->conf->spool_dir, "new");
	unsigned count = 0;

	(void)spool_each(dir, count_one, &count, NULL);
	free(dir);
	return count;
}

static void
status_node(struct relayd *r, struct client *c, const struct sums *s)
{
	const struct network *net = relayd_network(r);
	struct await_times waits;
	uint64_t bytes = 0;
	struct buf line;
	struct peer *p;
	unsigned i;

	await_times(r, &waits);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++)
		bytes += p->held_bytes;
	answer_init(&line);
	buf_printf(&line,
	    "node=%s network=%s day=%u held=%zu bytes=%llu receipts=%u "
	    "new=%u deliver=%s waiting=%u own=%u short=%u paused=%lld "
	    "below=%u leaving=%s room=%llu waits=%u wait-median=%u wait-p95=%u "
	    "lost=%u untold=%u clock=%s",
	    r->self->name, net == NULL ? "none" : network_self(net)->network,
	    r->day.day, store_count(r->store), (unsigned long long)bytes,
	    state_receipt_count(r->state), count_new(r),
	    delivery_connected(r->delivery) ? "up" : "down",
	    delivery_waiting(r->delivery), s->own, s->few,
	    (long long)(r->leaving ? 0 : away_until(r)),
	    state_below_count(r->state, repair_silent_since(r)),
	    r->leaving ? "yes" : "no", (unsigned long long)store_room(r->store),
	    waits.count, waits.median, waits.p95, state_loss_count(r->state),
	    state_lapse_count(r->state),
	    expiry_waits_for_clock(r) ? "unsynchronised" : "ok");
	answer_send(c, &line);
	buf_free(&line);
}

static const char *
session_of(struct relayd *r, const struct peer *p)
{
	struct link *ln = broker_best(r->broker, p);

	if (ln != NULL)
		return ln->dialled ? "dialled" : "accepted";
	return p->child != 0 ? "dialling" : "none";
}

/* Bundles that it was asked for and has not brought yet. */
static unsigned
wants_of(struct relayd *r, const struct peer *p)
{
	struct link *ln = NULL;
	unsigned n = 0;

	while ((ln = broker_next(r->broker, ln)) != NULL)
		n += ln->peer == p ? ln->wants : 0;
	return n;
}

static void
status_peer(struct relayd *r, struct client *c, const struct peer *p,
    const struct sums *s)
{
	static const struct home_sum none;
	const struct home_sum *sum =
	    s->homes == NULL ? &none : &s->homes[p->number];
	int64_t now = relayd_clock();
	long long next = p->pace.next > now ? (p->pace.next - now) / 1000 : 0;
	uint64_t count, bytes;
	struct buf line;

	answer_init(&line);
	buf_printf(&line,
	    "peer=%s known=%s session=%s held=%llu bytes=%llu drawn=%u "
	    "receipts=%u failures=%u next=%lld seen=%lld wants=%u short=%u "
	    "age=%u away=%lld told=%s silent=%u lost=%u unproven=%u",
	    p->name, p->known ? "yes" : "no", session_of(r, p),
	    (unsigned long long)p->held_count,
	    (unsigned long long)p->held_bytes, p->drawn, p->tells,
	    p->pace.failures, next, (long long)p->seen, wants_of(r, p),
	    sum->few, sum->oldest == 0 ? 0 : r->day.day - sum->oldest,
	    (long long)(away_is(p) ? p->away : 0),
	    away_is_told(r, p) ? "yes" : "no", repair_silence(r, p),
	    state_copy_count(r->state, p->name, COPY_LOST),
	    state_copy_count(r->state, p->name, COPY_UNPROVEN));
	if (census_find(p, r->self, &count, &bytes))
		buf_printf(&line, " ours=%llu ours-bytes=%llu",
		    (unsigned long long)count, (unsigned long long)bytes);
	if (p->has_skew)
		buf_printf(&line, " skew=%lld", (long long)p->skew);
	if (p->error[0] != '\0')
		answer_quoted(&line, "error", p->error);
	answer_send(c, &line);
	buf_free(&line);
}

/* state_spread_fn */
static void
status_spread(unsigned nodes, unsigned bundles, void *ctx)
{
	struct buf line;

	answer_init(&line);
	buf_printf(&line, "nodes=%u bundles=%u", nodes, bundles);
	answer_send(ctx, &line);
	buf_free(&line);
}

void
control_status(struct relayd *r, struct client *c)
{
	struct sums sums;
	struct peer *p;
	unsigned i;

	sum_up(r, &sums);
	status_node(r, c, &sums);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p != r->self && (p->known || p->held_count > 0))
			status_peer(r, c, p, &sums);
	}
	(void)state_each_spread(
	    r->state, repair_silent_since(r), status_spread, c);
	free(sums.homes);
}
