/* SPDX-License-Identifier: MIT */
/*
 * broker - sessions and control clients on relay.sock. See broker.h.
 *
 * Here a session begins, is chosen among two with the same peer, and ends;
 * what happens in between is link.c's.
 */
#include "relayd/broker.h"

#include <sys/socket.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "relayd/arrival.h"
#include "relayd/await.h"
#include "relayd/census.h"
#include "relayd/client.h"
#include "relayd/control.h"
#include "relayd/dialler.h"
#include "relayd/expect.h"
#include "relayd/exchange.h"
#include "relayd/friend.h"
#include "relayd/former.h"
#include "relayd/gate.h"
#include "relayd/offer.h"
#include "relayd/proof.h"
#include "relayd/question.h"
#include "relayd/receipts.h"

#define CLIENTS_MAX 256
#define SESSIONS_MAX 8 /* of one peer */
#define YIELD_MS 1500

struct broker {
	struct relayd *r;
	int fd;
	struct event *accept, *again;
	TAILQ_HEAD(, link) links;
	uint64_t numbers;
	unsigned clients;
};

/* Links ---------------------------------------------------------------- */

struct link *
broker_next(struct broker *b, struct link *after)
{
	return after == NULL ? TAILQ_FIRST(&b->links) : TAILQ_NEXT(after, next);
}

struct link *
broker_find(struct broker *b, uint64_t number)
{
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->number == number)
			return ln;
	}
	return NULL;
}

bool
broker_is_better(
    const struct relayd *r, const struct link *a, const struct link *b)
{
	bool we_are_greater = strcmp(r->self->name, a->peer->name) > 0;

	if (a->dialled != b->dialled)
		return a->dialled == we_are_greater;
	return a->number > b->number; /* the newer */
}

/* One that works before one that may not. */
static bool
is_preferred(const struct relayd *r, const struct link *a, const struct link *b)
{
	if (a->doubted != b->doubted)
		return b->doubted;
	return broker_is_better(r, a, b);
}

struct link *
broker_best(struct broker *b, const struct peer *p)
{
	struct link *ln, *best = NULL;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->peer != p || !ln->up || ln->leaving)
			continue;
		if (best == NULL || is_preferred(b->r, ln, best))
			best = ln;
	}
	return best;
}

static void
link_gone(struct client *c, void *ctx)
{
	struct link *ln = ctx;
	struct relayd *r = ln->r;
	struct peer *p = ln->peer;

	(void)c;
	log_debug("session gone peer=%s", p->name);
	TAILQ_REMOVE(&r->broker->links, ln, next);
	r->broker->clients--;
	if (ln->up)
		p->seen = (int64_t)time(NULL);
	gate_forget(p);
	arrival_link_gone(ln);
	expect_pass_on(ln);
	receipts_link_gone(ln);
	exchange_link_gone(ln);
	former_link_gone(ln);
	census_link_gone(ln);
	proof_link_gone(ln);
	friend_link_gone(ln);
	free(ln);
	await_look_soon(r);
	/* What it had in hand is offered anew by the one that remains. */
	ln = broker_best(r->broker, p);
	if (ln != NULL)
		offer_begin(ln);
}

static const struct client_calls link_calls = {link_heard, link_gone};

/* A client that hasn't spoken yet ----------------------------------------- */

static void
stranger_gone(struct client *c, void *ctx)
{
	struct broker *b = ctx;

	(void)c;
	b->clients--;
}

static void
refuse(struct client *c, const char *why)
{
	struct buf out;

	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_put_text(&out, PROTO_BYE, NULL, why) == 0)
		client_send(c, out.data, out.len, -1);
	buf_free(&out);
	client_finish(c);
}

static unsigned
count_sessions(const struct broker *b, const struct peer *p)
{
	const struct link *ln;
	unsigned count = 0;

	TAILQ_FOREACH (ln, &b->links, next)
		count += ln->peer == p;
	return count;
}

static void
begin_session(struct broker *b, struct client *c, const struct proto_msg *m)
{
	struct relayd *r = b->r;
	struct peer *p;
	struct link *ln;

	(void)relayd_network(r);
	p = peers_find(r->peers, m->node);
	if (p == NULL || !p->known) {
		log_warn("session from no peer peer=%s", m->node);
		refuse(c, "not a peer of this node");
		return;
	}
	/* SPEC */
	if (count_sessions(b, p) >= SESSIONS_MAX) {
		refuse(c, "there are too many sessions");
		return;
	}
	ln = calloc(1, sizeof(*ln));
	if (ln == NULL) {
		refuse(c, "out of memory");
		return;
	}
	ln->number = ++b->numbers;
	ln->r = r;
	ln->client = c;
	ln->peer = p;
	ln->dialled = strcmp(m->word, "dialled") == 0;
	ln->worked = relayd_clock();
	TAILQ_INSERT_TAIL(&b->links, ln, next);
	client_set(c, &link_calls, ln);
}

