/* SPDX-License-Identifier: MIT */
/*
 * events - what happened to a bundle on this node, when, and who said it:
 * for `agamid trace`. A table of network.db (state.h).
 *
 * Each event is written in the transaction of what it tells of, so it
 * costs no commit of its own. Of one bundle, each kind is kept once for
 * each node that said it: the first time. Rows go with the receipts
 * (SPEC ), and the oldest when there are EVENTS_MAX.
 */
#ifndef AGAMID_RELAYD_EVENTS_H
#define AGAMID_RELAYD_EVENTS_H

#include <stdint.h>

#include "mail/ticket.h"
#include "relayd/state.h"

#define EVENTS_MAX 1000000
#define EVENT_TEXT_MAX 256

enum event_kind { /* numbers are in databases */
	EVENT_ACCEPTED = 1, /* sealed here; who: this node */
	EVENT_BROUGHT = 2, /* a peer brought it */
	EVENT_DRAWN = 3, /* a peer was drawn to hold it */
	EVENT_STORED = 4, /* a peer took it from here */
	EVENT_HAS = 5, /* a peer said that it has it */
	EVENT_REFUSED = 6, /* a peer would not take it */
	EVENT_RECEIPT = 7, /* who: the home, which signed that it has it */
	EVENT_REMOVED = 8, /* the copy here went; who: this node */
	EVENT_OUTCOME = 9, /* of own mail; who: agamid-deliver's word for it */
	EVENT_TOLD = 10, /* a peer that offered it was told of the receipt */
	EVENT_EXPIRED = 11, /* who: the node where its time was over */
	EVENT_LOST = 12, /* a peer had it, and says that it hasn't any more */
	EVENT_UNPROVEN = 13, /* a peer could not prove that it has it */
	EVENT_KINDS
};

struct event_row {
	int64_t n; /* grows */
	int64_t at; /* seconds since 1970 */
	enum event_kind kind;
	char id[BUNDLE_ID_LEN + 1];
	char who[NODE_NAME_MAX + 1];
	char text[EVENT_TEXT_MAX + 1]; /* "" */
};

/* "accepted", "brought", ...; "?" for what is none. */
const char *event_name(enum event_kind kind);

/* 0 or AG_EIO, which was logged. text may be NULL. */
int state_event_add(struct state *s, const char *id, enum event_kind kind,
    const char *who, const char *text, uint32_t day, int64_t now);
/* Call fn for each event of one bundle, in order; 0 or AG_EIO. */
typedef void state_event_fn(const struct event_row *e, void *ctx);
int state_each_event(
    struct state *s, const char *id, state_event_fn *fn, void *ctx);
/* The same for the newest of all, at most max, in order. */
int state_last_events(
    struct state *s, unsigned max, state_event_fn *fn, void *ctx);
/* The one bundle that an event tells of whose ID begins so: 1, 0 if there
 * is none, AG_EEXIST if there are several, AG_EIO. */
int state_event_id(
    struct state *s, const char *prefix, char id_r[BUNDLE_ID_LEN + 1]);
/* Forget those before this day, and all but the newest max. */
int state_events_expire(struct state *s, uint32_t day, int64_t max);

struct relayd;

/* events.c. Note an event of now; what fails was logged, and costs only the note. */
void event_note(struct relayd *r, const char *id, enum event_kind kind,
    const char *who, const char *text);

#endif
