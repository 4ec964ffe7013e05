/* SPDX-License-Identifier: MIT */
/*
 * expect - bundles that sessions were asked for and have not brought yet:
 * who brings which, who waits with the same, and whose turn it is then
 * (doc/spec/relay.md, R-4.4, R-5.8).
 */
#ifndef AGAMID_RELAYD_EXPECT_H
#define AGAMID_RELAYD_EXPECT_H

#include "relayd/broker.h"

int expects_new(struct relayd *r, struct expects **x_r, struct error *error_r);
void expects_free(struct expects **x);

/* Ask this session for the bundle of this ticket. 0 or AG_ENOMEM. */
int expect_begin(struct link *ln, const struct ticket *t);
/* Is it on its way; with this very ticket, which was found good then? */
bool expect_is(struct relayd *r, const char *id);
bool expect_is_same(struct relayd *r, const struct ticket *t);
/* It is: tell this session to wait, and remember it. */
void expect_wait(struct link *ln, const char *id);

/* It can't be kept, or the peer won't bring it: ask the next. */
void expect_failed(struct link *ln, const char *id);
/* It was taken. */
void expect_arrived(struct link *ln, const char *id);
/* The session ends: ask others for all that it owes. */
void expect_pass_on(struct link *ln);

/* Bytes that this peer owes for this home, in all its sessions; that all
 * owe. */
uint64_t expect_owed(
    const struct relayd *r, const struct peer *from, const struct peer *home);
uint64_t expect_awaited(const struct relayd *r);

/* Own mail is offered under another ticket than the one that is here or on
 * its way: this session is asked if that one proves wrong. */
void expect_contest(struct link *ln, const struct ticket *t);
/* agamid-deliver says that own mail's ticket is not of who sealed it: it
 * goes, and others are asked. h is gone afterwards. */
void expect_invalid(struct relayd *r, struct held *h);
/* Or that it is what it seemed to be. */
void expect_settled(struct relayd *r, const char *id);
/* Is it one that was found to be wrong? */
bool expect_is_spoiled(const struct relayd *r, const struct ticket *t);

#endif
