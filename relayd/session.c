/* SPDX-License-Identifier: MIT */
/*
 * session - the engine of a relay session. See session.h.
 *
 * One loop over three descriptors. Reading never waits for writing: what
 * is to be written lies in session_out. Lines of the peer go on to
 * relayd, and relayd's to the peer, in the same grammar (proto.h); here
 * are only the hello, bundles, ping, and the ends.
 *
 * SECURITY: the first code that sees a peer's bytes. It may write
 * incoming/PEER/ and tmp/ and talk to relayd, which believes none of it
 * unchecked. All that a peer can make this process do is end.
 */
#include "relayd/session.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/error.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "mail/spool.h"
#include "relayd/session_engine.h"
#include "relayd/session_out.h"
#include "relayd/session_recv.h"

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Received bundles ----------------------------------------------------- */

static void
report(struct session *s)
{
	session_tell(s, &s->report);
	buf_reset(&s->report);
}

/* session_recv_fn */
static void
on_received(const char *id, uint64_t size, const char *error, void *ctx)
{
	struct session *s = ctx;
	struct proto_msg m = {.verb = PROTO_ARRIVED, .size = size};

	if (s->report.len + PROTO_LINE_MAX > s->report.max)
		report(s);
	if (error == NULL) {
		memcpy(m.id, id, sizeof(m.id));
		proto_write(&m, &s->report);
		return;
	}
	/* SPEC: said at once; relayd may ask another holder. */
	buf_reset(&s->lines);
	if (proto_put_text(&s->lines, PROTO_REFUSED, id, error) == 0)
		session_say(s, &s->lines);
	proto_put_text(&s->report, PROTO_FAILED, id, error);
	log_warn("refused a bundle peer=%s id=%s error=\"%s\"", s->setup->peer,
	    id, error);
}

static void
commit(struct session *s)
{
	session_recv_commit(s->recv);
	report(s);
	s->group = 0;
}

/* SPEC: only what was asked for may come. */
static void
begin_bundle(struct session *s, const struct proto_msg *m)
{
	const struct wanted *w = *session_wanted(s, m->id);

	if (w == NULL || w->size != m->size) {
		session_offend(s, "bundle was not asked for: %s", m->id);
		return;
	}
	session_unwant(s, m->id);
	session_recv_begin(s->recv, m->id, m->size);
}

/* The peer -------------------------------------------------------------- */

/* A bundle of ours was stored or refused. */
static void
settle(struct session *s, const char *id)
{
	unsigned i;

	for (i = 0; i < s->sent_count; i++) {
		if (strcmp(s->sent[i].id, id) != 0)
			continue;
		s->sent[i] = s->sent[--s->sent_count];
		return;
	}
}

/* SPEC */
static void
take_hello(struct session *s, const struct proto_msg *m)
{
	if (strcmp(m->node, s->setup->peer) != 0) {
		session_offend(s, "expected node %s", s->setup->peer);
		return;
	}
	if (strcmp(m->network, s->setup->network) != 0) {
		session_offend(s, "expected network %s", s->setup->network);
		return;
	}
	/* SPEC; none is as old as that yet. */
	if (m->version < PROTO_VERSION_MIN) {
		session_offend(
		    s, "version %u is not spoken any more", m->version);
		return;
	}
	s->hello = true;
	session_pass_on(s, m);
}

static void
answer_unknown(struct session *s, const struct proto_msg *m)
{
	struct proto_msg reply = {.verb = PROTO_UNKNOWN};

	memcpy(reply.word, m->word, sizeof(reply.word));
	buf_reset(&s->lines);
	if (proto_write(&reply, &s->lines) == 0)
		session_say(s, &s->lines);
}

