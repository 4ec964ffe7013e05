/* SPDX-License-Identifier: MIT */
/*
 * server - agamid-deliver's socket. See server.h.
 *
 * A client that asks faster than mail is delivered is not read from until
 * there is room again; one that doesn't read its answers is cut off. What
 * became of a bundle is in the ledger, so an answer that reaches nobody is
 * given again when it is asked for again.
 *
 * SECURITY: relayd and root alone may ask, and agamid-seal for marks.
 * relayd gets no plaintext back: outcomes, and receipts over what this
 * process itself knows.
 */
#include "deliver/server.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deliver/mark.h"
#include "deliver/pool.h"
#include "deliver/receipts.h"
#include "deliver/schedule.h"
#include "util/clock.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"

#define CLIENTS_MAX 24
#define MARKERS_MAX 12 /* of them */
#define PENDING_MAX 16 /* of one client */

struct client {
	int fd; /* -1: free */
	uint64_t number; /* unlike any before */
	unsigned pending; /* jobs whose answers it waits for */
	bool trusted; /* root or this user: may ask for `again`, `trace` */
	bool marks; /* agamid-seal: may ask for `mark`, and nothing else */
};

struct server {
	const struct home *home;
	struct pool *pool;
	int listener, signals;
	struct client clients[CLIENTS_MAX];
	uint64_t next_number;
	struct schedule schedule;
	int64_t stop_at; /* monotonic milliseconds; 0: not stopping */
	char message[SOCK_MESSAGE_MAX];
	struct request request;
};

/* ---- clients ---- */

static void
client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void
client_send(struct client *c, const struct buf *b)
{
	int rc;

	if (fault_point("deliver.reply"))
		rc = AG_EIO;
	else
		rc = sock_send(c->fd, b->data, b->len, -1);
	if (rc < 0) {
		log_warn(
		    "client cut off error=\"can't send: %s\"", error_name(rc));
		client_close(c);
		return;
	}
	fault_after("deliver.reply");
}

static struct client *
client_find(struct server *s, uint64_t number)
{
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		if (s->clients[i].fd >= 0 && s->clients[i].number == number)
			return &s->clients[i];
	}
	return NULL;
}

static unsigned
server_markers(const struct server *s)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++)
		n += s->clients[i].fd >= 0 && s->clients[i].marks;
	return n;
}

/* What the one at the other end is to us; false: nothing. */
static bool
client_judge(const struct server *s, struct client *c, uid_t uid)
{
	c->trusted = uid == 0 || uid == geteuid();
	c->marks = !c->trusted && sock_peer_is(c->fd, USER_MILTER);
	if (c->marks)
		return server_markers(s) <= MARKERS_MAX;
	return c->trusted || sock_peer_is(c->fd, USER_RELAY);
}

static void
server_accept(struct server *s)
{
	struct client *c = NULL;
	uid_t uid = (uid_t)-1;
	size_t i;
	int fd;

	fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (i = 0; c == NULL && i < CLIENTS_MAX; i++) {
		if (s->clients[i].fd < 0)
			c = &s->clients[i];
	}
	if (c == NULL) {
		log_warn("client refused error=\"too many\"");
		close(fd);
		return;
	}
	c->fd = fd;
	c->number = ++s->next_number;
	c->pending = 0;
	if (sock_peer_uid(fd, &uid) < 0 || !client_judge(s, c, uid)) {
		log_warn("client refused uid=%ld error=\"%s\"", (long)uid,
		    c->marks ? "too many" : "not for this user");
		client_close(c);
	}
}

static void
client_answer(
    struct client *c, enum outcome outcome, const char *id, const char *text)
{
	struct buf b;

	buf_init(&b, SOCK_MESSAGE_MAX);
	if (outcome_write(outcome, id, text, &b) == 0)
		client_send(c, &b);
	buf_free(&b);
}

/* ---- jobs ---- */

static void
job_free(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}

/* A new job at the end of the queue; takes over the descriptor. */
static int
server_queue(
    struct server *s, const struct client *c, const struct request *r, int fd)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		if (fd >= 0)
			close(fd);
		return AG_ENOMEM;
	}
	j->client = c->number;
	j->fd = fd;
	j->kind = r->kind;
	j->stage = r->stage;
	j->since = r->since;
	j->again = r->kind == REQUEST_AGAIN;
	j->receipted = r->kind == REQUEST_RECEIPTED;
	memcpy(j->id, r->ids[0], sizeof(j->id));
	schedule_add(&s->schedule, j);
	return 0;
}

static double
server_load(void)
{
	double load;

	return getloadavg(&load, 1) == 1 ? load : -1;
}

/* Start what may run now. */
static void
server_start_jobs(struct server *s)
{
	struct job *j;

	while (s->stop_at == 0 &&
	    (j = schedule_next(&s->schedule, server_load(), clock_ms())) !=
		NULL)
		pool_put(s->pool, j);
}

