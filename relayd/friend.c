/* SPDX-License-Identifier: MIT */
/*
 * friend - friends look at each other. See friend.h.
 *
 * A session may be replaced by another meanwhile, so that what counts is
 * the peer. One peer is looked at at a time, and each at most every ten seconds:
 * whoever asks more often hears what was seen before.
 *
 * SECURITY: what a peer answers is passed on as text, nothing follows from
 * it; what the child says is cleaned as if a server had said it.
 */
#include "relayd/friend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/log.h"
#include "relayd/answer.h"
#include "relayd/client.h"
#include "relayd/prober.h"

#define EVERY_MS 10000 /* one peer is looked at */
#define PATIENCE_MS 15000 /* with a peer who was asked */
#define CUT_MS 2000 /* for another session to come */
#define LINES_MAX 8 /* of an answer */

/* A client of the control socket that waits. */
struct asker {
	TAILQ_ENTRY(asker) next;
	struct relayd *r;
	struct client *client;
	struct peer *peer;
	int64_t until;
	unsigned lines;
	bool cut; /* the session ended; another may come at once */
};

struct friends {
	struct relayd *r;
	struct event *timer;
	TAILQ_HEAD(, asker) askers;
	struct peer *peer; /* who is being looked at; or NULL */
	unsigned said; /* of what was seen */
	struct peer *last_peer; /* who was looked at last */
	struct probe_report last;
};

static void
look_soon(struct friends *p)
{
	static const struct timeval tv = {1, 0};

	if (!evtimer_pending(p->timer, NULL))
		evtimer_add(p->timer, &tv);
}

/* Asking -------------------------------------------------------------------- */

/* why: "" if all is said. */
static void
finish(struct asker *a, const char *why)
{
	if (*why != '\0')
		answer_error(a->client, why);
	answer_end(a->client);
	client_finish(a->client);
	broker_take_back(a->r->broker, a->client);
	TAILQ_REMOVE(&a->r->friends->askers, a, next);
	free(a);
}

static void
finish_all(struct friends *p, const struct peer *peer, const char *why)
{
	struct asker *a, *following;

	for (a = TAILQ_FIRST(&p->askers); a != NULL; a = following) {
		following = TAILQ_NEXT(a, next);
		if (a->peer == peer)
			finish(a, why);
	}
}

static void
asker_gone(struct client *c, void *ctx)
{
	struct asker *a = ctx;
	struct relayd *r = a->r;

	(void)c;
	TAILQ_REMOVE(&r->friends->askers, a, next);
	free(a);
	broker_lost_one(r->broker);
}

static bool
is_asked(const struct friends *p, const struct peer *peer)
{
	const struct asker *a;

	TAILQ_FOREACH (a, &p->askers, next) {
		if (a->peer == peer)
			return true;
	}
	return false;
}

static void
wait_for_answer(struct relayd *r, struct client *c, struct link *ln)
{
	static const struct client_calls calls = {client_ignore, asker_gone};
	const struct proto_msg m = {.verb = PROTO_PROBE};
	struct asker *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		client_finish(c);
		return;
	}
	if (!is_asked(r->friends, ln->peer))
		link_send(ln, &m, -1);
	a->r = r;
	a->client = c;
	a->peer = ln->peer;
	a->until = relayd_clock() + PATIENCE_MS;
	TAILQ_INSERT_TAIL(&r->friends->askers, a, next);
	client_set(c, &calls, a);
	look_soon(r->friends);
}

static const char *
why_not(struct relayd *r, const char *name, struct link **ln_r)
{
	struct peer *p = peers_find(r->peers, name);

	*ln_r = NULL;
	if (p == NULL || !p->known)
		return "there is no such peer";
	*ln_r = broker_best(r->broker, p);
	if (*ln_r == NULL)
		return "there is no session with it now";
	if ((*ln_r)->version < 2)
		return "its version of Agamid can't do that yet";
	return NULL;
}

bool
friend_ask(struct relayd *r, struct client *c, const char *command)
{
	char name[NODE_NAME_MAX + 1] = "", more[2];
	struct link *ln;
	const char *why;

	if (sscanf(command, "probe %32s %1s", name, more) != 1)
		return false;
	why = why_not(r, name, &ln);
	if (why == NULL) {
		wait_for_answer(r, c, ln);
		return true;
	}
	answer_error(c, why);
	answer_end(c);
	client_finish(c);
	return true;
}

void
friend_check(struct link *ln, const struct proto_msg *m)
{
	struct asker *a;
	struct buf line;

	TAILQ_FOREACH (a, &ln->r->friends->askers, next) {
		if (a->peer != ln->peer || a->lines++ >= LINES_MAX)
			continue;
		answer_init(&line);
		buf_printf(&line, "check=%s result=%s", m->word,
		    m->ok ? "ok" : "fail");
		answer_quoted(&line, "text", m->text);
		answer_send(a->client, &line);
		buf_free(&line);
	}
}

void
friend_checked(struct link *ln, const char *text)
{
	finish_all(ln->r->friends, ln->peer, text);
}

/* Being asked ---------------------------------------------------------------- */

