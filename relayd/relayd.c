/* SPDX-License-Identifier: MIT */
/*
 * relayd - start, end, the network's view, the count of days, and the
 * flush that makes things durable before anybody is told. See relayd.h.
 */
#include "relayd/relayd.h"

#include <sys/queue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "util/clock.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/adopt.h"
#include "relayd/alert.h"
#include "relayd/arrival.h"
#include "relayd/await.h"
#include "relayd/away.h"
#include "relayd/broker.h"
#include "relayd/census.h"
#include "relayd/child.h"
#include "relayd/confirm.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"
#include "relayd/dsn.h"
#include "relayd/exchange.h"
#include "relayd/friend.h"
#include "relayd/expect.h"
#include "relayd/expiry.h"
#include "relayd/events.h"
#include "relayd/former.h"
#include "relayd/gate.h"
#include "relayd/holders.h"
#include "relayd/leave.h"
#include "relayd/inbox.h"
#include "relayd/prober.h"
#include "relayd/proof.h"
#include "relayd/receipts.h"
#include "relayd/standing.h"
#include "relayd/rekey.h"
#include "relayd/repair.h"
#include "relayd/wake.h"
#include "relayd/state_expiry.h"
#include "relayd/rescue.h"
#include "relayd/watch.h"

#define DAY_LOOK_SECONDS 600
#define RECHECK_SECONDS 5
/* The longest hold, and 30 days (SPEC ). */
#define RECEIPT_DAYS (90 + 30)

struct after {
	STAILQ_ENTRY(after) next;
	relayd_after_fn *fn;
	uint64_t number;
	size_t len;
	char text[];
};

struct gone {
	STAILQ_ENTRY(gone) next;
	char id[BUNDLE_ID_LEN + 1];
};

struct pending {
	STAILQ_HEAD(, after) afters;
	STAILQ_HEAD(, gone) gone;
};

int64_t
relayd_clock(void)
{
	return clock_boot_ms();
}

/* The flush ------------------------------------------------------------- */

void
relayd_flush_soon(struct relayd *r)
{
	static const struct timeval now = {0, 0};

	if (!evtimer_pending(r->flush, NULL))
		evtimer_add(r->flush, &now);
}

void
relayd_after_flush(struct relayd *r, relayd_after_fn *fn, uint64_t number,
    const char *text, size_t len)
{
	struct after *a = malloc(sizeof(*a) + len + 1);

	relayd_flush_soon(r);
	if (a == NULL) {
		log_error("out of memory");
		return; /* not told: the peer will ask again */
	}
	a->fn = fn;
	a->number = number;
	a->len = len;
	memcpy(a->text, text, len);
	a->text[len] = '\0';
	STAILQ_INSERT_TAIL(&r->pending->afters, a, next);
}

void
relayd_drop_later(struct relayd *r, struct held *h)
{
	struct gone *g;

	if ((h->flags & INDEX_GONE) != 0)
		return;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return; /* it goes at the next start */
	h->flags |= INDEX_GONE;
	held_id(h, g->id);
	event_note(r, g->id, EVENT_REMOVED, r->self->name, NULL);
	STAILQ_INSERT_TAIL(&r->pending->gone, g, next);
	await_look_soon(r);
	relayd_flush_soon(r);
}

/* Something failed: look in a moment what is still to be done. */
static void
recheck_soon(struct relayd *r)
{
	static const struct timeval wait = {RECHECK_SECONDS, 0};

	if (!evtimer_pending(r->recheck, NULL))
		evtimer_add(r->recheck, &wait);
}

/* It stays after all. Own mail is handed over once more: agamid-deliver
 * knows it, and signs again. */
static void
keep(struct relayd *r, struct held *h, const char *id)
{
	h->flags &= (uint8_t)~INDEX_GONE;
	if (store_home(r->store, h) == r->self)
		delivery_add(r, id);
}

