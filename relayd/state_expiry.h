/* SPDX-License-Identifier: MIT */
/*
 * state_expiry - what expired, in network.db (state.h):
 *
 *	lapses	bundles of others that were deleted here because their time
 *		was over, for their homes to be told of
 *	losses	own mail of which a peer said that it expired there
 *
 * As in state.h, what writes returns 0 or AG_EIO, and logged the reason.
 */
#ifndef AGAMID_RELAYD_STATE_EXPIRY_H
#define AGAMID_RELAYD_STATE_EXPIRY_H

#include "relayd/state.h"

#define STATE_EXPIRY_SCHEMA                                                    \
	"CREATE TABLE IF NOT EXISTS lapses ("                                  \
	" id BLOB PRIMARY KEY, home TEXT NOT NULL, ticket TEXT NOT NULL,"      \
	" day INTEGER NOT NULL, told INTEGER NOT NULL,"                        \
	" dsn INTEGER NOT NULL) WITHOUT ROWID;"                                \
	"CREATE INDEX IF NOT EXISTS lapses_of ON lapses (home, told, id);"     \
	"CREATE TABLE IF NOT EXISTS losses ("                                  \
	" n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, peer TEXT NOT NULL," \
	" acceptor TEXT NOT NULL, size INTEGER NOT NULL,"                      \
	" time INTEGER NOT NULL, at INTEGER NOT NULL);"

#define LOSSES_MAX 1000 /* told of; the oldest are forgotten */

/* ticket: its text, for the home. dsn: the sender is to be told, too. */
int state_lapse_add(struct state *s, const char *id, const char *home,
    const char *ticket, uint32_t day, bool dsn);
/* Did it expire here? Not when that can't be read. */
bool state_lapse_is(struct state *s, const char *id);
/* The first of this home's that it was not told of, greater than after:
 * 1 and the ticket appended, 0, AG_EIO. */
int state_lapse_next(struct state *s, const char *home, const char *after,
    char id_r[BUNDLE_ID_LEN + 1], struct buf *ticket);
/* This home has heard of it: 1; 0 if it was not to hear of it. */
int state_lapse_told(struct state *s, const char *id, const char *home);
unsigned state_lapse_count(struct state *s); /* whose home is to be told */
int state_each_lapse(struct state *s, state_id_fn *fn, void *ctx);
/* Forget what was told, and is from before this day. */
int state_lapses_expire(struct state *s, uint32_t day);

/* The first whose sender is to be told, greater than after: 1, 0, AG_EIO. */
int state_dsn_next(
    struct state *s, const char *after, char id_r[BUNDLE_ID_LEN + 1]);
int state_dsn_done(struct state *s, const char *id);
unsigned state_dsn_count(struct state *s);

struct loss {
	char id[BUNDLE_ID_LEN + 1];
	char peer[NODE_NAME_MAX + 1]; /* where it expired first */
	char acceptor[NODE_NAME_MAX + 1];
	uint64_t size;
	int64_t time; /* of its ticket; seconds since 1970 */
	int64_t at; /* when this node was told */
};

/* Of one bundle the first word counts. *new_r: it was the first. */
int state_loss_add(struct state *s, const struct loss *l, bool *new_r);
/* It came after all. */
int state_loss_del(struct state *s, const char *id);
unsigned state_loss_count(struct state *s);
typedef void state_loss_fn(const struct loss *l, void *ctx);
int state_each_loss(struct state *s, state_loss_fn *fn, void *ctx);

#endif
