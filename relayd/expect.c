/* SPDX-License-Identifier: MIT */
/*
 * expect - what sessions were asked for. See expect.h.
 *
 * Lists are walked: what is under way is bounded by what sessions may owe.
 *
 * SECURITY: a peer that says it brings something and doesn't costs a
 * minute; then another is asked. A ticket that a peer made for another's
 * bytes costs one attempt to open them.
 */
#include "relayd/expect.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/holders.h"

#define WAITERS_MAX 16
#define PATIENCE_MS 60000
#define SLOWEST 32768 /* bytes a second */
#define CHECK_SECONDS 5
#define CONTESTS_MAX 256
#define SPOILED_MAX 256

/* A bundle that a session was asked for. */
struct expect {
	TAILQ_ENTRY(expect) next;
	struct ticket ticket; /* verified (SPEC) */
	struct peer *home;
	uint64_t link; /* who brings it; 0: nobody any more */
	int64_t deadline;
	uint64_t waiters[WAITERS_MAX]; /* links told to wait */
	unsigned waiter_count;
};

/*
 * Somebody offers own mail under another ticket than the one that is here
 * or on its way. Two can sign for the same bytes; only opening it tells
 * who sealed it, so this offer waits for that.
 */
struct contest {
	TAILQ_ENTRY(contest) next;
	struct ticket ticket;
	uint64_t link;
};

/* A ticket that did not fit its bundle's inside. */
struct spoiled {
	char id[BUNDLE_ID_LEN + 1];
	uint8_t signature[KEYS_SIGNATURE_SIZE];
};

struct expects {
	struct relayd *r;
	TAILQ_HEAD(, expect) list;
	uint64_t awaited; /* bytes */
	TAILQ_HEAD(, contest) contests;
	unsigned contest_count;
	struct spoiled spoiled[SPOILED_MAX]; /* a ring */
	unsigned spoiled_next;
	struct event *timer;
};

static void contest_ask(struct expects *x, const char *id);

/* One ----------------------------------------------------------------------- */

static struct expect *
find(struct expects *x, const char *id)
{
	struct expect *e;

	TAILQ_FOREACH (e, &x->list, next) {
		if (strcmp(e->ticket.id, id) == 0)
			return e;
	}
	return NULL;
}

static void
be_patient(struct expect *e)
{
	e->deadline = relayd_clock() + PATIENCE_MS +
	    (int64_t)(e->ticket.size / SLOWEST) * 1000;
}

/* Ask this session for it. */
static void
ask(struct expect *e, struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_ACCEPT, .size = e->ticket.size};

	memcpy(m.id, e->ticket.id, sizeof(m.id));
	e->link = ln->number;
	ln->wants++;
	be_patient(e);
	link_send(ln, &m, -1);
}

/* Its session owes it no more. */
static void
release_link(struct expects *x, struct expect *e)
{
	struct link *ln = broker_find(x->r->broker, e->link);

	if (ln != NULL && ln->wants > 0)
		ln->wants--;
	e->link = 0;
}

static void
del(struct expects *x, struct expect *e)
{
	release_link(x, e);
	TAILQ_REMOVE(&x->list, e, next);
	e->home->awaited_bytes -= e->ticket.size;
	x->awaited -= e->ticket.size;
	free(e);
}

int
expect_begin(struct link *ln, const struct ticket *t)
{
	static const struct timeval check = {CHECK_SECONDS, 0};
	struct expects *x = ln->r->expects;
	struct expect *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return AG_ENOMEM;
	e->ticket = *t;
	e->home = peers_get(x->r->peers, t->home);
	if (e->home == NULL) {
		free(e);
		return AG_ENOMEM;
	}
	e->home->awaited_bytes += e->ticket.size;
	x->awaited += e->ticket.size;
	TAILQ_INSERT_TAIL(&x->list, e, next);
	ask(e, ln);
	if (!evtimer_pending(x->timer, NULL))
		evtimer_add(x->timer, &check);
	return 0;
}

