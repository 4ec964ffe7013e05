/* SPDX-License-Identifier: MIT */
/*
 * client - SEQPACKET connections in relayd's loop. See client.h.
 *
 * Freeing is put off to the loop's next turn, so that a callback may end
 * its own client.
 */
#include "relayd/client.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/error.h"
#include "util/log.h"
#include "util/sock.h"

#define QUEUE_MAX (4 * 1024 * 1024)
#define TURN_MAX 64 /* messages before others have their turn */

struct packet {
	STAILQ_ENTRY(packet) next;
	int fd;
	size_t len;
	char data[];
};

struct client {
	const struct client_calls *calls;
	void *ctx;
	int fd;
	struct event *readable, *writable, *reap;
	STAILQ_HEAD(, packet) queue;
	size_t queued;
	bool finishing, dead;
	client_source_fn *source; /* NULL: none */
	void (*source_free)(void *ctx);
	void *source_ctx;
};

static void
drop_packet(struct client *c)
{
	struct packet *p = STAILQ_FIRST(&c->queue);

	STAILQ_REMOVE_HEAD(&c->queue, next);
	c->queued -= p->len;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void
end_source(struct client *c)
{
	if (c->source == NULL)
		return;
	c->source = NULL;
	c->source_free(c->source_ctx);
}

static void
on_reap(evutil_socket_t fd, short what, void *ctx)
{
	struct client *c = ctx;

	(void)fd;
	(void)what;
	end_source(c);
	while (!STAILQ_EMPTY(&c->queue))
		drop_packet(c);
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->reap != NULL)
		event_free(c->reap);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* No events from now on; freed in the loop's next turn. */
static void
bury(struct client *c)
{
	if (c->dead)
		return;
	c->dead = true;
	end_source(c);
	event_del(c->readable);
	event_del(c->writable);
	close(c->fd);
	c->fd = -1;
	event_active(c->reap, 0, 0);
}

static void
lose(struct client *c)
{
	if (c->dead)
		return;
	bury(c);
	if (c->calls != NULL)
		c->calls->gone(c, c->ctx);
}

/* False when it can't go on now, or has gone. */
static bool
send_queue(struct client *c)
{
	struct packet *p;
	int rc;

	while ((p = STAILQ_FIRST(&c->queue)) != NULL) {
		rc = sock_send(c->fd, p->data, p->len, p->fd);
		if (rc == AG_EAGAIN)
			return false;
		if (rc < 0) {
			lose(c);
			return false;
		}
		drop_packet(c);
	}
	return true;
}

static void
flush_queue(struct client *c)
{
	if (!send_queue(c))
		return;
	if (c->source != NULL) {
		/* One portion a turn of the loop: others have theirs. */
		if (!c->source(c, c->source_ctx))
			end_source(c);
		return;
	}
	event_del(c->writable);
	/* It is gone when it has closed its end, not before. */
	if (c->finishing)
		shutdown(c->fd, SHUT_WR);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	flush_queue(ctx);
}

static void
on_readable(evutil_socket_t sock, short what, void *ctx)
{
	static char data[SOCK_MESSAGE_MAX + 1];
	struct client *c = ctx;
	unsigned turns;
	ssize_t n;
	int fd;

	(void)what;
	for (turns = 0; turns < TURN_MAX && !c->dead; turns++) {
		n = sock_recv(sock, data, sizeof(data), &fd);
		if (n == AG_EAGAIN)
			return;
		if (n <= 0) {
			lose(c);
			return;
		}
		c->calls->message(c, data, (size_t)n, fd, c->ctx);
	}
}

struct client *
client_new(struct event_base *base, int fd, const struct client_calls *calls,
    void *ctx)
{
	struct client *c = calloc(1, sizeof(*c));
	int flags = fcntl(fd, F_GETFL);

	if (c == NULL || flags < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		close(fd);
		free(c);
		return NULL;
	}
	STAILQ_INIT(&c->queue);
	c->fd = fd;
	c->calls = calls;
	c->ctx = ctx;
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable =
	    event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->reap = event_new(base, -1, 0, on_reap, c);
	if (c->readable == NULL || c->writable == NULL || c->reap == NULL ||
	    event_add(c->readable, NULL) < 0) {
		on_reap(-1, 0, c);
		return NULL;
	}
	return c;
}

void
client_free(struct client **cp)
{
	struct client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->calls = NULL;
	bury(c);
}

void
client_ignore(struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	(void)c;
	(void)data;
	(void)len;
	(void)ctx;
	if (fd >= 0)
		close(fd);
}

void
client_set(struct client *c, const struct client_calls *calls, void *ctx)
{
	c->calls = calls;
	c->ctx = ctx;
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

void
client_send(struct client *c, const void *data, size_t len, int pass_fd)
{
	struct packet *p = NULL;

	if (!c->dead && (!c->finishing || c->source != NULL) &&
	    c->queued + len <= QUEUE_MAX)
		p = malloc(sizeof(*p) + len);
	if (p == NULL) {
		if (pass_fd >= 0)
			close(pass_fd);
		if (!c->dead && !c->finishing) {
			log_error("a process does not read; cut off");
			/* Its end is found by the loop, not in here. */
			shutdown(c->fd, SHUT_RDWR);
		}
		return;
	}
	p->fd = pass_fd;
	p->len = len;
	memcpy(p->data, data, len);
	STAILQ_INSERT_TAIL(&c->queue, p, next);
	c->queued += len;
	event_add(c->writable, NULL);
}

void
client_stream(struct client *c, client_source_fn *fn,
    void (*free_fn)(void *ctx), void *ctx)
{
	if (c->dead || c->source != NULL) {
		free_fn(ctx);
		return;
	}
	c->source = fn;
	c->source_free = free_fn;
	c->source_ctx = ctx;
	event_add(c->writable, NULL);
}

void
client_finish(struct client *c)
{
	c->finishing = true;
	if (!c->dead)
		event_add(c->writable, NULL);
}
