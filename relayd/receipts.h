/* SPDX-License-Identifier: MIT */
/*
 * receipts - what homes say they have: verified, kept, acted upon, passed
 * on (doc/spec/relay.md, chapter 6).
 */
#ifndef AGAMID_RELAYD_RECEIPTS_H
#define AGAMID_RELAYD_RECEIPTS_H

#include "relayd/broker.h"

/*
 * A receipt's text, from a session (from is the peer) or from
 * agamid-deliver (NULL). 0; AG_EINVAL, AG_ESIG: it is none, or not good.
 * What it covers and is held for another node goes after the next flush;
 * own mail is delivery.c's to remove.
 */
int receipts_take(
    struct relayd *r, struct peer *from, const char *text, size_t len);
/* At start: drop what a crash left behind its receipt. */
void receipts_load(struct relayd *r);
/* Of own mail: tell it on every session, besides. */
void receipts_announce(struct relayd *r, const char *text, size_t len);

/* A peer's "receipt": taken, then "noted" once that is durable. */
void receipts_heard(struct link *ln, const char *text, size_t len);
/* A peer's "delivered" in answer to an offer of id. */
void receipts_answer(
    struct link *ln, const char *id, const char *text, size_t len);

/* Tell the session's peer what it has not heard. */
void receipts_tell(struct link *ln);
/* "noted": the oldest that was told. */
void receipts_noted(struct link *ln);
void receipts_link_gone(struct link *ln);

#endif