static void
stranger_message(
    struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	struct broker *b = ctx;
	struct proto_msg m;
	size_t used;
	bool session;

	if (fd >= 0)
		close(fd);
	session = proto_parse(data, len, false, &m, &used) == 0 &&
	    m.verb == PROTO_SESSION && used == len;
	if (session &&
	    (sock_peer_is(client_fd(c), USER_RELAY) ||
		sock_peer_is(client_fd(c), USER_SSH))) {
		begin_session(b, c, &m);
		return;
	}
	if (!session && sock_peer_is(client_fd(c), USER_MILTER) &&
	    question_ask(b->r, c, data))
		return;
	if (!session && sock_peer_is(client_fd(c), USER_RELAY)) {
		if (friend_ask(b->r, c, data))
			return;
		control_command(b->r, c, data);
		client_finish(c);
		return;
	}
	log_warn("refused a client of relay.sock");
	refuse(c, "not allowed");
}

static const struct client_calls stranger_calls = {
    stranger_message, stranger_gone};

void
broker_take_back(struct broker *b, struct client *c)
{
	static const struct client_calls calls = {client_ignore, stranger_gone};

	client_set(c, &calls, b);
}

void
broker_lost_one(struct broker *b)
{
	b->clients--;
}

/* Others of this machine take no place, not even while they say nothing
 * (SPEC N-13.4). */
static bool
is_ours(int fd)
{
	return sock_peer_is(fd, USER_RELAY) || sock_peer_is(fd, USER_SSH) ||
	    sock_peer_is(fd, USER_MILTER);
}

static void
on_accept(evutil_socket_t listening, short what, void *ctx)
{
	struct broker *b = ctx;
	int fd;

	(void)what;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (b->clients >= CLIENTS_MAX || !is_ours(fd)) {
		close(fd);
		return;
	}
	if (client_new(b->r->base, fd, &stranger_calls, b) != NULL)
		b->clients++;
}

/* All sessions ------------------------------------------------------------ */

void
broker_doubt(struct broker *b)
{
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->up && !ln->leaving)
			link_doubt(ln);
	}
}

static bool
is_busy(const struct link *ln)
{
	return ln->offer_count > 0 || ln->wants > 0 || ln->told_count > 0;
}

/* It was dialled here and has nothing to do for so long. */
static bool
is_idle(const struct link *ln, int64_t ms)
{
	return ln->dialled && ln->up && !ln->leaving && !ln->peer->standing &&
	    !is_busy(ln) && relayd_clock() - ln->worked >= ms;
}

void
broker_tidy(struct broker *b)
{
	int64_t idle = (int64_t)b->r->conf->idle * 1000;
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (is_idle(ln, idle))
			link_end(ln, "idle");
	}
}

void
broker_yield(struct broker *b)
{
	struct link *ln, *oldest = NULL;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (is_idle(ln, YIELD_MS) &&
		    (oldest == NULL || ln->worked < oldest->worked))
			oldest = ln;
	}
	if (oldest != NULL)
		link_end(oldest, "others wait");
}

void
broker_kick(struct broker *b)
{
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (!ln->up || ln->leaving)
			continue;
		offer_more(ln);
		receipts_tell(ln);
	}
}

void
broker_anew(struct broker *b)
{
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (!ln->up || ln->leaving)
			continue;
		offer_begin(ln);
		ln->told_after = 0;
		receipts_tell(ln);
	}
}

static int64_t
next_again(const struct broker *b)
{
	const struct link *ln;
	int64_t next = 0;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->again.next != 0 && (next == 0 || ln->again.next < next))
			next = ln->again.next;
	}
	return next;
}

void
broker_again(struct broker *b)
{
	int64_t next = next_again(b), wait;
	struct timeval tv;

	if (next == 0)
		return;
	wait = next - relayd_clock();
	if (wait < 0)
		wait = 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(b->again, &tv);
}

static void
on_again(evutil_socket_t fd, short what, void *ctx)
{
	struct broker *b = ctx;
	int64_t now = relayd_clock();
	struct link *ln;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->again.next == 0 || ln->again.next > now)
			continue;
		ln->again.next = 0;
		if (ln->up && !ln->leaving)
			offer_begin(ln);
	}
	broker_again(b);
}

int
broker_new(struct relayd *r, struct broker **b_r, struct error *error_r)
{
	struct broker *b = xcalloc(1, sizeof(*b));
	char *path = xasprintf("%s/relayd/relay.sock", r->conf->run_dir);

	b->r = r;
	TAILQ_INIT(&b->links);
	b->fd = sock_listen(path, SOCK_SEQPACKET, 0666, error_r);
	free(path);
	if (b->fd < 0) {
		free(b);
		return AG_EIO;
	}
	if (fcntl(b->fd, F_SETFL, O_NONBLOCK) < 0)
		log_fatal("can't set relay.sock non-blocking");
	b->accept =
	    event_new(r->base, b->fd, EV_READ | EV_PERSIST, on_accept, b);
	b->again = evtimer_new(r->base, on_again, b);
	if (b->again == NULL || b->accept == NULL ||
	    event_add(b->accept, NULL) < 0)
		log_fatal("can't watch relay.sock");
	*b_r = b;
	return 0;
}

void
broker_free(struct broker **bp)
{
	struct broker *b = *bp;
	struct link *ln;

	if (b == NULL)
		return;
	while ((ln = TAILQ_FIRST(&b->links)) != NULL) {
		TAILQ_REMOVE(&b->links, ln, next);
		client_free(&ln->client);
		free(ln);
	}
	event_free(b->accept);
	event_free(b->again);
	close(b->fd);
	free(b);
	*bp = NULL;
}
