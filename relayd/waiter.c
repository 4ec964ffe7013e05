/* SPDX-License-Identifier: MIT */
/*
 * waiter - clients that wait for an answer. See waiter.h.
 */
#include "relayd/waiter.h"

#include <stdarg.h>
#include <stdio.h>

#include <event2/event.h>

#include "relayd/broker.h"
#include "relayd/client.h"

#define ANSWER_MAX 128

static void __attribute__((format(printf, 3, 0)))
answer(struct relayd *r, struct client *c, const char *fmt, va_list ap)
{
	char line[ANSWER_MAX];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n > 0 && n < (int)sizeof(line))
		client_send(c, line, (size_t)n, -1);
	client_finish(c);
	broker_take_back(r->broker, c);
}

static void
stop_timer(struct waiter *w)
{
	if (w->timer != NULL)
		event_free(w->timer);
	w->timer = NULL;
}

void
waiter_answer_now(struct relayd *r, struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer(r, c, fmt, ap);
	va_end(ap);
}

void
waiter_answer(struct waiter *w, const char *fmt, ...)
{
	va_list ap;

	stop_timer(w);
	va_start(ap, fmt);
	answer(w->r, w->client, fmt, ap);
	va_end(ap);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct waiter *w = ctx;

	(void)fd;
	(void)what;
	w->calls->late(w);
}

static void
on_gone(struct client *c, void *ctx)
{
	struct waiter *w = ctx;
	struct relayd *r = w->r;

	(void)c;
	stop_timer(w);
	w->calls->gone(w);
	broker_lost_one(r->broker);
}

bool
waiter_begin(struct waiter *w, struct relayd *r, struct client *c, int64_t ms,
    const struct waiter_calls *calls)
{
	static const struct client_calls waiting = {client_ignore, on_gone};
	const struct timeval tv = {
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	w->r = r;
	w->client = c;
	w->calls = calls;
	w->timer = evtimer_new(r->base, on_timer, w);
	if (w->timer == NULL || evtimer_add(w->timer, &tv) < 0) {
		stop_timer(w);
		return false;
	}
	client_set(c, &waiting, w);
	return true;
}

void
waiter_end(struct waiter *w)
{
	stop_timer(w);
	client_free(&w->client);
}
