/* SPDX-License-Identifier: MIT */
/*
 * pace - when a peer is dialled again, and what a day is. Pure: the time
 * and randomness are arguments.
 *
 * The time to the next attempt belongs to the peer, not to a bundle
 * (doc/spec/relay.md, chapter 8). Times are milliseconds of a clock that
 * is never set.
 */
#ifndef AGAMID_RELAYD_PACE_H
#define AGAMID_RELAYD_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	unsigned failures; /* in a row */
	int64_t next; /* not before; 0: at once */
};

/* An attempt failed: the next one after min seconds, doubling up to max,
 * a quarter more or less (random: any 32 bits). */
void pace_failed(
    struct pace *p, int64_t now, unsigned min, unsigned max, uint32_t random);
/* A sign of life. */
void pace_alive(struct pace *p);
/* It went well but left something: not before max seconds, more or less. */
void pace_rest(struct pace *p, int64_t now, unsigned max, uint32_t random);

/*
 * The node's own count of days seen: grows by one when the calendar
 * reaches a day that it had not reached, however far it jumped, and never
 * shrinks: a wrong clock makes no bundle old (SPEC N-5.4).
 */
struct day_count {
	uint32_t day; /* the count */
	int64_t date; /* days since 1970 of the last one counted */
};

#define DAY_AGAIN 86400 /* seconds after which a clock set back is believed */

/*
 * now: seconds since 1970. ran: seconds that this process has lived since
 * the count last changed, or since it began. True if *d changed.
 */
bool day_advance(struct day_count *d, int64_t now, int64_t ran);

#endif
