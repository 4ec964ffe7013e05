/* SPDX-License-Identifier: MIT */
/*
 * state_sql - what the files that implement state.h and events.h share.
 * Nobody else includes it.
 */
#ifndef AGAMID_RELAYD_STATE_SQL_H
#define AGAMID_RELAYD_STATE_SQL_H

#include <sqlite3.h>

#include "relayd/state.h"

struct db *state_db(struct state *s);
/* A statement that writes: begins the transaction if there is none. */
sqlite3_stmt *state_writing(struct state *s, const char *sql);
void state_bind_text(sqlite3_stmt *st, int at, const char *text);
void state_bind_id(sqlite3_stmt *st, int at, const char *id);
bool state_column_id(sqlite3_stmt *st, int at, char id_r[BUNDLE_ID_LEN + 1]);
void state_column_text(sqlite3_stmt *st, int at, char *text, size_t size);
/* The number in a statement's only row; 0 if there is no row. 0 or AG_EIO
 * (st may be NULL). */
int state_read_number(struct state *s, sqlite3_stmt *st, int64_t *n_r);
/* The same where a number that can't be read may count as 0. */
int64_t state_read_count(struct state *s, sqlite3_stmt *st);
/* Run a statement that writes, of one ID; and all rows of one that reads
 * IDs. */
int state_write_of(struct state *s, const char *sql, const char *id);
int state_each_id(struct state *s, const char *sql, state_id_fn *fn, void *ctx);
/* The same of a peer and a number; and all rows of a statement of these. */
int state_peer_put(
    struct state *s, const char *sql, const char *peer, int64_t n);
int state_each_peer(
    struct state *s, const char *sql, state_peer_fn *fn, void *ctx);

#endif