static void
from_peer(struct session *s, const struct proto_msg *m)
{
	switch (m->verb) {
	case PROTO_REFUSED:
		session_unwant(s, m->id);
		settle(s, m->id);
		session_pass_on(s, m);
		return;
	case PROTO_STORED:
		settle(s, m->id);
		session_pass_on(s, m);
		return;
	case PROTO_WANT:
		session_pass_on(s, m);
		return;
	case PROTO_BUNDLE:
		begin_bundle(s, m);
		return;
	case PROTO_PING:
		session_say_verb(s, PROTO_PONG);
		return;
	case PROTO_PONG:
		session_alive(s);
		return;
	case PROTO_BYE:
		session_end(
		    s, 0, "peer: %s", m->text[0] == '\0' ? "bye" : m->text);
		return;
	case PROTO_UNKNOWN:
		log_info("the peer does not know a verb peer=%s verb=%s",
		    s->setup->peer, m->word);
		return;
	case PROTO_HELLO:
		session_offend(s, "a second hello");
		return;
	default:
		if (proto_is_carried(m->verb))
			session_pass_on(s, m);
		else
			answer_unknown(s, m);
	}
}

/* SPEC: the line that broke the rule is named. */
static void
malformed(struct session *s, const char *data, size_t len)
{
	char line[64];
	size_t i;

	for (i = 0; i < len && i < sizeof(line) - 1 && data[i] != '\n'; i++)
		line[i] = data[i] < 0x20 || data[i] > 0x7e ? '?' : data[i];
	line[i] = '\0';
	session_offend(s, "malformed line: %s", line);
}

/* One message or piece of a bundle; the bytes taken, 0 if more must come. */
static size_t
take(struct session *s, const char *data, size_t len)
{
	struct proto_msg m;
	size_t used;
	int rc;

	if (session_recv_busy(s->recv)) {
		used = session_recv_feed(s->recv, data, len);
		if (session_recv_waiting(s->recv) > 0 && s->group == 0)
			s->group = s->now;
		return used;
	}
	rc = proto_parse(data, len, true, &m, &used);
	if (rc == AG_EAGAIN)
		return 0;
	if (rc < 0)
		malformed(s, data, len);
	else if (s->hello)
		from_peer(s, &m);
	else if (m.verb == PROTO_HELLO)
		take_hello(s, &m);
	else
		malformed(s, data, len);
	return used;
}

static void
read_peer(struct session *s)
{
	size_t at = 0, used = 1;
	ssize_t n;

	n = read(s->setup->in_fd, s->in + s->in_len, IN_MAX - s->in_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		session_end(s, AG_EIO, "the peer has gone");
		return;
	}
	s->heard = s->now;
	s->pinged = 0;
	s->in_len += (size_t)n;
	while (at < s->in_len && used > 0 && !s->over) {
		used = take(s, s->in + at, s->in_len - at);
		at += used;
	}
	memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
}

static void
write_peer(struct session *s)
{
	size_t wrote;

	if (session_out_write(s->out, s->setup->out_fd, &wrote) < 0)
		session_end(s, AG_EIO, "can't write to the peer");
	if (wrote > 0)
		s->wrote = s->now;
}

/* Time ------------------------------------------------------------------ */

static bool
is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* A group is closed when nothing more comes at once, or it is full, or
 * its first bundle has waited long enough. */
static void
commit_group(struct session *s)
{
	if (session_recv_waiting(s->recv) == 0) {
		report(s); /* of refusals */
		return;
	}
	if (session_recv_waiting(s->recv) < GROUP_MAX &&
	    s->now - s->group < GROUP_MS && !s->over &&
	    is_readable(s->setup->in_fd))
		return;
	commit(s);
}

static void
mind_the_time(struct session *s)
{
	int64_t last = s->heard > s->wrote ? s->heard : s->wrote;
	int64_t stuck =
	    s->pinged > 0 && s->patience < STUCK_MS && s->sent_count == 0
	    ? s->patience
	    : STUCK_MS;

	if (!s->hello && s->now - s->began >= HELLO_MS)
		session_end(s, AG_EAGAIN, "no hello came");
	else if (!session_out_empty(s->out) && s->now - s->wrote >= stuck)
		session_end(s, AG_EAGAIN, "the peer does not read");
	else if (s->pinged > 0 && session_out_empty(s->out) &&
	    s->now - s->pinged >= s->patience)
		session_end(s, AG_EAGAIN, "the peer does not answer");
	else if (s->hello && s->pinged == 0 && s->now - last >= SILENT_MS)
		session_ping(s, ANSWER_MS);
}

static int
next_timeout(const struct session *s)
{
	if (session_recv_waiting(s->recv) > 0)
		return GROUP_MS;
	return s->pinged > 0 || !session_out_empty(s->out) || !s->hello
	    ? 1000
	    : SILENT_MS / 4;
}

