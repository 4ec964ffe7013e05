/* SPDX-License-Identifier: MIT */
/*
 * await - those who wait for copies of a bundle before they answer a
 * client (SPEC N-6).
 *
 * Waited for are the peers drawn for the bundle that may be there: with a
 * session, or not known to be down. One that was waited for in vain is not
 * waited for again for a minute.
 */
#ifndef AGAMID_RELAYD_AWAIT_H
#define AGAMID_RELAYD_AWAIT_H

#include "relayd/relayd.h"

#define AWAIT_SECONDS_MAX 20 /* the longest `within` that is granted */

struct client;
struct awaits;

struct awaits *awaits_new(struct relayd *r); /* NULL when memory is out */
void awaits_free(struct awaits **a);

/* Take the client over: it hears one line of question.h, and is let go. */
void await_begin(struct relayd *r, struct client *c, const char *id,
    unsigned want, unsigned seconds);
/* Something has changed for somebody who waits: look in the loop's next
 * turn. */
void await_look_soon(struct relayd *r);

/* Of the last waits (at most AWAIT_TIMES): how long they took, ms. */
#define AWAIT_TIMES 128
struct await_times {
	unsigned count, median, p95;
};
void await_times(const struct relayd *r, struct await_times *t_r);

/* The same of a list, which is sorted in passing (pure). */
void await_times_of(unsigned *ms, unsigned count, struct await_times *t_r);

/*
 * The decision alone (pure): holders now have it, others may still come,
 * want were asked for. True if there is nothing to wait for; *wanted_r is
 * what could be waited for.
 */
bool await_is_over(
    unsigned have, unsigned may_come, unsigned want, unsigned *wanted_r);

#endif
