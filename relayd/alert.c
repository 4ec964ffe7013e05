/* SPDX-License-Identifier: MIT */
/*
 * alert - who is away, and whether this node tells. See alert.h.
 *
 * SECURITY: a peer can have its own alert address asked, which
 * agamid-deliver does three times a month at most. Nothing that a peer
 * says makes another one away.
 */
#include "relayd/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "mail/alert.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/away.h"
#include "relayd/errand.h"
#include "relayd/outage.h"
#include "relayd/state_alert.h"

#define HEARD_MS (45 * 60 * 1000) /* more than the longest retry time */

/* What is to be said about one home. */
struct alert {
	struct alerts *all;
	struct peer *home;
	struct outage outage;
	unsigned to_tell; /* a stage; 0: nothing */
	struct errand *telling, *asking;
	uint64_t asked_by; /* the session that asked */
};

struct alerts {
	struct relayd *r;
	struct alert **homes; /* by peers' numbers */
	unsigned count;
	struct event *look;
	int64_t looked; /* ms */
};

static struct alert *
alert_of(struct alerts *all, struct peer *home)
{
	unsigned count = (unsigned)peers_count(all->r->peers) + 1;
	struct alert *a;

	if (all->count < count) {
		all->homes =
		    reallocarray(all->homes, count, sizeof(*all->homes));
		if (all->homes == NULL)
			log_fatal("out of memory");
		memset(all->homes + all->count, 0,
		    (count - all->count) * sizeof(*all->homes));
		all->count = count;
	}
	a = all->homes[home->number];
	if (a == NULL) {
		a = xcalloc(1, sizeof(*a));
		a->all = all;
		a->home = home;
		all->homes[home->number] = a;
	}
	return a;
}

/* Who is heard -------------------------------------------------------------- */

static bool
is_heard(struct relayd *r, struct peer *p)
{
	if (broker_best(r->broker, p) != NULL)
		p->alive = relayd_clock();
	return p->alive != 0 && relayd_clock() - p->alive < HEARD_MS;
}

/* Half of the others are heard, but for this one: so it is not this node
 * that is cut off. Where there is no other nobody can say. */
static bool
is_online(struct relayd *r, const struct peer *but)
{
	unsigned i, others = 0, heard = 0;
	struct peer *p;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (!p->known || p == r->self || p == but || away_is(p))
			continue;
		others++;
		heard += is_heard(r, p);
	}
	return others == 0 || (heard > 0 && 2 * heard >= others);
}

/* Of those to whom the address said yes, and who are heard, is it this
 * node that tells? */
static bool
is_ours(struct relayd *r, const struct manifest *home)
{
	const char *nodes[ALERT_TOKENS_MAX];
	char name[NODE_NAME_MAX + 1];
	struct peer *p;
	size_t i, count = 0;

	for (i = 0; i < home->alert_token_count; i++) {
		snprintf(name, sizeof(name), "%.*s",
		    (int)strcspn(home->alert_tokens[i], ":"),
		    home->alert_tokens[i]);
		p = peers_find(r->peers, name);
		if (p != NULL && (p == r->self || (p->known && is_heard(r, p))))
			nodes[count++] = p->name;
	}
	return count > 0 &&
	    strcmp(nodes[outage_choose(home->name, nodes, count)],
		r->self->name) == 0;
}

/* Telling ------------------------------------------------------------------- */

/* errand_fn */
static void
told(struct relayd *r, const char *word, const char *text, void *ctx)
{
	struct alert *a = ctx;

	(void)r;
	a->telling = NULL;
	if (strcmp(word, "retry") == 0)
		return; /* with the next look */
	a->to_tell = 0;
	if (strcmp(word, "done") == 0)
		log_info("told that a peer is away peer=%s stage=%u",
		    a->home->name, a->outage.stage);
	else
		log_warn("can't tell that a peer is away peer=%s error=\"%s\"",
		    a->home->name, text);
}

static void
tell(struct alert *a)
{
	char *line;

	if (a->to_tell == 0 || a->telling != NULL)
		return;
	line = xasprintf("away %s %u %lld", a->home->name, a->to_tell,
	    (long long)a->outage.since);
	a->telling = errand_new(a->all->r, line, -1, told, a);
	free(line);
}

static void
changed(struct alert *a, const struct manifest *home)
{
	struct relayd *r = a->all->r;

	a->to_tell = 0;
	if (state_alert_set(r->state, home->name, &a->outage) < 0)
		return;
	relayd_flush_soon(r);
	if (a->outage.stage == 0) {
		if (is_heard(r, a->home))
			log_info("peer is heard again peer=%s", home->name);
		else
			log_info("peer announced its absence, no alarm peer=%s",
			    home->name);
		return;
	}
	log_warn("peer is away peer=%s stage=%u ours=%s", home->name,
	    a->outage.stage, is_ours(r, home) ? "yes" : "no");
	if (is_ours(r, home))
		a->to_tell = a->outage.stage;
}

