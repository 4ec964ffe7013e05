/* SPDX-License-Identifier: MIT */
/*
 * holders - who is to hold a bundle that this node accepted, and who does
 * (doc/spec/relay.md, chapter 7). The draw itself is place.h.
 */
#ifndef AGAMID_RELAYD_HOLDERS_H
#define AGAMID_RELAYD_HOLDERS_H

#include "relayd/relayd.h"

/* At start: who brought what, and the draws that a crash prevented. */
int holders_load(struct relayd *r, struct error *error_r);

/* After a commit failed: what the database should know and doesn't. */
void holders_recheck(struct relayd *r);

/* Draw as many holders as are missing. h must be this node's own. */
void holders_draw(struct relayd *r, struct held *h);
/* Draw one more (leave.c, repair.c). False: nobody is left. */
bool holders_draw_one(struct relayd *r, struct held *h);
/* Draw again for the bundles that lack holders. */
void holders_retry(struct relayd *r);

/* The network's view has changed. */
void holders_view(struct relayd *r);

/* A peer said that it has it, or brought it, or won't have it. */
void holders_has(struct relayd *r, const char *id, struct peer *p);
void holders_brought(struct relayd *r, const char *id, struct peer *p);
void holders_refused(struct relayd *r, const char *id, struct peer *p);
/* The bundle is at home. */
void holders_forget(struct relayd *r, const char *id);

#endif