/* Unlink what has its receipt; or, if that isn't durable, let it stay. */
static void
drop_gone(struct relayd *r, bool durable)
{
	struct error error = {""};
	struct held *h;
	struct gone *g;

	while ((g = STAILQ_FIRST(&r->pending->gone)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->pending->gone, next);
		h = store_find(r->store, g->id);
		if (h != NULL && !durable)
			keep(r, h, g->id);
		else if (h != NULL && store_drop(r->store, h, &error) < 0) {
			log_error("can't remove id=%s error=\"%s\"", g->id,
			    error.text);
			keep(r, h, g->id);
			recheck_soon(r);
		}
		free(g);
	}
	if (store_sync(r->store, &error) < 0)
		log_error("can't sync error=\"%s\"", error.text);
}

static void
tell_after(struct relayd *r, bool durable)
{
	struct after *a;
	struct link *ln;

	if (!STAILQ_EMPTY(&r->pending->afters) && fault_point("relay.answer"))
		durable = false;
	while ((a = STAILQ_FIRST(&r->pending->afters)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->pending->afters, next);
		ln = broker_find(r->broker, a->number);
		if (durable || a->number == 0)
			a->fn(r, a->number, a->text, a->len);
		else if (ln != NULL)
			link_end(ln, "nothing can be stored now");
		free(a);
	}
}

static void
on_flush(evutil_socket_t fd, short what, void *ctx)
{
	struct relayd *r = ctx;
	struct error error = {""};
	bool durable = true;

	(void)fd;
	(void)what;
	/* Files, then what the database says of them, then the answers. */
	if (store_sync(r->store, &error) < 0) {
		log_error("can't sync error=\"%s\"", error.text);
		durable = false;
	}
	if (state_commit(r->state) < 0)
		durable = false;
	if (!durable)
		recheck_soon(r);
	drop_gone(r, durable);
	tell_after(r, durable);
	census_look(r);
	if (r->kick) {
		r->kick = false;
		broker_kick(r->broker);
	}
}

/* A commit has failed, so that memory says what the database doesn't; or
 * an unlink, so that a file is left that has its receipt. What a session
 * took for settled may not be: it begins anew with what there is. */
static void
on_recheck(evutil_socket_t fd, short what, void *ctx)
{
	struct relayd *r = ctx;

	(void)fd;
	(void)what;
	log_info("looking what is left to do after a failure");
	receipts_load(r);
	holders_recheck(r);
	broker_anew(r->broker);
	relayd_flush_soon(r);
	dialler_soon(r);
}

/* The view --------------------------------------------------------------- */

static void
set_view(struct relayd *r, struct network *net)
{
	struct peer *p;
	unsigned i;

	network_unref(&r->net_before);
	r->net_before = r->net;
	r->net = net;
	peers_view(r->peers, net);
	standing_view(r);
	log_info("manifests in force network=%s peers=%zu",
	    network_self(net)->network, network_peer_count(net));
	if (r->exchange != NULL)
		exchange_view(r);
	rekey_view(r);
	if (!r->ready)
		return;
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p->known && p->called == 0)
			p->call = true;
	}
	holders_view(r);
	former_view(r);
	await_look_soon(r);
	arrival_scan_new(r); /* what could not be verified before */
	dialler_soon(r);
}

const struct network *
relayd_network(struct relayd *r)
{
	struct error error = {""};
	struct network *net = network_current(r->source, &error);

	if (net == NULL && r->net == NULL && !r->ready) {
		log_warn("no manifests are in force error=\"%s\"", error.text);
	} else if (net == r->net) {
		network_unref(&net);
	} else if (net != NULL &&
	    strcmp(network_self(net)->name, r->conf->node) != 0) {
		log_error("the manifests in force are of another node "
			  "node=%s",
		    network_self(net)->name);
		network_unref(&net);
	} else if (net != NULL) {
		set_view(r, net);
	}
	return r->net;
}

/* Days ------------------------------------------------------------------- */

void
relayd_look_at_day(struct relayd *r)
{
	int64_t ran = (relayd_clock() - r->day_since) / 1000;

	if (!day_advance(&r->day, (int64_t)time(NULL), ran))
		return;
	r->day_since = relayd_clock();
	state_set_day(r->state, &r->day);
	if (r->day.day > RECEIPT_DAYS)
		state_receipts_expire(r->state, r->day.day - RECEIPT_DAYS);
	state_events_expire(r->state,
	    r->day.day > RECEIPT_DAYS ? r->day.day - RECEIPT_DAYS : 0,
	    EVENTS_MAX);
	if (r->day.day > RECEIPT_DAYS)
		state_lapses_expire(r->state, r->day.day - RECEIPT_DAYS);
	relayd_flush_soon(r);
	if (r->ready) {
		dsn_sweep(r);
		expiry_day(r);
		repair_day(r);
	}
}

