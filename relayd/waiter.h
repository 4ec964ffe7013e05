/* SPDX-License-Identifier: MIT */
/*
 * waiter - a client of relay.sock that has asked its one question, and
 * waits for one line. It may go before, or it may get too late.
 */
#ifndef AGAMID_RELAYD_WAITER_H
#define AGAMID_RELAYD_WAITER_H

#include <stdint.h>

#include "relayd/relayd.h"

struct client;
struct waiter;

struct waiter_calls {
	void (*late)(struct waiter *w); /* to be answered now */
	void (*gone)(struct waiter *w); /* and is not to be answered */
};

/* At the beginning of what is known of the question. */
struct waiter {
	struct relayd *r;
	struct client *client;
	struct event *timer;
	const struct waiter_calls *calls;
};

/* Take the client over for at most so many milliseconds. False when memory
 * is out: it must be answered at once. */
bool waiter_begin(struct waiter *w, struct relayd *r, struct client *c,
    int64_t ms, const struct waiter_calls *calls);
/* The answer, in the format of a line; nothing is called after it. */
void waiter_answer(struct waiter *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The program ends. */
void waiter_end(struct waiter *w);

/* The same answer to a client that did not have to wait. */
void waiter_answer_now(struct relayd *r, struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
