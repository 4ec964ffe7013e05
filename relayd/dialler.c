/* SPDX-License-Identifier: MIT */
/*
 * dialler - when peers are dialled. See dialler.h.
 *
 * One timer for all: it is set to the time when the next peer may be
 * dialled. A peer with a session, or a child on its way, is left alone.
 */
#include "relayd/dialler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/await.h"
#include "relayd/away.h"
#include "relayd/broker.h"
#include "relayd/child.h"
#include "relayd/holders.h"
#include "relayd/wake.h"

#define CHILDREN_MAX 8 /* sessions dialled at once */
#define LOOK_MS 60000 /* at least so often */
#define SOON_MS 20 /* for news to gather */
#define AGAIN_SECONDS 2 /* after a standing session's end */

struct dialler {
	struct relayd *r;
	struct event *timer;
	int64_t due; /* when the timer is set to */
	unsigned children;
	int64_t retried; /* ms: when draws were last tried again */
};

static void
set_timer(struct dialler *d, int64_t at)
{
	int64_t now = relayd_clock(), wait;
	struct timeval tv;

	if (evtimer_pending(d->timer, NULL) && d->due <= at)
		return;
	d->due = at;
	wait = at > now ? at - now : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(d->timer, &tv);
}

void
dialler_soon(struct relayd *r)
{
	if (r->dialler != NULL)
		set_timer(r->dialler, relayd_clock() + SOON_MS);
}

void
dialler_news(struct relayd *r, struct peer *p)
{
	if (p->pace.failures == 0)
		p->pace.next = 0;
	dialler_soon(r);
}

unsigned
dialler_call(struct relayd *r, struct peer *only)
{
	struct peer *p;
	unsigned i, count = 0;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (!p->known || (only != NULL && p != only))
			continue;
		pace_alive(&p->pace);
		p->call = true;
		count += p->dialable;
	}
	dialler_soon(r);
	return count;
}

/* Let go of the child; another may be started. */
static void
give_up(struct peer *p)
{
	p->stale = p->child;
	p->child = 0;
}

void
dialler_renew(struct relayd *r)
{
	struct peer *p;
	unsigned i;

	broker_doubt(r->broker);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		/* It tries from an address, or over a link, of before. */
		if (p->child != 0 && !p->child_up && p->stale == 0) {
			child_end(r, p->child);
			give_up(p);
		}
	}
	dialler_call(r, NULL);
}

static void
dial(struct dialler *d, struct peer *p)
{
	uint32_t child = child_start(d->r, STARTER_DIAL, p->name, -1);

	if (child == 0) {
		pace_failed(&p->pace, relayd_clock(), d->r->conf->retry_min,
		    d->r->conf->retry_max, randombytes_random());
		return;
	}
	log_debug("dialling peer=%s", p->name);
	p->child = child;
	p->child_up = false;
	p->child_since = relayd_clock();
	d->children++;
}

/* A peer that has not been asked for long is asked again: what it holds
 * for us, it may be unable to bring. */
static void
call_if_due(const struct dialler *d, struct peer *p, int64_t now)
{
	int64_t every = (int64_t)d->r->conf->retry_max * 1000;

	if (now - p->called >= every)
		p->call = true;
}

/* There is a session, or a child on its way to one. One in doubt may be
 * good, but that takes time to learn. */
static bool
is_reached(struct dialler *d, struct peer *p)
{
	const struct link *ln = broker_best(d->r->broker, p);

	if (ln != NULL && !ln->doubted)
		return true;
	if (ln != NULL && p->child != 0 && p->child_up && p->stale == 0)
		give_up(p);
	return p->child != 0;
}

/* Dial p if it is time; when it will be, otherwise. */
static int64_t
look_at(struct dialler *d, struct peer *p, int64_t now)
{
	if (!p->known || !p->dialable || is_reached(d, p))
		return INT64_MAX;
	call_if_due(d, p, now);
	if (!peer_has_work(p))
		return INT64_MAX;
	if (p->pace.next > now)
		return p->pace.next;
	if (d->children >= CHILDREN_MAX) {
		broker_yield(d->r->broker);
		return now + 1000;
	}
	dial(d, p);
	return INT64_MAX;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct dialler *d = ctx;
	struct relayd *r = d->r;
	int64_t every = (int64_t)r->conf->retry_max * 1000;
	int64_t now = relayd_clock(), next = now + LOOK_MS, at;
	struct peer *p;
	unsigned i;

	(void)fd;
	(void)what;
	wake_look(r);
	(void)relayd_network(r);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p == r->self)
			continue;
		at = look_at(d, p, now);
		if (at < next)
			next = at;
	}
	if (now - d->retried >= every) {
		d->retried = now;
		holders_retry(r);
	}
	if (d->retried + every < next)
		next = d->retried + every;
	broker_tidy(r->broker);
	set_timer(d, next);
}

/* It did not end as soon as it had begun: another may be tried at once. */
static bool
was_steady(const struct dialler *d, const struct peer *p, int64_t now)
{
	return now - p->child_since >= (int64_t)d->r->conf->retry_min * 1000;
}

/* What a child's end says about its peer. */
static void
child_ended(struct dialler *d, struct peer *p, bool orderly)
{
	const struct conf *conf = d->r->conf;
	int64_t now = relayd_clock();

	p->child = 0;
	d->children--;
	if (p->child_up && p->standing && was_steady(d, p, now)) {
		/* Over a session that held, mail is awaited at any time. */
		pace_rest(&p->pace, now, AGAIN_SECONDS, randombytes_random());
		p->call = true;
		return;
	}
	if (p->child_up && orderly) {
		/* What is left now was not wanted: not at once again. */
		pace_rest(&p->pace, now, conf->retry_max, randombytes_random());
		return;
	}
	pace_failed(&p->pace, now, conf->retry_min, conf->retry_max,
	    randombytes_random());
	await_look_soon(d->r);
	snprintf(p->error, sizeof(p->error), "%s",
	    p->child_up ? "the session broke off" : "can't be reached");
	if (p->child_up)
		p->call = true;
	if (!away_is(p)) /* else it was expected (SPEC) */
		log_info("will dial again peer=%s seconds=%lld", p->name,
		    (long long)(p->pace.next - now) / 1000);
}

static void
stale_ended(struct dialler *d, struct peer *p)
{
	p->stale = 0;
	d->children--;
}

void
dialler_ended(struct relayd *r, uint32_t child, bool orderly)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p->child == child)
			child_ended(r->dialler, p, orderly);
		if (p->stale == child)
			stale_ended(r->dialler, p);
	}
	dialler_soon(r);
}

int
dialler_new(struct relayd *r, struct dialler **d_r, struct error *error_r)
{
	struct dialler *d = xcalloc(1, sizeof(*d));

	*d_r = NULL;
	d->r = r;
	d->retried = relayd_clock();
	d->timer = evtimer_new(r->base, on_timer, d);
	if (d->timer == NULL) {
		dialler_free(&d);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*d_r = d;
	return 0;
}

void
dialler_free(struct dialler **dp)
{
	struct dialler *d = *dp;
	struct peer *p;
	unsigned i;

	if (d == NULL)
		return;
	for (i = 1; (p = peers_at(d->r->peers, i)) != NULL; i++) {
		if (p->child != 0)
			child_end(d->r, p->child);
	}
	if (d->timer != NULL)
		event_free(d->timer);
	free(d);
	*dp = NULL;
}
