/* SPDX-License-Identifier: MIT */
/*
 * delivery - own mail in held/SELF/: handed to agamid-deliver, a few at a
 * time, until it is delivered and receipted (agamid-deliver(8)).
 */
#ifndef AGAMID_RELAYD_DELIVERY_H
#define AGAMID_RELAYD_DELIVERY_H

#include "relayd/relayd.h"

int delivery_new(
    struct relayd *r, struct delivery **d_r, struct error *error_r);
void delivery_free(struct delivery **d);

/* It is durable in held/SELF/: deliver it. */
void delivery_add(struct relayd *r, const char *id);
/* All that lies there: at start. */
void delivery_load(struct relayd *r);
/* Try those at once that wait for their time. */
void delivery_flush(struct relayd *r);

/* For agamid status. */
bool delivery_connected(const struct delivery *d);
unsigned delivery_waiting(const struct delivery *d);
struct delivery_count {
	unsigned open; /* waiting, or given to agamid-deliver */
	unsigned later; /* to be tried again */
	unsigned over; /* settled, without a receipt yet */
};
void delivery_tally(const struct delivery *d, struct delivery_count *n_r);
/* Of own mail: "waiting", "delivering", "retry" or "delivered". */
const char *delivery_state(const struct delivery *d, const char *id);

#endif
