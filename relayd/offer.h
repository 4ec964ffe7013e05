/* SPDX-License-Identifier: MIT */
/*
 * offer - what a session offers its peer, and sends when it is wanted:
 * what is held for the peer as home, and what was drawn for it to hold
 * (doc/spec/relay.md, chapter 4).
 */
#ifndef AGAMID_RELAYD_OFFER_H
#define AGAMID_RELAYD_OFFER_H

#include "relayd/broker.h"

/* Offer everything, from the start. */
void offer_begin(struct link *ln);
/* The peer said "mine". */
void offer_again(struct link *ln);
/* Go on, if there is something and the peer has room. */
void offer_more(struct link *ln);
/* want, have, wait, stored, refused, delivered. */
void offer_answered(struct link *ln, const struct proto_msg *m);
/* It needs no offering any more (its receipt came). */
void offer_forget(struct relayd *r, const char *id);

#endif
