/* SPDX-License-Identifier: MIT */
/*
 * broker - sessions and control clients on relay.sock. See broker.h.
 *
 * Here a session begins, is chosen among two with the same peer, hands its
 * messages to the part that decides, and ends.
 *
 * SECURITY: a session's process faces a peer and may have been taken over.
 * Its messages pass the same parser as the wire; the worst that they can
 * say is what the peer itself could have said.
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
#include "relayd/client.h"
#include "relayd/control.h"
#include "relayd/dialler.h"
#include "relayd/expect.h"
#include "relayd/intake.h"
#include "relayd/offer.h"
#include "relayd/receipts.h"

#define CLIENTS_MAX 256
#define SKEW_MAX 300 /* seconds before a peer's clock is remarked on */
#define YIELD_MS 5000

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

/* SPEC: the one dialled by the greater name stays. */
static bool
is_better(const struct relayd *r, const struct link *a, const struct link *b)
{
	bool we_are_greater = strcmp(r->self->name, a->peer->name) > 0;

	if (a->dialled != b->dialled)
		return a->dialled == we_are_greater;
	return a->number > b->number; /* the newer */
}

struct link *
broker_best(struct broker *b, const struct peer *p)
{
	struct link *ln, *best = NULL;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->peer != p || !ln->up || ln->leaving)
			continue;
		if (best == NULL || is_better(b->r, ln, best))
			best = ln;
	}
	return best;
}

void
link_send(struct link *ln, const struct proto_msg *m, int pass_fd)
{
	struct buf out;

	log_debug("say peer=%s session=%llu verb=%s id=%s", ln->peer->name,
	    (unsigned long long)ln->number, proto_verb_name(m->verb), m->id);
	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_write(m, &out) == 0) {
		client_send(ln->client, out.data, out.len, pass_fd);
	} else {
		log_error("can't say verb=%s", proto_verb_name(m->verb));
		if (pass_fd >= 0)
			close(pass_fd);
	}
	buf_free(&out);
}

void
link_send_id(struct link *ln, enum proto_verb verb, const char *id)
{
	struct proto_msg m = {.verb = verb};

	memcpy(m.id, id, sizeof(m.id));
	link_send(ln, &m, -1);
}

void
link_send_text(
    struct link *ln, enum proto_verb verb, const char *id, const char *text)
{
	struct buf out;

	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_put_text(&out, verb, id, text) == 0)
		client_send(ln->client, out.data, out.len, -1);
	buf_free(&out);
}

/* relayd_after_fn */
static void
say_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct link *ln = broker_find(r->broker, number);

	if (ln != NULL)
		client_send(ln->client, text, len, -1);
}

void
link_send_after(struct link *ln, enum proto_verb verb, const char *id)
{
	struct buf line;

	buf_init(&line, PROTO_LINE_MAX);
	if (proto_put_id(&line, verb, id) == 0)
		relayd_after_flush(
		    ln->r, say_after, ln->number, line.data, line.len);
	buf_free(&line);
}

void
link_end(struct link *ln, const char *why)
{
	if (ln->leaving)
		return;
	ln->leaving = true;
	expect_pass_on(ln);
	link_send_text(ln, PROTO_BYE, NULL, why);
	client_finish(ln->client);
}

void
broker_alive(struct relayd *r, struct peer *p)
{
	(void)r;
	p->seen = (int64_t)time(NULL);
	p->error[0] = '\0';
	pace_alive(&p->pace);
}

/* Of two sessions between a pair this node closes the one that it dialled
 * itself, if its name is the lower; an older of the same kind is stale. */
static void
settle_pair(struct broker *b, struct link *new)
{
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln == new || ln->peer != new->peer || !ln->up ||
		    ln->leaving)
			continue;
		if (ln->dialled == new->dialled)
			link_end(ln, "a newer session has come");
		else if (is_better(b->r, ln, new) && new->dialled)
			link_end(new, "there is another session");
		else if (is_better(b->r, new, ln) && ln->dialled)
			link_end(ln, "there is another session");
	}
}

/* The hello has come: the session is up. */
static void
link_up(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	int64_t skew = m->time - (int64_t)time(NULL);

	if (ln->up)
		return;
	ln->up = true;
	if (skew > SKEW_MAX || skew < -SKEW_MAX)
		log_warn("clocks differ peer=%s seconds=%lld", ln->peer->name,
		    (long long)skew);
	log_info("session up peer=%s by=%s", ln->peer->name,
	    ln->dialled ? "us" : "peer");
	broker_alive(r, ln->peer);
	if (ln->dialled)
		ln->peer->child_up = true;
	settle_pair(r->broker, ln);
	if (ln->leaving)
		return;
	intake_ask(ln);
	offer_begin(ln);
	receipts_tell(ln);
}

