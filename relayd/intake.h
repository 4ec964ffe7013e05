/* SPDX-License-Identifier: MIT */
/*
 * intake - what peers offer: wanted, or not, and why (doc/spec/relay.md,
 * chapters 4 and 5).
 */
#ifndef AGAMID_RELAYD_INTAKE_H
#define AGAMID_RELAYD_INTAKE_H

#include "relayd/broker.h"

/* A session is up: ask for what is mine, if the peer is to be asked. */
void intake_ask(struct link *ln);
/* Answer an offer. */
void intake_offered(struct link *ln, const struct proto_msg *m);
/* SPEC: if there is a receipt, it is the answer, to whatever is said
 * of this bundle. False: there is none. */
bool intake_answer_delivered(struct link *ln, const char *id);
/* Does this node take the bundle from this peer? NULL, or why not. */
const char *intake_judge(
    struct relayd *r, const struct peer *from, const struct ticket *t);

#endif
