/* SPDX-License-Identifier: MIT */
/*
 * session_talk - what a session says to its peer and to relayd, and what
 * relayd has it say. See session_engine.h.
 */
#include "relayd/session_engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/sock.h"
#include "mail/spool.h"
#include "relayd/session_out.h"

/* Ends ---------------------------------------------------------------- */

/* The session is over; the first reason counts. */
void
session_end(struct session *s, int rc, const char *fmt, ...)
{
	va_list ap;

	if (s->over)
		return;
	s->over = true;
	s->rc = rc;
	s->ended = s->now;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

void
session_say(struct session *s, const struct buf *text)
{
	if (text->len == 0)
		return;
	if (session_out_empty(s->out))
		s->wrote = s->now; /* the wait for the peer begins now */
	if (session_out_text(s->out, text->data, text->len) < 0)
		session_end(s, AG_EIO, "the peer does not read");
}

void
session_say_verb(struct session *s, enum proto_verb verb)
{
	buf_reset(&s->lines);
	if (proto_put(&s->lines, verb) == 0)
		session_say(s, &s->lines);
}

/* The peer broke a rule: tell it which, then end. */
void
session_offend(struct session *s, const char *fmt, ...)
{
	char text[PROTO_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_reset(&s->lines);
	if (proto_put_text(&s->lines, PROTO_BYE, NULL, text) == 0)
		session_say(s, &s->lines);
	session_end(s, AG_EINVAL, "%s", text);
}

/* relayd -------------------------------------------------------------- */

/* relayd always reads, so that waiting here is short. */
void
session_tell(struct session *s, const struct buf *text)
{
	if (text->len == 0)
		return;
	if (fault_point("relay.tell") ||
	    sock_send(s->setup->broker_fd, text->data, text->len, -1) < 0)
		session_end(s, AG_EIO, "relayd has gone");
	fault_after("relay.tell");
}

void
session_pass_on(struct session *s, const struct proto_msg *m)
{
	buf_reset(&s->lines);
	if (proto_write(m, &s->lines) == 0)
		session_tell(s, &s->lines);
}

/* Where a wanted bundle is in the list; its end, where the list has none. */
struct wanted **
session_wanted(struct session *s, const char *id)
{
	struct wanted **at = &s->wanted;

	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

void
session_unwant(struct session *s, const char *id)
{
	struct wanted **at = session_wanted(s, id), *w = *at;

	if (w == NULL)
		return;
	*at = w->next;
	free(w);
}

static void
want(struct session *s, const struct proto_msg *m)
{
	struct wanted **at = session_wanted(s, m->id);

	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL) {
			session_end(s, AG_ENOMEM, "out of memory");
			return;
		}
		memcpy((*at)->id, m->id, sizeof((*at)->id));
	}
	(*at)->size = m->size;
	buf_reset(&s->lines);
	if (proto_put_id(&s->lines, PROTO_WANT, m->id) == 0)
		session_say(s, &s->lines);
}

/* The bundle's file goes out behind its line. */
static void
send_bundle(struct session *s, const struct proto_msg *m, int fd)
{
	if (fd < 0 || s->sent_count == SENT_MAX) {
		if (fd >= 0)
			close(fd);
		session_end(s, AG_EINVAL, "relayd sent a bundle wrongly");
		return;
	}
	buf_reset(&s->lines);
	if (proto_write(m, &s->lines) == 0)
		session_say(s, &s->lines);
	if (session_out_file(s->out, fd, m->size + SPOOL_HEAD) < 0)
		session_end(s, AG_ENOMEM, "out of memory");
	memcpy(s->sent[s->sent_count].id, m->id, sizeof(m->id));
	s->sent[s->sent_count++].size = m->size;
}

void
session_ping(struct session *s, int64_t patience)
{
	uint64_t unacked = 0;
	unsigned i;

	for (i = 0; i < s->sent_count; i++)
		unacked += s->sent[i].size;
	if (unacked > UNACKED_MAX)
		unacked = UNACKED_MAX;
	session_say_verb(s, PROTO_PING);
	s->pinged = s->now;
	s->patience = patience + (int64_t)(unacked * 1000 / SLOWEST);
}

void
session_alive(struct session *s)
{
	struct proto_msg m = {.verb = PROTO_ALIVE};

	if (s->probed)
		session_pass_on(s, &m);
	s->probed = false;
}

/* To the peer, as relayd said it. */
static void
say_on(struct session *s, const struct proto_msg *m)
{
	buf_reset(&s->lines);
	if (proto_write(m, &s->lines) == 0)
		session_say(s, &s->lines);
}

static void
from_relayd(struct session *s, const struct proto_msg *m, int fd)
{
	switch (m->verb) {
	case PROTO_ACCEPT:
		want(s, m);
		return;
	case PROTO_BUNDLE:
		send_bundle(s, m, fd);
		return;
	case PROTO_ALIVE:
		s->probed = true;
		session_ping(s, PROBE_MS);
		return;
	case PROTO_REFUSED:
	case PROTO_STORED:
		say_on(s, m);
		return;
	case PROTO_BYE:
		say_on(s, m);
		session_end(s, 0, "%s", m->text);
		return;
	default:
		if (proto_is_carried(m->verb)) {
			say_on(s, m);
			return;
		}
		session_end(
		    s, AG_EINVAL, "relayd said %s", proto_verb_name(m->verb));
	}
}

/* One packet: one or more messages; a descriptor is for the first. */
void
session_read_relayd(struct session *s)
{
	static char data[SOCK_MESSAGE_MAX + 1];
	struct proto_msg m;
	size_t at = 0, used;
	ssize_t n;
	int fd;

	n = sock_recv(s->setup->broker_fd, data, sizeof(data), &fd);
	if (n == AG_EAGAIN)
		return;
	if (n <= 0) {
		session_end(s, AG_EIO, "relayd has gone");
		return;
	}
	while (at < (size_t)n && !s->over) {
		if (proto_parse(data + at, (size_t)n - at, false, &m, &used) <
		    0) {
			session_end(
			    s, AG_EINVAL, "relayd sent a malformed message");
			break;
		}
		from_relayd(s, &m, fd);
		if (m.verb == PROTO_BUNDLE)
			fd = -1;
		at += used;
	}
	if (fd >= 0)
		close(fd);
}
