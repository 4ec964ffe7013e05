/* SPDX-License-Identifier: MIT */
/*
 * await - waiting for copies. See await.h.
 *
 * There are at most as many waits as mails being sealed at once: all are
 * looked at whenever one may be over, and every LOOK_MS while there are
 * any, since a peer can be lost in many ways.
 */
#include "relayd/await.h"

#include <sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/log.h"
#include "relayd/arrival.h"
#include "relayd/broker.h"
#include "relayd/client.h"

#define LOOK_MS 100
#define SLOW_MS 60000 /* not waited for again for so long */

struct await {
	TAILQ_ENTRY(await) next;
	struct relayd *r;
	struct client *client;
	char id[BUNDLE_ID_LEN + 1];
	unsigned want;
	int64_t began, until;
	bool was_held;
};

struct awaits {
	TAILQ_HEAD(, await) list;
	struct event *timer;
	unsigned times[AWAIT_TIMES];
	unsigned long taken; /* times ever noted */
};

/* Pure ---------------------------------------------------------------- */

bool
await_is_over(
    unsigned have, unsigned may_come, unsigned want, unsigned *wanted_r)
{
	unsigned most = have + may_come;

	*wanted_r = want < most ? want : most;
	return have >= *wanted_r;
}

static int
compare(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void
await_times_of(unsigned *ms, unsigned count, struct await_times *t_r)
{
	memset(t_r, 0, sizeof(*t_r));
	if (count == 0)
		return;
	qsort(ms, count, sizeof(*ms), compare);
	t_r->count = count;
	t_r->median = ms[(count - 1) / 2];
	t_r->p95 = ms[(count - 1) * 95 / 100];
}

void
await_times(const struct relayd *r, struct await_times *t_r)
{
	const struct awaits *a = r->awaits;
	unsigned ms[AWAIT_TIMES];

	memcpy(ms, a->times, sizeof(ms));
	await_times_of(
	    ms, a->taken < AWAIT_TIMES ? a->taken : AWAIT_TIMES, t_r);
}

/* One wait ------------------------------------------------------------ */

static bool
may_come(const struct relayd *r, const struct peer *p, int64_t now)
{
	if (p == NULL || !p->known || p->slow_until > now)
		return false;
	if (broker_best(r->broker, p) != NULL)
		return true;
	return p->dialable && p->pace.failures == 0;
}

struct tally {
	unsigned have, may_come;
};

static void
count_copies(const struct await *w, int64_t now, struct tally *t)
{
	const struct relayd *r = w->r;
	struct copy copies[STATE_COPIES_MAX];
	int count, i;

	t->have = 1;
	t->may_come = 0;
	count = state_copies(r->state, w->id, copies, STATE_COPIES_MAX);
	for (i = 0; i < count; i++) {
		if (strcmp(copies[i].peer, r->self->name) == 0)
			continue;
		if (copies[i].state == COPY_HAS ||
		    copies[i].state == COPY_BROUGHT)
			t->have++;
		else if (copies[i].state == COPY_DRAWN &&
		    may_come(r, peers_find(r->peers, copies[i].peer), now))
			t->may_come++;
	}
}

/* Those that let this one wait in vain. */
static void
mark_slow(const struct await *w, int64_t now)
{
	struct copy copies[STATE_COPIES_MAX];
	struct peer *p;
	int count, i;

	count = state_copies(w->r->state, w->id, copies, STATE_COPIES_MAX);
	for (i = 0; i < count; i++) {
		if (copies[i].state != COPY_DRAWN)
			continue;
		p = peers_find(w->r->peers, copies[i].peer);
		if (p != NULL)
			p->slow_until = now + SLOW_MS;
	}
}

static void
finish(struct await *w, unsigned have, unsigned wanted, bool late)
{
	struct awaits *a = w->r->awaits;
	int64_t now = relayd_clock();
	char line[80];
	int n;

	if (late)
		mark_slow(w, now);
	a->times[a->taken++ % AWAIT_TIMES] = (unsigned)(now - w->began);
	log_debug("waited id=%s ms=%lld copies=%u wanted=%u late=%s", w->id,
	    (long long)(now - w->began), have, wanted, late ? "yes" : "no");
	n = snprintf(line, sizeof(line), "copies=%u wanted=%u late=%s\n", have,
	    wanted, late ? "yes" : "no");
	client_send(w->client, line, (size_t)n, -1);
	client_finish(w->client);
	broker_take_back(w->r->broker, w->client);
	TAILQ_REMOVE(&a->list, w, next);
	free(w);
}

/* Not there: it is not yet seen in new/, or it is at home by now. */
static bool
is_held(struct await *w)
{
	const struct held *h = store_find(w->r->store, w->id);

	if (h != NULL)
		w->was_held = true;
	return h != NULL && (h->flags & INDEX_GONE) == 0;
}

static void
look_at(struct await *w, int64_t now)
{
	struct tally t = {1, 0};
	unsigned wanted = w->want;

	if (is_held(w)) {
		count_copies(w, now, &t);
		if (await_is_over(t.have, t.may_come, w->want, &wanted)) {
			finish(w, t.have, wanted, false);
			return;
		}
	} else if (w->was_held) {
		finish(w, w->want, w->want, false);
		return;
	}
	if (now >= w->until)
		finish(w, t.have, wanted, true);
}

/* All ----------------------------------------------------------------- */

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval soon = {0, LOOK_MS * 1000};
	struct awaits *a = ctx;
	struct await *w, *next;
	int64_t now = relayd_clock();

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&a->list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		look_at(w, now);
	}
	if (!TAILQ_EMPTY(&a->list))
		evtimer_add(a->timer, &soon);
}