/* The next that waits with it, or nobody. */
static void
pass_on(struct expects *x, struct expect *e)
{
	char id[BUNDLE_ID_LEN + 1];
	struct link *ln;

	release_link(x, e);
	while (e->waiter_count > 0) {
		ln = broker_find(x->r->broker, e->waiters[0]);
		e->waiter_count--;
		memmove(e->waiters, e->waiters + 1,
		    e->waiter_count * sizeof(e->waiters[0]));
		if (ln != NULL && !ln->leaving) {
			ask(e, ln);
			return;
		}
	}
	memcpy(id, e->ticket.id, sizeof(id));
	del(x, e);
	contest_ask(x, id);
}

/* It is here: those who waited with it need not bring it. */
static void
done(struct expects *x, struct expect *e)
{
	struct link *ln;
	unsigned i;

	for (i = 0; i < e->waiter_count; i++) {
		ln = broker_find(x->r->broker, e->waiters[i]);
		if (ln == NULL)
			continue;
		state_copy_add(
		    x->r->state, e->ticket.id, ln->peer->name, COPY_HAS);
		link_send_after(ln, PROTO_HAVE, e->ticket.id);
	}
	del(x, e);
}

/* What others call ------------------------------------------------------------ */

bool
expect_is(struct relayd *r, const char *id)
{
	return find(r->expects, id) != NULL;
}

bool
expect_is_same(struct relayd *r, const struct ticket *t)
{
	struct expect *e = find(r->expects, t->id);

	return e != NULL && ticket_is_same(&e->ticket, t);
}

void
expect_wait(struct link *ln, const char *id)
{
	struct expect *e = find(ln->r->expects, id);

	if (e == NULL)
		return;
	if (e->link == ln->number) {
		ln->wants--; /* asked once more */
		ask(e, ln);
		return;
	}
	if (e->waiter_count < WAITERS_MAX)
		e->waiters[e->waiter_count++] = ln->number;
	link_send_id(ln, PROTO_WAIT, e->ticket.id);
}

void
expect_failed(struct link *ln, const char *id)
{
	struct expect *e = find(ln->r->expects, id);

	if (e != NULL && e->link == ln->number)
		pass_on(ln->r->expects, e);
}

void
expect_arrived(struct link *ln, const char *id)
{
	struct expects *x = ln->r->expects;
	struct expect *e = find(x, id);

	if (e != NULL)
		done(x, e);
	/* It delivers: what else it owes gets new patience. */
	TAILQ_FOREACH (e, &x->list, next) {
		if (e->link == ln->number)
			be_patient(e);
	}
}

void
expect_pass_on(struct link *ln)
{
	struct expects *x = ln->r->expects;
	struct expect *e, *following;

	for (e = TAILQ_FIRST(&x->list); e != NULL; e = following) {
		following = TAILQ_NEXT(e, next);
		if (e->link != ln->number)
			continue;
		if (store_find(x->r->store, e->ticket.id) != NULL)
			done(x, e);
		else
			pass_on(x, e);
	}
}

uint64_t
expect_owed(
    const struct relayd *r, const struct peer *from, const struct peer *home)
{
	const struct link *ln;
	struct expect *e;
	uint64_t sum = 0;

	TAILQ_FOREACH (e, &r->expects->list, next) {
		if (e->home != home)
			continue;
		ln = broker_find(r->broker, e->link);
		if (ln != NULL && ln->peer == from)
			sum += e->ticket.size;
	}
	return sum;
}

uint64_t
expect_awaited(const struct relayd *r)
{
	return r->expects->awaited;
}

/* Contests ------------------------------------------------------------------- */

static void
contest_del(struct expects *x, struct contest *c)
{
	TAILQ_REMOVE(&x->contests, c, next);
	x->contest_count--;
	free(c);
}

