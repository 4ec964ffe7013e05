/* SPDX-License-Identifier: MIT */
/*
 * state - what relayd must remember of bundles besides their files:
 * network.db. relayd alone opens it.
 *
 *	copies		who holds a bundle, or is to hold it
 *	receipts	which bundles are at home, and the text that says so
 *	tells		which peer is still to hear which receipt
 *	meta		the count of days seen, and other numbers by name
 *	events		what happened to a bundle (events.h)
 *	confirmed	when a peer last confirmed its manifest
 *	lapses, losses	what expired (state_expiry.h)
 *	heard, missing	which holders went missing (state_repair.h)
 *	alerts	which homes are away (state_alert.h)
 *
 * Changes are collected in one transaction, begun by the first and ended
 * by state_commit(). Losing the database loses no mail: draws are made
 * anew, and homes send their receipts again.
 *
 * Every function that writes returns 0 or AG_EIO, and logged the reason.
 * IDs are 64 hex digits. Fault point: relay.commit.
 */
#ifndef AGAMID_RELAYD_STATE_H
#define AGAMID_RELAYD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"
#include "mail/receipt.h"
#include "relayd/pace.h"

struct state;

enum copy_state {
	COPY_OWN = 1, /* the node itself, which accepted the bundle */
	COPY_BROUGHT = 2, /* the peer brought it, so it had one */
	COPY_HAS = 3, /* the peer said that it has it */
	COPY_DRAWN = 4, /* drawn to hold it; it doesn't have it yet */
	COPY_REFUSED = 5, /* drawn, and wouldn't take it */
	COPY_SHORT = 6, /* COPY_OWN, and too few holders could be drawn */
	COPY_LOST = 7, /* the peer had it, and says that it hasn't any more */
	COPY_UNPROVEN = 8, /* the peer could not prove that it has it */
};

struct copy {
	char peer[NODE_NAME_MAX + 1];
	enum copy_state state;
};

#define STATE_COPIES_MAX 64 /* looked at for one bundle */

/* *fresh_r: there was no database. */
int state_open(
    const char *path, struct state **s_r, bool *fresh_r, struct error *error_r);
void state_close(struct state **s); /* what is not committed is lost */
/* End the transaction, if one is open. */
int state_commit(struct state *s);

/* The count of days; zeros at first. */
int state_day(struct state *s, struct day_count *d_r);
int state_set_day(struct state *s, const struct day_count *d);
/* Any other number by its name; 0 is the same as none. */
int state_number(struct state *s, const char *name, int64_t *n_r);
int state_set_number(struct state *s, const char *name, int64_t n);

/* Set, whatever it was before. */
int state_copy_set(
    struct state *s, const char *id, const char *peer, enum copy_state state);
/* Set if nothing is known of this pair. */
int state_copy_add(
    struct state *s, const char *id, const char *peer, enum copy_state state);
/* The count of copies found, at most max; AG_EIO. */
int state_copies(
    struct state *s, const char *id, struct copy *copies_r, unsigned max);
/* The state of one pair; 0 if there is none; AG_EIO. */
int state_copy(struct state *s, const char *id, const char *peer);
/* Forget those that refused, so that they may be drawn again. */
int state_forgive(struct state *s, const char *id);
int state_forget(struct state *s, const char *id); /* all of its copies */
/* Of all pairs in the state COPY_BROUGHT, COPY_OWN or COPY_SHORT. */
typedef void state_origin_fn(
    const char *id, const char *peer, enum copy_state state, void *ctx);
int state_each_origin(struct state *s, state_origin_fn *fn, void *ctx);

/* Of the bundles accepted here: how many are on so many nodes, of which
 * those don't count that were last heard on day `silent` or before it. */
typedef void state_spread_fn(unsigned nodes, unsigned bundles, void *ctx);
int state_each_spread(
    struct state *s, int64_t silent, state_spread_fn *fn, void *ctx);

/* The first bundle drawn for peer whose ID is greater than after ("" for
 * all): 1 and *id_r, 0 if there is none, AG_EIO. */
int state_drawn_next(struct state *s, const char *peer, const char *after,
    char id_r[BUNDLE_ID_LEN + 1]);
/* How many copies of this peer's are in this state. */
unsigned state_copy_count(
    struct state *s, const char *peer, enum copy_state state);

/* Keep a receipt for these of its IDs; its number. */
int state_receipt_add(struct state *s, const struct receipt *r,
    const char *const *ids, unsigned count, uint32_t day, int64_t *n_r);
/* 1 and the text appended (if text is not NULL); 0 if there is none. */
int state_receipt_find(struct state *s, const char *id, struct buf *text);
unsigned state_receipt_count(struct state *s); /* IDs */
/* Call fn for every ID with a receipt. */
typedef void state_id_fn(const char *id, void *ctx);
int state_each_receipted(struct state *s, state_id_fn *fn, void *ctx);
/* Forget receipts kept since before this day. */
int state_receipts_expire(struct state *s, uint32_t day);

int state_tell_add(struct state *s, const char *peer, int64_t n);
/* The first that peer is to hear, greater than after. 1, 0, AG_EIO. */
int state_tell_next(struct state *s, const char *peer, int64_t after,
    int64_t *n_r, struct buf *text);
int state_tell_done(struct state *s, const char *peer, int64_t n);
unsigned state_tell_count(struct state *s, const char *peer);

/* When it confirmed its manifest: seconds since 1970. */
int state_confirmed_set(struct state *s, const char *peer, int64_t when);
/* Called with a peer, and the number that is kept of it. */
typedef void state_peer_fn(const char *peer, int64_t n, void *ctx);
int state_each_confirmed(struct state *s, state_peer_fn *fn, void *ctx);

#endif