static void
server_end_job(struct server *s, struct job *j)
{
	struct client *c = client_find(s, j->client);

	if (!schedule_end(&s->schedule, j, clock_ms()))
		return;
	if (j->outcome == OUTCOME_RETRY && !request_is_notice(j->kind))
		log_info("retry id=%s error=\"%s\"", j->id, j->text);
	if (c != NULL) {
		c->pending--;
		client_answer(c, j->outcome, j->id, j->text);
	}
	job_free(j);
}

static void
server_end_jobs(struct server *s)
{
	struct job *j;

	while ((j = pool_take(s->pool)) != NULL)
		server_end_job(s, j);
}

/* ---- requests ---- */

/* Takes over the descriptor. */
static void
server_deliver(struct server *s, struct client *c, int fd)
{
	const struct request *r = &s->request;
	bool bare = r->kind == REQUEST_CONFIRM || r->kind == REQUEST_AWAY;

	if (fd < 0 && !bare) {
		client_answer(
		    c, OUTCOME_INVALID, r->ids[0], "no descriptor came");
		return;
	}
	if (schedule_has(&s->schedule, r->ids[0])) {
		if (fd >= 0)
			close(fd);
		client_answer(c, OUTCOME_RETRY, r->ids[0],
		    "it is being delivered already");
		return;
	}
	if (server_queue(s, c, r, fd) < 0)
		client_answer(c, OUTCOME_RETRY, r->ids[0], "no memory");
	else
		c->pending++;
}

static void
server_sign(struct server *s, struct client *c)
{
	struct network *net;
	struct error error;
	struct buf b;
	int rc;

	buf_init(&b, SOCK_MESSAGE_MAX);
	net = network_current(s->home->networks, &error);
	if (net == NULL) {
		log_error("no receipt error=\"%s\"", error.text);
		buf_puts(&b, "none\n");
	} else {
		secrets_follow(s->home->secrets, s->home->conf->secret_dir,
		    &network_self(net)->receipt_key);
		rc = receipts_answer(s->home->ledger, s->home->signs,
		    network_self(net), &s->home->secrets->receipt, &s->request,
		    (int64_t)time(NULL), &b);
		if (rc < 0) {
			log_error("no receipt error=\"%s\"", error_name(rc));
			buf_reset(&b);
			buf_puts(&b, "none\n");
		}
	}
	client_send(c, &b);
	network_unref(&net);
	buf_free(&b);
}

/* What the ledger knows: its name on the first line. */
static void
server_tell(struct server *s, struct client *c)
{
	struct ledger *l = s->home->ledger;
	struct buf b;
	int rc;

	buf_init(&b, SOCK_MESSAGE_MAX - 1);
	switch (s->request.kind) {
	case REQUEST_TOTALS:
		buf_puts(&b, "totals\n");
		rc = ledger_totals(l, &b);
		break;
	case REQUEST_DRILL:
		buf_puts(&b, "drill\n");
		rc = ledger_drill(l, s->request.ids[0], &b);
		break;
	case REQUEST_TRACE:
		buf_puts(&b, "trace\n");
		rc = ledger_trace(l, s->request.ids[0], &b);
		break;
	default:
		buf_puts(&b, "list\n");
		rc = ledger_list(l, &b);
		break;
	}
	if (rc < 0)
		client_close(c);
	else
		client_send(c, &b);
	buf_free(&b);
}

/* The mark for what agamid-seal has sealed. */
static void
server_mark(struct server *s, struct client *c)
{
	const struct request *r = &s->request;
	struct network *net;
	struct error error = {""};
	struct buf b;
	int rc;

	buf_init(&b, SOCK_MESSAGE_MAX);
	buf_puts(&b, "mark\n");
	net = network_current(s->home->networks, &error);
	rc = net == NULL ? AG_EIO
			 : mark_at_home(r->mailbox, r->ids[0],
			       network_self(net), s->home->secrets, &b);
	if (rc < 0) {
		log_warn("no mark mailbox=%s error=\"%s\"", r->mailbox,
		    net == NULL ? error.text : error_name(rc));
		buf_reset(&b);
		buf_puts(&b, rc == AG_ENOENT ? "none\n" : "later\n");
	}
	client_send(c, &b);
	network_unref(&net);
	buf_free(&b);
}

/* What tells of recipients, or opens what was put aside, is not relayd's;
 * agamid-seal gets marks, and nothing else. */
static bool
client_may(const struct client *c, enum request_kind kind)
{
	if (c->trusted)
		return true;
	if (c->marks)
		return kind == REQUEST_MARK;
	return kind != REQUEST_AGAIN && kind != REQUEST_TRACE &&
	    kind != REQUEST_MARK;
}

/* Is it for a worker? */
static bool
request_is_job(enum request_kind kind)
{
	return kind == REQUEST_DELIVER || kind == REQUEST_RECEIPTED ||
	    kind == REQUEST_AGAIN || request_is_notice(kind);
}