static void
on_day(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	relayd_look_at_day(ctx);
}

static int
start_days(struct relayd *r, struct error *error_r)
{
	static const struct timeval tv = {DAY_LOOK_SECONDS, 0};

	r->day_since = relayd_clock();
	if (state_day(r->state, &r->day) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	relayd_look_at_day(r);
	r->day_timer = event_new(r->base, -1, EV_PERSIST, on_day, r);
	if (r->day_timer == NULL || event_add(r->day_timer, &tv) < 0)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	return 0;
}

/* Start and end ------------------------------------------------------------ */

static int
open_all(struct relayd *r, struct error *error_r)
{
	char *path = xasprintf("%s/state/network.db", r->conf->state_dir);
	int rc;

	r->base = event_base_new();
	r->peers = peers_new();
	r->source = network_source_new(r->conf->derived_dir);
	if (r->base == NULL || r->peers == NULL || r->source == NULL) {
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
		goto out;
	}
	r->self = peers_get(r->peers, r->conf->node);
	r->store = store_new(r->conf->spool_dir, r->peers);
	r->flush = evtimer_new(r->base, on_flush, r);
	r->recheck = evtimer_new(r->base, on_recheck, r);
	if (r->self == NULL || r->store == NULL || r->flush == NULL ||
	    r->recheck == NULL) {
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
		goto out;
	}
	rc = state_open(path, &r->state, &r->fresh, error_r);
	if (rc == 0 && r->fresh)
		log_info("network.db is new");
	if (rc == 0)
		rc = store_load(r->store, error_r);
out:
	free(path);
	return rc;
}

static int
start_parts(struct relayd *r, struct error *error_r)
{
	int rc;

	rc = start_days(r, error_r);
	if (rc == 0)
		rc = broker_new(r, &r->broker, error_r);
	r->awaits = awaits_new(r);
	r->probers = probers_new(r);
	r->gate = gate_new();
	r->friends = friends_new(r);
	r->formers = formers_new();
	if (rc == 0 &&
	    (r->awaits == NULL || r->probers == NULL || r->gate == NULL ||
		r->friends == NULL || r->formers == NULL))
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
	if (rc == 0)
		rc = expects_new(r, &r->expects, error_r);
	if (rc == 0)
		rc = arrival_start(r, error_r);
	if (rc == 0)
		rc = delivery_new(r, &r->delivery, error_r);
	if (rc == 0)
		rc = dialler_new(r, &r->dialler, error_r);
	if (rc == 0)
		rc = watch_new(r, &r->watch, error_r);
	if (rc == 0)
		rc = wake_new(r, &r->wake, error_r);
	if (rc == 0)
		rc = inbox_new(r, &r->inbox, error_r);
	if (rc == 0)
		rc = confirm_new(r, &r->confirm, error_r);
	if (rc == 0)
		rc = exchange_new(r, &r->exchange, error_r);
	if (rc == 0)
		rc = dsn_new(r, &r->dsn, error_r);
	if (rc == 0)
		rc = expiry_new(r, &r->expiry, error_r);
	if (rc == 0)
		rc = alerts_new(r, &r->alerts, error_r);
	if (rc == 0)
		rc = adopt_new(r, &r->adopt, error_r);
	if (rc == 0)
		rc = census_new(r, &r->census, error_r);
	if (rc == 0)
		rc = repair_new(r, &r->repair, error_r);
	if (rc == 0)
		rc = proofs_new(r, &r->proofs, error_r);
	return rc;
}

/* Pick up what was under way when the last process ended. */
static int
resume(struct relayd *r, struct error *error_r)
{
	int rc;

	away_load(r);
	leave_load(r);
	receipts_load(r); /* first: nobody is drawn for what is at home */
	rc = holders_load(r, error_r);
	if (rc == 0) {
		expiry_load(r);
		repair_day(r);
		dsn_load(r);
		leave_look_all(r);
		arrival_sweep(r);
		delivery_load(r);
		arrival_scan_incoming(r);
		arrival_scan_new(r);
		dialler_call(r, NULL);
		relayd_flush_soon(r);
	}
	return rc;
}

struct relayd *
relayd_new(
    const struct conf *conf, bool rescue, int starter_fd, struct error *error_r)
{
	struct relayd *r = xcalloc(1, sizeof(*r));
	int rc;

	r->conf = conf;
	r->pending = xcalloc(1, sizeof(*r->pending));
	STAILQ_INIT(&r->pending->afters);
	STAILQ_INIT(&r->pending->gone);
	rc = open_all(r, error_r);
	if (rc == 0)
		rc = children_new(r, starter_fd, &r->children, error_r);
	if (rc == 0) {
		(void)relayd_network(r);
		r->rescue = rescue ? rescue_new(r) : NULL;
		if (rescue && r->rescue == NULL)
			rc = error_set(error_r, AG_ENOMEM, "out of memory");
	}
	if (rc == 0) {
		rc = start_parts(r, error_r);
	}
	if (rc == 0)
		rc = resume(r, error_r);
	if (rc < 0) {
		relayd_free(&r);
		return NULL;
	}
	r->ready = true;
	log_info("ready node=%s held=%zu day=%u", r->self->name,
	    store_count(r->store), r->day.day);
	return r;
}

static void
forget_pending(struct relayd *r)
{
	struct after *a;
	struct gone *g;

	while ((a = STAILQ_FIRST(&r->pending->afters)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->pending->afters, next);
		free(a);
	}
	while ((g = STAILQ_FIRST(&r->pending->gone)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->pending->gone, next);
		free(g);
	}
	free(r->pending);
}

void
relayd_free(struct relayd **rp)
{
	struct relayd *r = *rp;

	if (r == NULL)
		return;
	proofs_free(&r->proofs);
	repair_free(&r->repair);
	census_free(&r->census);
	alerts_free(&r->alerts);
	expiry_free(&r->expiry);
	dsn_free(&r->dsn);
	rescue_free(&r->rescue);
	adopt_free(&r->adopt);
	exchange_free(&r->exchange);
	confirm_free(&r->confirm);
	inbox_free(&r->inbox);
	wake_free(&r->wake);
	watch_free(&r->watch);
	dialler_free(&r->dialler);
	children_free(&r->children);
	delivery_free(&r->delivery);
	expects_free(&r->expects);
	awaits_free(&r->awaits);
	gate_free(&r->gate);
	friends_free(&r->friends);
	formers_free(&r->formers);
	probers_free(&r->probers);
	broker_free(&r->broker);
	forget_pending(r);
	if (r->day_timer != NULL)
		event_free(r->day_timer);
	if (r->flush != NULL)
		event_free(r->flush);
	if (r->recheck != NULL)
		event_free(r->recheck);
	if (r->rescan != NULL)
		event_free(r->rescan);
	state_close(&r->state);
	store_free(&r->store);
	network_unref(&r->net_before);
	network_unref(&r->net);
	network_source_free(&r->source);
	if (r->base != NULL) {
		event_base_loop(r->base, EVLOOP_NONBLOCK); /* last reaps */
		event_base_free(r->base);
	}
	peers_free(&r->peers);
	free(r);
	*rp = NULL;
}

static void
on_signal(evutil_socket_t sig, short what, void *ctx)
{
	struct event_base *base = ctx;

	(void)what;
	log_info("ending signal=%d", (int)sig);
	event_base_loopbreak(base);
}

void
relayd_fail(struct relayd *r)
{
	r->failed = true;
	event_base_loopbreak(r->base);
}

int
relayd_run(struct relayd *r)
{
	struct event *term = evsignal_new(r->base, SIGTERM, on_signal, r->base);
	struct event *intr = evsignal_new(r->base, SIGINT, on_signal, r->base);

	if (term == NULL || intr == NULL || evsignal_add(term, NULL) < 0 ||
	    evsignal_add(intr, NULL) < 0)
		log_fatal("can't watch signals");
	event_base_dispatch(r->base);
	/* What was begun is made durable; nobody needs to be told. */
	on_flush(-1, 0, r);
	event_free(term);
	event_free(intr);
	return r->failed ? AG_EIO : 0;
}
