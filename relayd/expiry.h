/* SPDX-License-Identifier: MIT */
/*
 * expiry - what is held for another node goes when its time is over, if
 * nobody has a receipt for it (doc/spec/relay.md, chapter 13; node.md,
 * chapter 12).
 *
 * Time is this node's own count of days seen (pace.h). For a day the
 * peers are asked whether they have a receipt; on the next it goes, if
 * one of them has answered, none of them has one, and the clock is
 * synchronised.
 */
#ifndef AGAMID_RELAYD_EXPIRY_H
#define AGAMID_RELAYD_EXPIRY_H

#include "relayd/broker.h"

struct expiry;

int expiry_new(struct relayd *r, struct expiry **e_r, struct error *error_r);
void expiry_free(struct expiry **e);
/* At start: drop what expired as the last process ended; go on. */
void expiry_load(struct relayd *r);
/* Another day has begun. */
void expiry_day(struct relayd *r);
/* Does something wait for the clock to be synchronised? */
bool expiry_waits_for_clock(const struct relayd *r);

/* The hello has come: ask what is to be asked. */
void expiry_link_up(struct link *ln);
/* A peer's due, no-receipt, and delivered as the answer to our due. */
void expiry_asked(struct link *ln, const char *id);
void expiry_answered(struct link *ln, const char *id);

/* How a bundle's time stands. Pure; hold is in seconds, and counts in
 * whole days. */
enum hold_state {
	HOLD_ON, /* it is held */
	HOLD_DUE, /* this is its last day: ask for receipts */
	HOLD_OVER,
};

enum hold_state expiry_hold_state(
    uint32_t today, uint32_t since, uint64_t hold);

#define EXPIRY_LAST_DAYS 7 /* in which no more copies are made (SPEC) */

/* The day since which a copy counts that comes today, under a ticket of
 * this time (seconds since 1970, as is now). SPEC N-12.7. Pure. */
uint32_t expiry_since(
    uint32_t today, uint64_t hold, int64_t ticket_time, int64_t now);
/* The same for this node, which needs a clock that is right. */
uint32_t expiry_begins(struct relayd *r, const struct ticket *t);

#endif
