/* SPDX-License-Identifier: MIT */
/*
 * away - planned absence: this node's, which it tells its peers, and
 * theirs, which they told (doc/spec/relay.md, chapter 10).
 *
 * Who is away is drawn to hold nothing new, and that it can't be reached
 * is no failure. Both survive a restart (state.h's numbers); neither says
 * anything about whom mail is accepted for.
 */
#ifndef AGAMID_RELAYD_AWAY_H
#define AGAMID_RELAYD_AWAY_H

#include "relayd/broker.h"

/* 9999-12-31: a node that leaves for good says so. */
#define AWAY_FOREVER 253402300799LL

/* At start, when peers are known. */
void away_load(struct relayd *r);
/* This node will be away until then (seconds since 1970; 0: it is back);
 * every peer is told. 0 or AG_EIO. */
int away_pause(struct relayd *r, int64_t until);
/* Until when this node is away; 0: it isn't. */
int64_t away_until(const struct relayd *r);

/* A session is up: the peer is told of ours. */
void away_link_up(struct link *ln);
/* The peer said this, and passed over what it had said of its absence: if
 * it is the first behind the hello, that is over. (The hello alone is the
 * word of a process that may outlive its relayd.) */
void away_link_spoke(struct link *ln, enum proto_verb verb);
/* A peer's "away TIME". */
void away_heard(struct link *ln, int64_t until);

/* Is this peer known to be away now? */
bool away_is(const struct peer *p);
/* Does it know of what this node last said? */
bool away_is_told(const struct relayd *r, const struct peer *p);

#endif
