/* SPDX-License-Identifier: MIT */
/*
 * friend - friends look at each other from outside (doc/spec/relay.md,
 * chapter 12): what agamid(8) asks of a peer, and what peers ask of this
 * node. What is seen is seen by a child process (prober.h).
 */
#ifndef AGAMID_RELAYD_FRIEND_H
#define AGAMID_RELAYD_FRIEND_H

#include "relayd/broker.h"

struct friends;
struct client;

struct friends *friends_new(struct relayd *r); /* NULL when memory is out */
void friends_free(struct friends **p);

/* The control command "probe PEER": true if it was one; the client is
 * taken over then. */
bool friend_ask(struct relayd *r, struct client *c, const char *command);

/* The peer says probe, check, checked; a session is up, or has ended. */
void friend_wanted(struct link *ln);
void friend_check(struct link *ln, const struct proto_msg *m);
void friend_checked(struct link *ln, const char *text);
void friend_link_up(struct link *ln);
void friend_link_gone(struct link *ln);

#endif