/* agamid-receive has no log of its own. */
static void
take_note(const struct proto_msg *m)
{
	if (strcmp(m->word, "error") == 0)
		log_error("%s", m->text);
	else if (strcmp(m->word, "warn") == 0)
		log_warn("%s", m->text);
	else
		log_info("%s", m->text);
}

static void
dispatch(struct link *ln, const struct proto_msg *m)
{
	log_debug("heard peer=%s session=%llu verb=%s id=%s", ln->peer->name,
	    (unsigned long long)ln->number, proto_verb_name(m->verb), m->id);
	switch (m->verb) {
	case PROTO_HELLO:
		link_up(ln, m);
		return;
	case PROTO_OFFER:
		intake_offered(ln, m);
		return;
	case PROTO_ARRIVED:
		arrival_told(ln, m->id, m->size);
		return;
	case PROTO_FAILED:
		expect_failed(ln, m->id);
		return;
	case PROTO_MINE:
		offer_again(ln);
		return;
	case PROTO_RECEIPT:
		receipts_heard(ln, m->payload, m->payload_len);
		return;
	case PROTO_NOTED:
		receipts_noted(ln);
		return;
	case PROTO_NOTE:
		take_note(m);
		return;
	case PROTO_WANT:
	case PROTO_HAVE:
	case PROTO_WAIT:
	case PROTO_STORED:
	case PROTO_REFUSED:
	case PROTO_DELIVERED:
		offer_answered(ln, m);
		return;
	default:
		log_warn("a session says what it may not peer=%s verb=%s",
		    ln->peer->name, proto_verb_name(m->verb));
		link_end(ln, "unexpected message");
	}
}

static void
link_message(struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	struct link *ln = ctx;
	struct proto_msg m;
	size_t at = 0, used;

	(void)c;
	if (fd >= 0)
		close(fd);
	ln->worked = relayd_clock();
	while (at < len) {
		if (proto_parse(data + at, len - at, false, &m, &used) < 0) {
			link_end(ln, "malformed message");
			return;
		}
		if (!ln->up && m.verb != PROTO_HELLO && m.verb != PROTO_NOTE) {
			link_end(ln, "no hello came");
			return;
		}
		dispatch(ln, &m);
		at += used;
	}
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
	arrival_link_gone(ln);
	expect_pass_on(ln);
	receipts_link_gone(ln);
	free(ln);
	/* What it had in hand is offered anew by the one that remains. */
	ln = broker_best(r->broker, p);
	if (ln != NULL)
		offer_begin(ln);
}

static const struct client_calls link_calls = {link_message, link_gone};

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
	if (!session && sock_peer_is(client_fd(c), USER_RELAY)) {
		control_command(b->r, c, data);
		client_finish(c);
		return;
	}
	log_warn("refused a client of relay.sock");
	refuse(c, "not allowed");
}

static const struct client_calls stranger_calls = {
    stranger_message, stranger_gone};

static void
on_accept(evutil_socket_t listening, short what, void *ctx)
{
	struct broker *b = ctx;
	int fd;

	(void)what;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (b->clients >= CLIENTS_MAX) {
		close(fd);
		return;
	}
	if (client_new(b->r->base, fd, &stranger_calls, b) != NULL)
		b->clients++;
}

/* All sessions ------------------------------------------------------------ */

void
broker_probe(struct broker *b)
{
	struct proto_msg m = {.verb = PROTO_PROBE};
	struct link *ln;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->up && !ln->leaving)
			link_send(ln, &m, -1);
	}
}

static bool
is_busy(const struct link *ln)
{
	return ln->offer_count > 0 || ln->wants > 0 || ln->told_count > 0;
}

/* Nobody can dial this node: a session is how mail comes home. */
static bool
must_stay(struct relayd *r)
{
	const struct network *net = relayd_network(r);
	const struct manifest *self = net == NULL ? NULL : network_self(net);

	return self != NULL && self->address_count == 0 &&
	    self->dynamic == NULL;
}

void
broker_tidy(struct broker *b)
{
	int64_t idle = (int64_t)b->r->conf->idle * 1000;
	int64_t now = relayd_clock();
	struct link *ln;

	if (must_stay(b->r))
		return;
	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->dialled && ln->up && !ln->leaving && !is_busy(ln) &&
		    now - ln->worked >= idle)
			link_end(ln, "idle");
	}
}

void
broker_yield(struct broker *b)
{
	int64_t now = relayd_clock();
	struct link *ln, *oldest = NULL;

	TAILQ_FOREACH (ln, &b->links, next) {
		if (ln->dialled && ln->up && !ln->leaving && !is_busy(ln) &&
		    now - ln->worked >= YIELD_MS &&
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
