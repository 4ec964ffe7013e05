/* SPDX-License-Identifier: MIT */
/*
 * confirm - when a peer last said itself that its manifest in force here
 * is its newest (doc/spec/relay.md, chapter 11).
 *
 * Kept in network.db, written there at most twice a day for a peer, and
 * for agamid-milter in run/relayd/confirmed: a line "NAME UNIXTIME" for
 * each peer, replaced as a whole, at most once a minute.
 */
#ifndef AGAMID_RELAYD_CONFIRM_H
#define AGAMID_RELAYD_CONFIRM_H

#include "util/error.h"
#include "relayd/relayd.h"

struct confirm;

int confirm_new(struct relayd *r, struct confirm **c_r, struct error *error_r);
void confirm_free(struct confirm **c);

/* The peer itself has just said so. */
void confirm_peer(struct relayd *r, struct peer *p);
/* Manifests in force have changed: a peer that is new was just confirmed
 * by the operator, who pinned it. */
void confirm_view(struct relayd *r);

#endif
