/* SPDX-License-Identifier: MIT */
/*
 * repair - another holder in the place of one that has been silent for
 * REPAIR_SILENT_DAYS, has lost its copy or can't prove it (doc/spec/relay.md,
 * chapter 16). Which of the holders that are left sees to it follows from
 * the bundle's ID and their names: nothing is said about it.
 */
#ifndef AGAMID_RELAYD_REPAIR_H
#define AGAMID_RELAYD_REPAIR_H

#include "relayd/relayd.h"

#define REPAIR_SILENT_DAYS 3 /* on which this node heard others */

int repair_new(struct relayd *r, struct repair **x_r, struct error *error_r);
void repair_free(struct repair **x);

/* A session with this peer is up, or was today. */
void repair_heard(struct relayd *r, struct peer *p);
/* Another day has begun; or at start, when all is loaded. */
void repair_day(struct relayd *r);

/* Days for which it has been silent, while others were heard. */
unsigned repair_silence(const struct relayd *r, const struct peer *p);
/* Is it so silent that its copies don't count? */
bool repair_is_silent(const struct relayd *r, const struct peer *p);

/* Whoever was last heard then or before is silent (state_each_spread()). */
int64_t repair_silent_since(const struct relayd *r);

/* This peer said, unasked or asked, that it has a bundle held here; or not
 * any more. */
void repair_found(struct relayd *r, const char *id, struct peer *p);
void repair_lost(struct relayd *r, const char *id, struct peer *p);
/* It could not prove that it has it, or could. */
void repair_unproven(struct relayd *r, const char *id, struct peer *p);
void repair_proven(struct relayd *r, const char *id, struct peer *p);

/*
 * Whose turn it is (pure): how many of these names come before self for
 * this ID. The node with rank 0 sees to it at once, each other a day later
 * than the one before it.
 */
unsigned repair_rank(
    const char *id, const char *self, const char *const *names, unsigned count);

/* Is its time, held since that day, hold seconds, not nearly over? A copy
 * begins to count its days anew, so the ticket's time counts as well
 * (SPEC ). Pure. */
bool repair_is_young(uint32_t today, uint32_t since, int64_t now,
    int64_t ticket_time, uint64_t hold);

#endif
