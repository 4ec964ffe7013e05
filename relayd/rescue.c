/* SPDX-License-Identifier: MIT */
/*
 * rescue - how far a rescue is. See rescue.h.
 *
 * No message of a peer's says that it has no more to offer. But it answers
 * in order: so it is asked for receipts of which there can be none; if
 * nothing was offered before "adopted" comes, and nothing is under way,
 * that was all. A peer that does not know the verb is given time.
 */
#include "relayd/rescue.h"

#include <stdlib.h>

#include <event2/event.h>

#include "relayd/adopt.h"
#include "relayd/answer.h"
#include "relayd/away.h"
#include "relayd/delivery.h"

#define LOOK_MS 100
#define QUIET_MS 10000 /* of a peer of version 2 or less */
#define ATTEMPTS 2 /* to reach a peer */

struct rescue {
	struct relayd *r;
	struct event *timer;
};

static void
look_at(struct link *ln)
{
	if (!ln->up || ln->leaving || ln->peer->rescued || ln->wants > 0 ||
	    ln->rescue_asks)
		return;
	if (ln->version < 3) {
		ln->peer->rescued = relayd_clock() - ln->worked >= QUIET_MS;
		return;
	}
	ln->rescue_asks = true;
	ln->rescue_heard = ln->heard_offers;
	adopt_ask(ln, AWAY_FOREVER);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct rescue *x = ctx;
	struct link *ln = NULL;

	(void)fd;
	(void)what;
	while ((ln = broker_next(x->r->broker, ln)) != NULL)
		look_at(ln);
}

void
rescue_told(struct link *ln)
{
	ln->rescue_asks = false;
	if (ln->rescue_heard == ln->heard_offers && ln->wants == 0)
		ln->peer->rescued = true;
}

static const char *
state_of(struct relayd *r, const struct peer *p)
{
	if (p->rescued)
		return "done";
	if (broker_best(r->broker, p) != NULL)
		return "asking";
	return p->dialable && p->pace.failures < ATTEMPTS ? "dialling"
							  : "failed";
}

static void
answer_peer(struct relayd *r, struct client *c, const struct peer *p)
{
	struct buf line;

	answer_init(&line);
	buf_printf(&line, "peer=%s state=%s", p->name, state_of(r, p));
	answer_quoted(&line, "error",
	    p->dialable ? p->error : "it has no address in its manifest");
	answer_send(c, &line);
	buf_free(&line);
}

void
rescue_answer(struct relayd *r, struct client *c)
{
	unsigned wants = 0, untold = 0, i;
	struct delivery_count n;
	struct link *ln = NULL;
	struct buf line;
	struct peer *p;

	while ((ln = broker_next(r->broker, ln)) != NULL) {
		wants += ln->wants;
		untold += ln->told_count;
	}
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p == r->self || !p->known)
			continue;
		if (broker_best(r->broker, p) != NULL)
			untold += p->tells;
		answer_peer(r, c, p);
	}
	delivery_tally(r->delivery, &n);
	answer_init(&line);
	buf_printf(&line,
	    "coming=%u opening=%u failed=%u opened=%u signed=%u untold=%u",
	    wants, n.open, n.later, n.over, state_receipt_count(r->state),
	    untold);
	answer_send(c, &line);
	buf_free(&line);
}

struct rescue *
rescue_new(struct relayd *r)
{
	static const struct timeval tv = {0, LOOK_MS * 1000};
	struct rescue *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->r = r;
	x->timer = event_new(r->base, -1, EV_PERSIST, on_timer, x);
	if (x->timer == NULL || event_add(x->timer, &tv) < 0)
		rescue_free(&x);
	return x;
}

void
rescue_free(struct rescue **xp)
{
	struct rescue *x = *xp;

	if (x == NULL)
		return;
	if (x->timer != NULL)
		event_free(x->timer);
	free(x);
	*xp = NULL;
}
