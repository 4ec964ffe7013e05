/* SPDX-License-Identifier: MIT */
/*
 * client - whoever is connected to relayd's socket, or relayd to another
 * daemon's: whole messages in, a queue of messages out, never blocking.
 *
 * A client whose queue grows over its bound is cut off: it doesn't read.
 */
#ifndef AGAMID_RELAYD_CLIENT_H
#define AGAMID_RELAYD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct client;

struct client_calls {
	/* One message, NUL behind it; fd (or -1) is the callee's. */
	void (*message)(
	    struct client *c, const char *data, size_t len, int fd, void *ctx);
	/* It has gone, or was cut off. The client is freed after it. */
	void (*gone)(struct client *c, void *ctx);
};

/* Takes fd over. NULL when memory is out (fd is closed then). */
struct client *client_new(struct event_base *base, int fd,
    const struct client_calls *calls, void *ctx);
/* No call comes any more; safe within a call. */
void client_free(struct client **c);

/* For `message`: of one that has asked, and may only wait for its answer. */
void client_ignore(
    struct client *c, const char *data, size_t len, int fd, void *ctx);

/* Who the calls are for from now on. */
void client_set(struct client *c, const struct client_calls *calls, void *ctx);
int client_fd(const struct client *c);
/* Queue one message; pass_fd (or -1) is taken over, whatever happens. */
void client_send(struct client *c, const void *data, size_t len, int pass_fd);
/*
 * Messages as they can be sent: whenever the queue is empty, call fn, which
 * sends some more, until it returns false; then, or when the client has
 * gone, free_fn(ctx). So an answer may be longer than the queue's bound.
 * Say it before client_finish().
 */
typedef bool client_source_fn(struct client *c, void *ctx);
void client_stream(struct client *c, client_source_fn *fn,
    void (*free_fn)(void *ctx), void *ctx);
/* Say no more once the queue is out; what it says until it closes its end
 * is still heard. */
void client_finish(struct client *c);

#endif
