/* SPDX-License-Identifier: MIT */
/*
 * dialler - which peer is dialled when, and the children that do it: this
 * program again, as `agamid-relayd --dial NAME` (child.h, doc/spec/relay.md,
 * chapter 8). What a child does is dial.c.
 */
#ifndef AGAMID_RELAYD_DIALLER_H
#define AGAMID_RELAYD_DIALLER_H

#include "relayd/relayd.h"

int dialler_new(struct relayd *r, struct dialler **d_r, struct error *error_r);
void dialler_free(struct dialler **d);

/* There is something new for this peer: a rest ends, a backoff doesn't. */
void dialler_news(struct relayd *r, struct peer *p);
/* Dial now whoever may be dialled (p NULL: all), backoff or not, and ask
 * for what is mine. How many that concerns. */
unsigned dialler_call(struct relayd *r, struct peer *p);
/* The network has changed: the same for all, and what is under way is begun
 * anew; sessions count for nothing until they have proved themselves. */
void dialler_renew(struct relayd *r);
/* A child has ended (child.h). */
void dialler_ended(struct relayd *r, uint32_t child, bool orderly);
/* Look at all peers soon. */
void dialler_soon(struct relayd *r);

#endif
