/* SPDX-License-Identifier: MIT */
/*
 * census - who holds what (doc/spec/relay.md, chapter 15): each node tells
 * those who may hold for the same home, and the home, how much it holds,
 * as a tally; where two tallies differ the one asks the other which of
 * its own bundles that one has.
 *
 * What peers said lives in memory and is told anew in each session; what
 * follows for a bundle held here is a copy in state.h.
 */
#ifndef AGAMID_RELAYD_CENSUS_H
#define AGAMID_RELAYD_CENSUS_H

#include "relayd/broker.h"

int census_new(struct relayd *r, struct census **c_r, struct error *error_r);
void census_free(struct census **c);

/* The hello has come; the session has gone. */
void census_link_up(struct link *ln);
void census_link_gone(struct link *ln);
/* Something may have come or gone: tell it in a while. */
void census_look(struct relayd *r);

/* census, which, these. */
void census_told(struct link *ln, const struct proto_msg *m);
void census_asked(struct link *ln, const struct proto_msg *m);
void census_answered(struct link *ln, const struct proto_msg *m);

/* What this peer last said that it holds for this home. False: nothing,
 * since this process began. */
bool census_find(const struct peer *p, const struct peer *home,
    uint64_t *count_r, uint64_t *bytes_r);
/* May this peer hold for this home? */
bool census_may_hold(struct relayd *r, const char *peer, const char *home);

#endif
