/* SPDX-License-Identifier: MIT */
/*
 * rescue - `agamid-relayd --rescue`: the node's own machine is lost, and
 * what peers hold for it is fetched to another one, by agamid rescue
 * (agamid(8)), which asks here how far that is.
 *
 * It is a relayd as ever, which takes own mail only, asks nobody for old
 * receipts, and knows when a peer has brought all that it holds.
 */
#ifndef AGAMID_RELAYD_RESCUE_H
#define AGAMID_RELAYD_RESCUE_H

#include "relayd/broker.h"

struct rescue;

struct rescue *rescue_new(struct relayd *r); /* NULL when memory is out */
void rescue_free(struct rescue **x);

/* "adopted": what the peer had to offer before that was offered. */
void rescue_told(struct link *ln);

/* control.h: "rescue" */
void rescue_answer(struct relayd *r, struct client *c);

#endif
