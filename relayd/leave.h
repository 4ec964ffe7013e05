/* SPDX-License-Identifier: MIT */
/*
 * leave - this node leaves the network: what it holds for others is
 * handed on to others, and it takes nothing new to hold (doc/spec/relay.md,
 * chapter 10). Nothing is removed but on the home's receipt.
 */
#ifndef AGAMID_RELAYD_LEAVE_H
#define AGAMID_RELAYD_LEAVE_H

#include "relayd/relayd.h"

/* At start: was it leaving? */
void leave_load(struct relayd *r);
/* Begin, or stay after all; 0 or AG_EIO. */
int leave_set(struct relayd *r, bool leaving);

/* Something changed (a new bundle, a refusal, a new view): draw who is to
 * have it, if this node leaves. */
void leave_look(struct relayd *r, struct held *h);
void leave_look_all(struct relayd *r);
/* The peer that was drawn had it before: so it is no new copy. */
void leave_had(struct relayd *r, const char *id);

struct leave_count {
	unsigned held; /* for others */
	unsigned handed; /* of these: another node has it */
	unsigned pending; /* only drawn for another */
	unsigned alone; /* neither: nobody may, or nobody is left */
	unsigned drawn; /* copies still to be brought somewhere */
};
void leave_tally(struct relayd *r, struct leave_count *count_r);

#endif
