/* SPDX-License-Identifier: MIT */
/*
 * loss - a home is told what expired while it was away, and says that it
 * has heard it (doc/spec/relay.md, chapter 13): both sides of that.
 */
#ifndef AGAMID_RELAYD_LOSS_H
#define AGAMID_RELAYD_LOSS_H

#include "relayd/broker.h"

/* Something of this home's has expired here. */
void loss_news(struct relayd *r, struct peer *home);

/* The hello has come: tell the peer what it has not heard. */
void loss_link_up(struct link *ln);
/* At home: a peer's expired. */
void loss_told(struct link *ln, const struct proto_msg *m);
/* A home's heard, or delivered as the answer to our expired. */
void loss_heard(struct link *ln, const char *id);
/* Own mail has come. */
void loss_forget(struct relayd *r, const char *id);

#endif
