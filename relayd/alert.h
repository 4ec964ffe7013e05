/* SPDX-License-Identifier: MIT */
/*
 * alert - the owner of a home that is away is told, at the address that
 * its manifest names and that was confirmed (doc/spec/node.md, chapter
 * 24). The mail is written by agamid-deliver, which alone knows what was
 * confirmed; here is decided when, and whether by this node.
 */
#ifndef AGAMID_RELAYD_ALERT_H
#define AGAMID_RELAYD_ALERT_H

#include "relayd/broker.h"

struct alerts;
struct client;

int alerts_new(struct relayd *r, struct alerts **a_r, struct error *error_r);
void alerts_free(struct alerts **a);
/* Look now who is away (it is done each minute). */
void alert_look(struct relayd *r);

/* The control command "alert PEER": have it ask our alert address. NULL, or
 * why it can't be. */
const char *alert_ask(struct relayd *r, const char *name);
/* A peer's alert-ask, and the answer to ours. */
void alert_asked(struct link *ln);
void alert_answered(struct link *ln, const char *text);

#endif