void
await_look_soon(struct relayd *r)
{
	static const struct timeval now = {0, 0};

	if (r->awaits != NULL && !TAILQ_EMPTY(&r->awaits->list))
		evtimer_add(r->awaits->timer, &now);
}

static void
on_gone(struct client *c, void *ctx)
{
	struct await *w = ctx;
	struct relayd *r = w->r;

	(void)c;
	TAILQ_REMOVE(&r->awaits->list, w, next);
	free(w);
	broker_lost_one(r->broker);
}

void
await_begin(struct relayd *r, struct client *c, const char *id, unsigned want,
    unsigned seconds)
{
	static const struct client_calls calls = {client_ignore, on_gone};
	struct await *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		client_finish(c);
		return;
	}
	if (seconds > AWAIT_SECONDS_MAX)
		seconds = AWAIT_SECONDS_MAX;
	w->r = r;
	w->client = c;
	snprintf(w->id, sizeof(w->id), "%s", id);
	w->want = want;
	w->began = relayd_clock();
	w->until = w->began + (int64_t)seconds * 1000;
	TAILQ_INSERT_TAIL(&r->awaits->list, w, next);
	client_set(c, &calls, w);
	/* The milter may be quicker than the news of its file. */
	if (store_find(r->store, id) == NULL)
		arrival_scan_new(r);
	await_look_soon(r);
}

struct awaits *
awaits_new(struct relayd *r)
{
	struct awaits *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	TAILQ_INIT(&a->list);
	a->timer = evtimer_new(r->base, on_timer, a);
	if (a->timer == NULL)
		awaits_free(&a);
	return a;
}

void
awaits_free(struct awaits **ap)
{
	struct awaits *a = *ap;
	struct await *w;

	if (a == NULL)
		return;
	while ((w = TAILQ_FIRST(&a->list)) != NULL) {
		TAILQ_REMOVE(&a->list, w, next);
		client_free(&w->client);
		free(w);
	}
	if (a->timer != NULL)
		event_free(a->timer);
	free(a);
	*ap = NULL;
}