static void
look_at(struct alerts *all, struct peer *p, const struct manifest *home,
    int64_t elapsed)
{
	struct alert *a = alert_of(all, p);
	struct outage_facts f = {
	    .heard = is_heard(all->r, p) || away_is(p),
	    .online = is_online(all->r, p),
	    .elapsed = elapsed,
	    .day = all->r->day.day,
	    .now = (int64_t)time(NULL),
	};

	if (outage_look(&a->outage, &f))
		changed(a, home);
	tell(a);
}

void
alert_look(struct relayd *r)
{
	const struct network *net = relayd_network(r);
	int64_t now = relayd_clock(), elapsed = now - r->alerts->looked;
	const struct manifest *home;
	struct peer *p;
	unsigned i;

	r->alerts->looked = now;
	for (i = 1; net != NULL && (p = peers_at(r->peers, i)) != NULL; i++) {
		home = p == r->self ? NULL : network_find(net, p->name);
		if (home != NULL && home->alert != NULL &&
		    home->alert_token_count > 0)
			look_at(r->alerts, p, home, elapsed);
	}
}

static void
on_look(evutil_socket_t fd, short what, void *ctx)
{
	struct alerts *all = ctx;

	(void)fd;
	(void)what;
	alert_look(all->r);
}

/* The question to the address ----------------------------------------------- */

const char *
alert_ask(struct relayd *r, const char *name)
{
	struct peer *p = peers_find(r->peers, name);
	const struct network *net = relayd_network(r);
	struct proto_msg m = {.verb = PROTO_ALERT_ASK};
	struct link *ln;

	if (p == NULL || !p->known)
		return "there is no such peer";
	if (net == NULL || network_self(net)->alert == NULL)
		return "our manifest names no alert address";
	ln = broker_best(r->broker, p);
	if (ln == NULL)
		return "there is no session with it now";
	if (ln->version < 3)
		return "its version of Agamid can't do that yet";
	link_send(ln, &m, -1);
	return NULL;
}

static void
answer(struct link *ln, const char *why)
{
	struct proto_msg m = {.verb = PROTO_ALERT_ASKED};

	snprintf(m.text, sizeof(m.text), "%s", why);
	link_send(ln, &m, -1);
}

/* errand_fn */
static void
address_asked(struct relayd *r, const char *word, const char *text, void *ctx)
{
	struct alert *a = ctx;
	struct link *ln = broker_find(r->broker, a->asked_by);

	a->asking = NULL;
	log_info("alert address asked peer=%s reply=%s error=\"%s\"",
	    a->home->name, word, text);
	if (ln != NULL)
		answer(ln,
		    strcmp(word, "done") == 0 ? ""
			: text[0] != '\0'     ? text
					      : "it can't be done now");
}

void
alert_asked(struct link *ln)
{
	struct alert *a = alert_of(ln->r->alerts, ln->peer);
	char *line;

	if (a->asking != NULL) {
		answer(ln, "it is being asked");
		return;
	}
	a->asked_by = ln->number;
	line = xasprintf("confirm %s", ln->peer->name);
	a->asking = errand_new(ln->r, line, -1, address_asked, a);
	free(line);
	if (a->asking == NULL)
		answer(ln, "agamid-deliver does not run here");
}

void
alert_answered(struct link *ln, const char *text)
{
	if (text[0] == '\0')
		log_info("alert address was asked peer=%s", ln->peer->name);
	else
		log_warn("alert address was not asked peer=%s error=\"%s\"",
		    ln->peer->name, text);
}

/* Start and end ------------------------------------------------------------- */

/* state_alert_fn */
static void
load_one(const char *home, const struct outage *o, void *ctx)
{
	struct alerts *all = ctx;
	struct peer *p = peers_get(all->r->peers, home);

	if (p != NULL)
		alert_of(all, p)->outage = *o;
}

int
alerts_new(struct relayd *r, struct alerts **a_r, struct error *error_r)
{
	static const struct timeval tv = {OUTAGE_LOOK_MS / 1000, 0};
	struct alerts *all = xcalloc(1, sizeof(*all));

	*a_r = all;
	all->r = r;
	all->looked = relayd_clock();
	all->look = event_new(r->base, -1, EV_PERSIST, on_look, all);
	if (all->look == NULL || event_add(all->look, &tv) < 0)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	if (state_each_alert(r->state, load_one, all) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	return 0;
}

void
alerts_free(struct alerts **ap)
{
	struct alerts *all = *ap;
	unsigned i;

	*ap = NULL;
	if (all == NULL)
		return;
	for (i = 0; i < all->count; i++) {
		if (all->homes[i] == NULL)
			continue;
		errand_free(&all->homes[i]->telling);
		errand_free(&all->homes[i]->asking);
		free(all->homes[i]);
	}
	if (all->look != NULL)
		event_free(all->look);
	free(all->homes);
	free(all);
}