/* One request; takes over the descriptor (-1: none). */
static void
server_request(struct server *s, struct client *c, size_t len, int fd)
{
	enum request_kind kind;

	if (request_parse(s->message, len, &s->request) < 0 ||
	    !client_may(c, s->request.kind)) {
		log_warn("client cut off error=\"%s\"", "no such request");
		client_close(c);
		if (fd >= 0)
			close(fd);
		return;
	}
	kind = s->request.kind;
	if (request_is_job(kind)) {
		server_deliver(s, c, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (kind == REQUEST_SIGN)
		server_sign(s, c);
	else if (kind == REQUEST_MARK)
		server_mark(s, c);
	else
		server_tell(s, c);
}

static void
server_read(struct server *s, struct client *c)
{
	ssize_t n;
	int fd;

	n = sock_recv(c->fd, s->message, sizeof(s->message), &fd);
	if (n == AG_EAGAIN)
		return;
	if (n > 0) {
		server_request(s, c, (size_t)n, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	client_close(c);
}

/* ---- the loop ---- */

static void
server_signal(struct server *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info) ||
	    info.ssi_signo == SIGHUP || s->stop_at != 0)
		return;
	log_info("stopping running=%u", s->schedule.running_count);
	s->stop_at = clock_ms() + STOP_SECONDS * 1000;
}

/* How long to wait at most; -1: until something comes. */
static int
server_timeout(const struct server *s)
{
	int64_t left;

	if (s->stop_at != 0) {
		left = s->stop_at - clock_ms();
		return left > 0 ? (int)left : 0;
	}
	return schedule_wait(&s->schedule, clock_ms());
}

enum { POLL_LISTENER, POLL_SIGNALS, POLL_POOL, POLL_CLIENTS };

static int
server_poll(struct server *s, struct pollfd *p)
{
	const struct client *c;
	size_t i;

	p[POLL_LISTENER].fd = s->stop_at == 0 ? s->listener : -1;
	p[POLL_SIGNALS].fd = s->signals;
	p[POLL_POOL].fd = pool_fd(s->pool);
	for (i = 0; i < CLIENTS_MAX; i++) {
		c = &s->clients[i];
		p[POLL_CLIENTS + i].fd =
		    s->stop_at == 0 && c->pending < PENDING_MAX ? c->fd : -1;
	}
	for (i = 0; i < POLL_CLIENTS + CLIENTS_MAX; i++)
		p[i].events = POLLIN;
	return poll(p, POLL_CLIENTS + CLIENTS_MAX, server_timeout(s));
}

/* One round; false when it is time to go. */
static bool
server_round(struct server *s)
{
	struct pollfd p[POLL_CLIENTS + CLIENTS_MAX];
	size_t i;

	if (s->stop_at != 0 &&
	    (s->schedule.running_count == 0 || clock_ms() >= s->stop_at))
		return false;
	if (server_poll(s, p) < 0)
		return errno == EINTR;
	if (p[POLL_SIGNALS].revents != 0)
		server_signal(s);
	if (p[POLL_POOL].revents != 0)
		server_end_jobs(s);
	for (i = 0; i < CLIENTS_MAX; i++) {
		if (p[POLL_CLIENTS + i].fd >= 0 &&
		    p[POLL_CLIENTS + i].revents != 0 &&
		    s->clients[i].fd == p[POLL_CLIENTS + i].fd)
			server_read(s, &s->clients[i]);
	}
	if (p[POLL_LISTENER].fd >= 0 && p[POLL_LISTENER].revents != 0)
		server_accept(s);
	server_start_jobs(s);
	return true;
}

static void
server_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void
server_hold_signals(void)
{
	sigset_t set;

	server_signals(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* no such error */
}

static int
server_signalfd(void)
{
	sigset_t set;

	server_signals(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct server *
server_new(const struct home *home, int listener)
{
	struct server *s = xcalloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t i;

	s->home = home;
	s->listener = listener;
	schedule_init(&s->schedule, home->conf->deliver_parallel,
	    cpus > 0 ? (unsigned)cpus : 1);
	for (i = 0; i < CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
	return s;
}

static void
server_free(struct server *s)
{
	struct job *j;
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		if (s->clients[i].fd >= 0)
			client_close(&s->clients[i]);
	}
	while ((j = schedule_drop(&s->schedule)) != NULL)
		job_free(j);
	if (s->signals >= 0)
		close(s->signals);
	free(s);
}

int
server_run(const struct home *home, int listener, struct error *error_r)
{
	struct server *s = server_new(home, listener);
	int rc;

	s->signals = server_signalfd();
	if (s->signals < 0)
		rc = error_set_errno(error_r, AG_EIO, "signals");
	else
		rc = pool_new(home, s->schedule.parallel, &s->pool, error_r);
	while (rc == 0 && server_round(s))
		continue;
	if (rc == 0 && s->schedule.running_count > 0) {
		/* As if killed: what runs is safe, but can't be waited for. */
		log_warn("stopped running=%u", s->schedule.running_count);
		_exit(0);
	}
	pool_free(&s->pool);
	server_free(s);
	return rc;
}
