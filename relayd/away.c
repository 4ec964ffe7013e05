/* SPDX-License-Identifier: MIT */
/*
 * away - planned absence, told and heard. See away.h.
 */
#include "relayd/away.h"

#include <stdio.h>
#include <time.h>

#include "util/log.h"
#include "relayd/dialler.h"

#define PAUSE "pause"
#define NAME_MAX_BYTES (sizeof("away:") + NODE_NAME_MAX)

static void
name_of(const struct peer *p, char name[NAME_MAX_BYTES])
{
	snprintf(name, NAME_MAX_BYTES, "away:%s", p->name);
}

/* What is over is forgotten here, and stays in the database until the
 * next session: nothing is written while nothing happens. */
void
away_load(struct relayd *r)
{
	char name[NAME_MAX_BYTES];
	struct peer *p;
	unsigned i;

	(void)state_number(r->state, PAUSE, &r->paused);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		name_of(p, name);
		(void)state_number(r->state, name, &p->away);
	}
}

int64_t
away_until(const struct relayd *r)
{
	if (r->leaving)
		return AWAY_FOREVER;
	return r->paused > (int64_t)time(NULL) ? r->paused : 0;
}

bool
away_is(const struct peer *p)
{
	return p->away > (int64_t)time(NULL);
}

bool
away_is_told(const struct relayd *r, const struct peer *p)
{
	return p->told_away == away_until(r);
}

static void
tell(struct link *ln, int64_t until)
{
	struct proto_msg m = {.verb = PROTO_AWAY, .time = until};

	if (!ln->up || ln->leaving)
		return;
	ln->peer->told_away = until;
	link_send(ln, &m, -1);
}

int
away_pause(struct relayd *r, int64_t until)
{
	struct link *ln = NULL;

	if (state_set_number(r->state, PAUSE, until) < 0)
		return AG_EIO;
	r->paused = until;
	relayd_flush_soon(r);
	while ((ln = broker_next(r->broker, ln)) != NULL)
		tell(ln, away_until(r));
	dialler_call(r, NULL);
	return 0;
}

static void
say(const struct peer *p, int64_t until)
{
	if (until == AWAY_FOREVER)
		log_warn("peer leaves the network peer=%s", p->name);
	else if (until != 0)
		log_info("peer will be away peer=%s seconds=%lld", p->name,
		    (long long)(until - time(NULL)));
	else
		log_info("peer is back peer=%s", p->name);
}

static void
set(struct relayd *r, struct peer *p, int64_t until)
{
	char name[NAME_MAX_BYTES];

	if (p->away == until)
		return;
	p->away = until;
	say(p, until);
	name_of(p, name);
	if (state_set_number(r->state, name, until) == 0)
		relayd_flush_soon(r);
}

void
away_link_up(struct link *ln)
{
	int64_t until = away_until(ln->r);

	ln->peer->told_away = 0; /* the hello says as much */
	if (until != 0)
		tell(ln, until);
}

void
away_link_spoke(struct link *ln, enum proto_verb verb)
{
	if (ln->spoke || verb == PROTO_HELLO || verb == PROTO_NOTE)
		return;
	ln->spoke = true;
	if (verb != PROTO_AWAY)
		set(ln->r, ln->peer, 0);
}

void
away_heard(struct link *ln, int64_t until)
{
	if (until <= (int64_t)time(NULL))
		until = 0;
	if (until > AWAY_FOREVER)
		until = AWAY_FOREVER;
	set(ln->r, ln->peer, until);
}