/* The loop --------------------------------------------------------------- */

static void
turn(struct session *s)
{
	struct pollfd p[3] = {
	    {.fd = s->setup->in_fd, .events = POLLIN},
	    {.fd = s->setup->broker_fd, .events = POLLIN},
	    {.fd = session_out_empty(s->out) ? -1 : s->setup->out_fd,
		.events = POLLOUT},
	};

	if (poll(p, 3, next_timeout(s)) < 0 && errno != EINTR) {
		session_end(s, AG_EIO, "poll: %s", strerror(errno));
		return;
	}
	s->now = clock_ms();
	if (p[1].revents != 0)
		session_read_relayd(s);
	if (p[0].revents != 0 && !s->over)
		read_peer(s);
	if (p[2].revents != 0)
		write_peer(s);
	commit_group(s);
	mind_the_time(s);
}

/* What is queued may still go out, for a moment. */
static void
last_words(struct session *s)
{
	struct pollfd p = {.fd = s->setup->out_fd, .events = POLLOUT};
	size_t wrote;

	while (!session_out_empty(s->out) && clock_ms() - s->ended < BYE_MS) {
		if (poll(&p, 1, 1000) < 0 && errno != EINTR)
			return;
		if (session_out_write(s->out, s->setup->out_fd, &wrote) < 0)
			return;
	}
}

static void
introduce(struct session *s)
{
	struct proto_msg m = {.verb = PROTO_SESSION};

	snprintf(m.node, sizeof(m.node), "%s", s->setup->peer);
	snprintf(m.word, sizeof(m.word), "%s",
	    s->setup->dialled ? "dialled" : "accepted");
	session_pass_on(s, &m);
	m.verb = PROTO_HELLO;
	m.version = PROTO_VERSION;
	m.time = (int64_t)time(NULL);
	snprintf(m.node, sizeof(m.node), "%s", s->setup->node);
	snprintf(m.network, sizeof(m.network), "%s", s->setup->network);
	buf_reset(&s->lines);
	if (proto_write(&m, &s->lines) == 0)
		session_say(s, &s->lines);
	else
		session_end(s, AG_EINVAL, "own name or network is unusable");
}

static int
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return AG_EIO;
	return 0;
}

static void
session_free(struct session *s)
{
	struct wanted *w;

	while ((w = s->wanted) != NULL) {
		s->wanted = w->next;
		free(w);
	}
	session_recv_free(&s->recv);
	session_out_free(&s->out);
	buf_free(&s->lines);
	buf_free(&s->report);
	free(s);
}

static struct session *
session_new(const struct session_setup *setup)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->setup = setup;
	buf_init(&s->lines, PROTO_MESSAGE_MAX);
	buf_init(&s->report, SOCK_MESSAGE_MAX);
	s->out = session_out_new();
	s->recv = session_recv_new(
	    setup->tmp_dir, setup->incoming_dir, on_received, s);
	if (s->out == NULL || s->recv == NULL) {
		session_free(s);
		return NULL;
	}
	s->now = s->began = s->heard = s->wrote = clock_ms();
	return s;
}

int
session_run(const struct session_setup *setup)
{
	struct session *s;
	int rc;

	if (set_nonblocking(setup->in_fd) < 0 ||
	    set_nonblocking(setup->out_fd) < 0)
		return AG_EIO;
	signal(SIGPIPE, SIG_IGN);
	s = session_new(setup);
	if (s == NULL)
		return AG_ENOMEM;
	introduce(s);
	while (!s->over)
		turn(s);
	commit_group(s);
	last_words(s);
	rc = s->rc;
	if (rc == 0)
		log_info(
		    "session ended peer=%s error=\"%s\"", setup->peer, s->why);
	else
		log_warn("session broke off peer=%s error=\"%s\"", setup->peer,
		    s->why);
	session_free(s);
	return rc;
}

int
session_broker(const char *run_dir, struct error *error_r)
{
	char *path = xasprintf("%s/relayd/relay.sock", run_dir);
	int fd = sock_connect(path, SOCK_SEQPACKET, error_r);

	free(path);
	return fd;
}
