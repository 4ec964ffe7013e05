/* SPDX-License-Identifier: MIT */
/*
 * adopt - a home that was restored from an old backup, or has lost its
 * databases, learns from its peers what it had signed for, before it
 * delivers anything (doc/spec/relay.md, chapter 13).
 *
 * In every session the home asks for its own receipts that are newer than
 * the newest it knows. If there are any, or the spool or the database say
 * that the database is not the newest there was, own mail is held back
 * until every peer that can be reached has told all that it knows.
 */
#ifndef AGAMID_RELAYD_ADOPT_H
#define AGAMID_RELAYD_ADOPT_H

#include "relayd/broker.h"

struct adopt;

int adopt_new(struct relayd *r, struct adopt **a_r, struct error *error_r);
void adopt_free(struct adopt **a);

/* Is own mail to wait? */
bool adopt_holds(const struct relayd *r);

/* A session is up: ask. */
void adopt_link_up(struct link *ln);
/* Ask for own receipts signed later than since. */
void adopt_ask(struct link *ln, int64_t since);
/* "adopted": the peer has told all that it was asked for. */
void adopt_told(struct link *ln);

/* The peer's "adopt": tell it what it signed later than since. */
void adopt_asked(struct link *ln, int64_t since);
/* Go on with that, as far as the session takes more receipts. */
void adopt_tell(struct link *ln);

/* A receipt of this node was kept: agamid-deliver's (from is NULL), or one
 * that a peer told. */
void adopt_own(struct relayd *r, const struct peer *from);

#endif
