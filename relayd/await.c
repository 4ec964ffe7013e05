/* SPDX-License-Identifier: MIT */
/*
 * await - waiting for copies. See await.h.
 *
 * There are at most as many waits as mails being sealed at once: all are
 * looked at whenever one may be over. Whoever changes what count_copies()
 * looks at says so by await_look_soon().
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
#include "relayd/waiter.h"

#define SLOW_MS 60000 /* not waited for again for so long */

struct await {
	struct waiter waiter; /* first */
	TAILQ_ENTRY(await) next;
	char id[BUNDLE_ID_LEN + 1];
	unsigned want;
	int64_t began;
	bool was_held;
};

struct awaits {
	TAILQ_HEAD(, await) list;
	struct event *soon;
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
	const struct relayd *r = w->waiter.r;
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

	count =
	    state_copies(w->waiter.r->state, w->id, copies, STATE_COPIES_MAX);
	for (i = 0; i < count; i++) {
		if (copies[i].state != COPY_DRAWN)
			continue;
		p = peers_find(w->waiter.r->peers, copies[i].peer);
		if (p != NULL)
			p->slow_until = now + SLOW_MS;
	}
}

static void
finish(struct await *w, unsigned have, unsigned wanted, bool late)
{
	struct relayd *r = w->waiter.r;
	struct awaits *a = r->awaits;
	int64_t now = relayd_clock();

	a->times[a->taken++ % AWAIT_TIMES] = (unsigned)(now - w->began);
	log_debug("waited id=%s ms=%lld copies=%u wanted=%u late=%s", w->id,
	    (long long)(now - w->began), have, wanted, late ? "yes" : "no");
	waiter_answer(&w->waiter, "copies=%u wanted=%u late=%s\n", have, wanted,
	    late ? "yes" : "no");
	TAILQ_REMOVE(&a->list, w, next);
	free(w);
}

/* Not there: it is not yet seen in new/, or it is at home by now. */
static bool
is_held(struct await *w)
{
	const struct held *h = store_find(w->waiter.r->store, w->id);

	if (h != NULL)
		w->was_held = true;
	return h != NULL && (h->flags & INDEX_GONE) == 0;
}

/* Has it got what it waited for? late: it won't be looked at again. */
static void
look_at(struct await *w, bool late)
{
	struct tally t = {1, 0};
	unsigned wanted = w->want;
	int64_t now = relayd_clock();

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
	if (!late)
		return;
	mark_slow(w, now);
	await_look_soon(w->waiter.r); /* others wait for the same peers */
	finish(w, t.have, wanted, true);
}

/* All ----------------------------------------------------------------- */

static void
on_soon(evutil_socket_t fd, short what, void *ctx)
{
	struct awaits *a = ctx;
	struct await *w, *next;

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&a->list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		look_at(w, false);
	}
}

void
await_look_soon(struct relayd *r)
{
	static const struct timeval now = {0, 0};

	if (r->awaits != NULL && !TAILQ_EMPTY(&r->awaits->list))
		evtimer_add(r->awaits->soon, &now);
}

static void
on_late(struct waiter *w)
{
	look_at((struct await *)w, true);
}

static void
on_gone(struct waiter *waiter)
{
	struct await *w = (struct await *)waiter;

	TAILQ_REMOVE(&waiter->r->awaits->list, w, next);
	free(w);
}

void
await_begin(struct relayd *r, struct client *c, const char *id, unsigned want,
    unsigned seconds)
{
	static const struct waiter_calls calls = {on_late, on_gone};
	struct await *w = calloc(1, sizeof(*w));

	if (seconds > AWAIT_SECONDS_MAX)
		seconds = AWAIT_SECONDS_MAX;
	if (w == NULL ||
	    !waiter_begin(&w->waiter, r, c, seconds * 1000LL, &calls)) {
		free(w);
		client_finish(c);
		return;
	}
	snprintf(w->id, sizeof(w->id), "%s", id);
	w->want = want;
	w->began = relayd_clock();
	TAILQ_INSERT_TAIL(&r->awaits->list, w, next);
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
	a->soon = evtimer_new(r->base, on_soon, a);
	if (a->soon == NULL)
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
		waiter_end(&w->waiter);
		free(w);
	}
	if (a->soon != NULL)
		event_free(a->soon);
	free(a);
	*ap = NULL;
}
