/* SPDX-License-Identifier: MIT */
/*
 * former - manifests that came and went while this node was away. Mail may
 * wait for it whose ticket was signed with a key that no manifest here
 * names; who offers it has that manifest (doc/spec/relay.md, chapter 11).
 */
#ifndef AGAMID_RELAYD_FORMER_H
#define AGAMID_RELAYD_FORMER_H

#include "relayd/broker.h"

struct formers;

struct formers *formers_new(void); /* NULL when memory is out */
void formers_free(struct formers **fs);

/* Own mail was refused: if that is for want of an older manifest of its
 * acceptor's, ask who offers it. */
void former_want(struct link *ln, const struct ticket *t);
/* A peer asks for one. */
void former_asked(struct link *ln, const struct proto_msg *m);
/* A manifest has come: true if it is one that was asked for here. */
bool former_brought(struct link *ln, const struct proto_msg *m);
/* Other manifests are in force, or archived: what can now be judged is to
 * be offered again. */
void former_view(struct relayd *r);
void former_link_gone(struct link *ln);

#endif