void
expect_contest(struct link *ln, const struct ticket *t)
{
	struct expects *x = ln->r->expects;
	struct contest *c;

	if (x->contest_count == CONTESTS_MAX)
		contest_del(x, TAILQ_FIRST(&x->contests));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return;
	c->ticket = *t;
	c->link = ln->number;
	TAILQ_INSERT_TAIL(&x->contests, c, next);
	x->contest_count++;
}

/* What was here under this ID is not, or won't come: ask the next. */
static void
contest_ask(struct expects *x, const char *id)
{
	struct contest *c, *following;
	struct link *ln;

	for (c = TAILQ_FIRST(&x->contests); c != NULL; c = following) {
		following = TAILQ_NEXT(c, next);
		if (strcmp(c->ticket.id, id) != 0)
			continue;
		ln = broker_find(x->r->broker, c->link);
		if (ln != NULL && !ln->leaving &&
		    expect_begin(ln, &c->ticket) == 0)
			following = NULL;
		contest_del(x, c);
	}
}

void
expect_settled(struct relayd *r, const char *id)
{
	struct expects *x = r->expects;
	struct contest *c, *following;

	for (c = TAILQ_FIRST(&x->contests); c != NULL; c = following) {
		following = TAILQ_NEXT(c, next);
		if (strcmp(c->ticket.id, id) == 0)
			contest_del(x, c);
	}
}

bool
expect_is_spoiled(const struct relayd *r, const struct ticket *t)
{
	const struct spoiled *s = r->expects->spoiled;
	unsigned i;

	for (i = 0; i < SPOILED_MAX; i++) {
		if (strcmp(s[i].id, t->id) == 0 &&
		    memcmp(s[i].signature, t->signature,
			sizeof(t->signature)) == 0)
			return true;
	}
	return false;
}

void
expect_invalid(struct relayd *r, struct held *h)
{
	struct expects *x = r->expects;
	struct error error = {""};
	struct spoiled *s;
	struct ticket t;

	if (store_ticket(r->store, h, &t, &error) == 0) {
		s = &x->spoiled[x->spoiled_next++ % SPOILED_MAX];
		memcpy(s->id, t.id, sizeof(s->id));
		memcpy(s->signature, t.signature, sizeof(s->signature));
	}
	held_id(h, t.id);
	holders_forget(r, t.id);
	if (store_drop(r->store, h, &error) < 0) {
		log_error("can't remove id=%s error=\"%s\"", t.id, error.text);
		return;
	}
	relayd_flush_soon(r);
	contest_ask(x, t.id);
}

/* Start and end ------------------------------------------------------------- */

/* Those that take too long, if another could bring it. */
static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval check = {CHECK_SECONDS, 0};
	struct expects *x = ctx;
	int64_t now = relayd_clock();
	struct expect *e, *following;

	(void)fd;
	(void)what;
	for (e = TAILQ_FIRST(&x->list); e != NULL; e = following) {
		following = TAILQ_NEXT(e, next);
		if (now >= e->deadline && e->waiter_count > 0)
			pass_on(x, e);
	}
	if (!TAILQ_EMPTY(&x->list))
		evtimer_add(x->timer, &check);
}

int
expects_new(struct relayd *r, struct expects **x_r, struct error *error_r)
{
	struct expects *x = xcalloc(1, sizeof(*x));

	*x_r = NULL;
	x->r = r;
	TAILQ_INIT(&x->list);
	TAILQ_INIT(&x->contests);
	x->timer = evtimer_new(r->base, on_timer, x);
	if (x->timer == NULL) {
		free(x);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*x_r = x;
	return 0;
}

void
expects_free(struct expects **xp)
{
	struct expects *x = *xp;
	struct expect *e;

	if (x == NULL)
		return;
	while ((e = TAILQ_FIRST(&x->list)) != NULL) {
		TAILQ_REMOVE(&x->list, e, next);
		free(e);
	}
	while (!TAILQ_EMPTY(&x->contests))
		contest_del(x, TAILQ_FIRST(&x->contests));
	event_free(x->timer);
	free(x);
	*xp = NULL;
}