static void
say_checked(struct link *ln, const char *why)
{
	struct proto_msg m = {.verb = PROTO_CHECKED};

	snprintf(m.text, sizeof(m.text), "%s", why);
	link_send(ln, &m, -1);
}

/* Where the peer hears it now; NULL: nowhere. */
static struct link *
link_of(const struct friends *p)
{
	return p->peer == NULL ? NULL : broker_best(p->r->broker, p->peer);
}

static void
say_check(struct link *ln, const struct probe_report *rep, unsigned what)
{
	struct proto_msg m = {.verb = PROTO_CHECK, .ok = rep->ok[what]};
	size_t i;

	snprintf(
	    m.word, sizeof(m.word), "%s", probe_name((enum probe_what)what));
	snprintf(m.text, sizeof(m.text), "%s",
	    rep->text[what][0] == '\0' ? "not seen" : rep->text[what]);
	for (i = 0; m.text[i] != '\0'; i++) {
		if (m.text[i] < 0x20 || m.text[i] > 0x7e)
			m.text[i] = '?';
	}
	link_send(ln, &m, -1);
}

/* prober_fn */
static void
on_report(struct relayd *r, struct peer *peer, const struct probe_report *rep,
    bool over, void *ctx)
{
	struct friends *p = ctx;
	struct link *ln = link_of(p);
	unsigned known = over ? PROBE_WHATS : rep->known;

	(void)r;
	(void)peer;
	for (; p->said < known; p->said++) {
		if (ln != NULL)
			say_check(ln, rep, p->said);
	}
	if (!over)
		return;
	if (ln != NULL)
		say_checked(ln, "");
	p->last = *rep;
	p->last_peer = p->peer;
	p->peer = NULL;
}

/* Asked again so soon: what was seen then. */
static void
say_last(struct link *ln)
{
	const struct friends *p = ln->r->friends;
	unsigned what;

	if (p->last_peer != ln->peer) {
		say_checked(ln, "that is asked too often");
		return;
	}
	for (what = 0; what < PROBE_WHATS; what++)
		say_check(ln, &p->last, what);
	say_checked(ln, "");
}

/* SPEC */
void
friend_wanted(struct link *ln)
{
	struct friends *p = ln->r->friends;
	int64_t now = relayd_clock();

	if (p->peer == ln->peer)
		return; /* said again in a new session */
	if (ln->peer->looked_at != 0 && now - ln->peer->looked_at < EVERY_MS) {
		say_last(ln);
		return;
	}
	if (p->peer != NULL) {
		say_checked(ln, "another is being looked at");
		return;
	}
	ln->peer->looked_at = now;
	log_info("looking at a peer's doors peer=%s", ln->peer->name);
	p->peer = ln->peer;
	p->said = 0;
	prober_ask(ln->r, ln->peer, on_report, p);
}

/* It may not have been heard where it was said before. */
void
friend_link_up(struct link *ln)
{
	const struct proto_msg m = {.verb = PROTO_PROBE};
	struct friends *p = ln->r->friends;
	struct asker *a;
	bool again = false;

	TAILQ_FOREACH (a, &p->askers, next) {
		if (a->peer != ln->peer)
			continue;
		if (a->cut)
			a->until = relayd_clock() + PATIENCE_MS;
		a->cut = false;
		a->lines = 0;
		again = true;
	}
	if (again && ln->version >= 2)
		link_send(ln, &m, -1);
}

void
friend_link_gone(struct link *ln)
{
	struct friends *p = ln->r->friends;
	struct link *other = broker_best(ln->r->broker, ln->peer);
	struct asker *a;

	if (other != NULL) {
		friend_link_up(other);
		return;
	}
	TAILQ_FOREACH (a, &p->askers, next) {
		if (a->peer != ln->peer || a->cut)
			continue;
		a->cut = true;
		a->until = relayd_clock() + CUT_MS;
	}
}

/* Both ------------------------------------------------------------------------ */

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct friends *p = ctx;
	struct asker *a, *following;
	int64_t now = relayd_clock();

	(void)fd;
	(void)what;
	for (a = TAILQ_FIRST(&p->askers); a != NULL; a = following) {
		following = TAILQ_NEXT(a, next);
		if (now >= a->until)
			finish(a,
			    a->cut ? "the session ended" : "it did not answer");
	}
	if (!TAILQ_EMPTY(&p->askers))
		look_soon(p);
}

struct friends *
friends_new(struct relayd *r)
{
	struct friends *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->r = r;
	TAILQ_INIT(&p->askers);
	p->timer = evtimer_new(r->base, on_timer, p);
	if (p->timer == NULL)
		friends_free(&p);
	return p;
}

void
friends_free(struct friends **pp)
{
	struct friends *p = *pp;
	struct asker *a;

	if (p == NULL)
		return;
	while ((a = TAILQ_FIRST(&p->askers)) != NULL) {
		TAILQ_REMOVE(&p->askers, a, next);
		client_free(&a->client);
		free(a);
	}
	if (p->timer != NULL)
		event_free(p->timer);
	free(p);
	*pp = NULL;
}
