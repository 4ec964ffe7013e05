/* SPDX-License-Identifier: MIT */
/*
 * state_repair - what repair.c and proof.c remember in network.db (state.h):
 * when each peer was last heard; and which holders of a bundle went
 * missing, when that was noticed, and whether another was drawn in their
 * place. Days are repair.c's. Losing it costs days, or a copy too many.
 */
#ifndef AGAMID_RELAYD_STATE_REPAIR_H
#define AGAMID_RELAYD_STATE_REPAIR_H

#include "relayd/state.h"

/* replaced: the day; 0: not yet */
#define STATE_REPAIR_SCHEMA                                              \
	"CREATE TABLE IF NOT EXISTS heard ("                             \
	" peer TEXT PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;"   \
	"CREATE TABLE IF NOT EXISTS missing ("                           \
	" id BLOB NOT NULL, peer TEXT NOT NULL, since INTEGER NOT NULL," \
	" replaced INTEGER NOT NULL, PRIMARY KEY (id, peer)) WITHOUT ROWID;"

int state_heard_set(struct state *s, const char *peer, uint32_t day);
int state_each_heard(struct state *s, state_peer_fn *fn, void *ctx);

/* This peer's copy is missing since today, if that was not noted before. */
int state_missing_add(
    struct state *s, const char *id, const char *peer, uint32_t day);
/* The day that was noted: 1, 0 if none was, AG_EIO. */
int state_missing_since(
    struct state *s, const char *id, const char *peer, uint32_t *day_r);
/* Another was drawn in its place: never again. */
int state_missing_replaced(
    struct state *s, const char *id, const char *peer, uint32_t day);
/* The bundle has gone; or the copy is there, and was not replaced. */
int state_missing_forget(struct state *s, const char *id);
int state_missing_back(struct state *s, const char *id, const char *peer);

/*
 * The first of this peer's copies in this state, with an ID greater than
 * after ("" for all), that nobody was drawn for yet: 1, 0, AG_EIO.
 */
int state_unreplaced_next(struct state *s, const char *peer,
    enum copy_state state, const char *after, char id_r[BUNDLE_ID_LEN + 1]);

/* The same of all. */
int state_copy_next(struct state *s, const char *peer, enum copy_state state,
    const char *after, char id_r[BUNDLE_ID_LEN + 1]);
/*
 * How many of the bundles accepted here are on fewer nodes than wanted: for
 * whom too few were drawn, or that were not yet brought to all that were, or
 * of which a copy is missing that nobody was drawn for. Those that were last
 * heard on day silent, or before, are missing.
 */
unsigned state_below_count(struct state *s, int64_t silent);

#endif
