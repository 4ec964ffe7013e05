/* SPDX-License-Identifier: MIT */
/*
 * confirm - how fresh the peers' manifests are. See confirm.h.
 *
 * A session may stay open for weeks: as long as it does, what the peer
 * said holds, since it would say if that changed.
 */
#include "relayd/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/broker.h"

#define WRITE_MS 60000 /* between two writes of the file */
#define STORE_SECONDS 43200 /* between two writes of a peer's to network.db */
#define AGAIN_SECONDS 3600 /* for open sessions */
#define LINE_MAX_BYTES 64

struct confirm {
	struct relayd *r;
	struct event *write, *again;
	int64_t wrote; /* ms; 0: never */
};

static void
write_soon(struct confirm *c)
{
	int64_t wait = c->wrote + WRITE_MS - relayd_clock();
	struct timeval tv = {0, 0};

	if (evtimer_pending(c->write, NULL))
		return;
	if (c->wrote != 0 && wait > 0)
		tv.tv_sec = (time_t)(wait / 1000 + 1);
	evtimer_add(c->write, &tv);
}

/* Not made durable: it is in /run, and made anew at the next start. */
static void
on_write(evutil_socket_t fd, short what, void *ctx)
{
	struct confirm *c = ctx;
	struct relayd *r = c->r;
	char *path = xasprintf("%s/relayd/confirmed", r->conf->run_dir);
	struct error error = {""};
	struct buf text;
	struct peer *p;
	unsigned i;

	(void)fd;
	(void)what;
	c->wrote = relayd_clock();
	buf_init(&text, peers_count(r->peers) * LINE_MAX_BYTES + 1);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p->known && p->confirmed != 0)
			buf_printf(&text, "%s %lld\n", p->name,
			    (long long)p->confirmed);
	}
	if (file_replace(
		path, buf_str(&text), text.len, 0644, "confirmed", &error) < 0)
		log_error("can't write error=\"%s\"", error.text);
	buf_free(&text);
	free(path);
}

void
confirm_peer(struct relayd *r, struct peer *p)
{
	int64_t now = (int64_t)time(NULL);
	int64_t ago = now - p->confirm_stored;

	p->confirmed = now;
	p->confirmed_by_link = true;
	write_soon(r->confirm);
	if (ago >= 0 && ago < STORE_SECONDS)
		return;
	if (state_confirmed_set(r->state, p->name, now) == 0) {
		p->confirm_stored = now;
		relayd_flush_soon(r);
	}
}

void
confirm_view(struct relayd *r)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (!p->known || p == r->self || p->confirmed != 0)
			continue;
		confirm_peer(r, p);
		p->confirmed_by_link = false;
	}
	write_soon(r->confirm);
}

/* Those with whom a session is open. */
static void
on_again(evutil_socket_t fd, short what, void *ctx)
{
	struct confirm *c = ctx;
	struct peer *p;
	unsigned i;

	(void)fd;
	(void)what;
	for (i = 1; (p = peers_at(c->r->peers, i)) != NULL; i++) {
		if (p->known && p->confirmed_by_link &&
		    broker_best(c->r->broker, p) != NULL)
			confirm_peer(c->r, p);
	}
}

/* state_peer_fn */
static void
load_one(const char *peer, int64_t when, void *ctx)
{
	struct relayd *r = ctx;
	struct peer *p = peers_get(r->peers, peer);

	if (p != NULL)
		p->confirmed = p->confirm_stored = when;
}

int
confirm_new(struct relayd *r, struct confirm **c_r, struct error *error_r)
{
	static const struct timeval again = {AGAIN_SECONDS, 0};
	struct confirm *c = xcalloc(1, sizeof(*c));

	*c_r = NULL;
	c->r = r;
	c->write = evtimer_new(r->base, on_write, c);
	c->again = event_new(r->base, -1, EV_PERSIST, on_again, c);
	if (c->write == NULL || c->again == NULL ||
	    event_add(c->again, &again) < 0) {
		confirm_free(&c);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*c_r = c;
	if (state_each_confirmed(r->state, load_one, r) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	confirm_view(r);
	return 0;
}

void
confirm_free(struct confirm **cp)
{
	struct confirm *c = *cp;

	if (c == NULL)
		return;
	if (c->write != NULL)
		event_free(c->write);
	if (c->again != NULL)
		event_free(c->again);
	free(c);
	*cp = NULL;
}
