/* SPDX-License-Identifier: MIT */
/*
 * state - network.db, its transactions, and the numbers in it. See state.h;
 * each other table has a state_*.c of its own.
 *
 * SECURITY: every value is bound, none is part of a statement. IDs were
 * checked to be hex before they come here.
 */
#include "relayd/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/db.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/state_alert.h"
#include "relayd/state_expiry.h"
#include "relayd/state_repair.h"
#include "relayd/state_sql.h"

#define SCHEMA_VERSION 1
#define ID_BYTES (BUNDLE_ID_LEN / 2)

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta ("
    " name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS copies ("
    " id BLOB NOT NULL, peer TEXT NOT NULL, state INTEGER NOT NULL,"
    " PRIMARY KEY (id, peer)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS copies_of ON copies (peer, state, id);"
    "CREATE TABLE IF NOT EXISTS texts ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL,"
    " text BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS receipts ("
    " id BLOB PRIMARY KEY, n INTEGER NOT NULL"
    " REFERENCES texts (n) ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS receipts_of ON receipts (n);"
    "CREATE TABLE IF NOT EXISTS tells ("
    " peer TEXT NOT NULL, n INTEGER NOT NULL"
    " REFERENCES texts (n) ON DELETE CASCADE,"
    " PRIMARY KEY (peer, n)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS tells_of ON tells (n);"
    "CREATE TABLE IF NOT EXISTS events ("
    " n INTEGER PRIMARY KEY, id BLOB NOT NULL,"
    " day INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " who TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS events_of ON events"
    " (id, kind, who);"
    "CREATE TABLE IF NOT EXISTS confirmed ("
    " peer TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT "
    "ROWID;" STATE_EXPIRY_SCHEMA STATE_ALERT_SCHEMA STATE_REPAIR_SCHEMA;

struct state {
	struct db *db;
	bool open; /* a transaction */
};

int
state_open(
    const char *path, struct state **s_r, bool *fresh_r, struct error *error_r)
{
	struct state *s = xcalloc(1, sizeof(*s));
	int rc;

	*s_r = NULL;
	rc = db_open(
	    path, "relay", schema, SCHEMA_VERSION, &s->db, fresh_r, error_r);
	if (rc < 0) {
		free(s);
		return rc;
	}
	*s_r = s;
	return 0;
}

void
state_close(struct state **sp)
{
	struct state *s = *sp;

	if (s == NULL)
		return;
	db_rollback(s->db);
	db_close(&s->db);
	free(s);
	*sp = NULL;
}

int
state_commit(struct state *s)
{
	if (!s->open)
		return 0;
	s->open = false;
	return db_commit(s->db);
}

struct db *
state_db(struct state *s)
{
	return s->db;
}

sqlite3_stmt *
state_writing(struct state *s, const char *sql)
{
	if (!s->open) {
		if (db_begin(s->db) < 0)
			return NULL;
		s->open = true;
	}
	return db_stmt(s->db, sql);
}

void
state_bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

void
state_bind_id(sqlite3_stmt *st, int at, const char *id)
{
	uint8_t bin[ID_BYTES] = {0};

	if (text_unhex(id, bin, sizeof(bin)) < 0)
		sqlite3_bind_zeroblob(st, at, 0);
	else
		sqlite3_bind_blob(st, at, bin, sizeof(bin), SQLITE_TRANSIENT);
}

bool
state_column_id(sqlite3_stmt *st, int at, char id_r[BUNDLE_ID_LEN + 1])
{
	if (sqlite3_column_bytes(st, at) != ID_BYTES)
		return false;
	text_hex(sqlite3_column_blob(st, at), ID_BYTES, id_r);
	return true;
}

void
state_column_text(sqlite3_stmt *st, int at, char *text, size_t size)
{
	const char *found = (const char *)sqlite3_column_text(st, at);

	snprintf(text, size, "%s", found == NULL ? "" : found);
}

int
state_read_number(struct state *s, sqlite3_stmt *st, int64_t *n_r)
{
	int rc = st == NULL ? AG_EIO : db_row(s->db, st);

	*n_r = 0;
	if (rc != 1)
		return rc;
	*n_r = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int64_t
state_read_count(struct state *s, sqlite3_stmt *st)
{
	int64_t n;

	state_read_number(s, st, &n);
	return n;
}

int
state_write_of(struct state *s, const char *sql, const char *id)
{
	sqlite3_stmt *st = state_writing(s, sql);

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	return db_run(s->db, st);
}

int
state_peer_put(struct state *s, const char *sql, const char *peer, int64_t n)
{
	sqlite3_stmt *st = state_writing(s, sql);

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, n);
	return db_run(s->db, st);
}

int
state_each_id(struct state *s, const char *sql, state_id_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(s->db, sql);
	char id[BUNDLE_ID_LEN + 1];
	int rc;

	if (st == NULL)
		return AG_EIO;
	while ((rc = db_row(s->db, st)) == 1) {
		if (state_column_id(st, 0, id))
			fn(id, ctx);
	}
	return rc;
}

int
state_each_peer(struct state *s, const char *sql, state_peer_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(s->db, sql);
	char peer[NODE_NAME_MAX + 1];
	int rc;

	if (st == NULL)
		return AG_EIO;
	while ((rc = db_row(s->db, st)) == 1) {
		state_column_text(st, 0, peer, sizeof(peer));
		fn(peer, sqlite3_column_int64(st, 1), ctx);
	}
	return rc;
}

/* Days, and other numbers ------------------------------------------------ */

int
state_day(struct state *s, struct day_count *d_r)
{
	static const char sql[] = "SELECT value FROM meta WHERE name = ?1";
	sqlite3_stmt *st = db_stmt(s->db, sql);
	int64_t day;

	memset(d_r, 0, sizeof(*d_r));
	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, "day");
	if (state_read_number(s, st, &day) < 0)
		return AG_EIO;
	d_r->day = (uint32_t)day;
	st = db_stmt(s->db, sql);
	state_bind_text(st, 1, "date");
	return state_read_number(s, st, &d_r->date);
}

static int
set_meta(struct state *s, const char *name, int64_t value)
{
	sqlite3_stmt *st = state_writing(s,
	    "INSERT INTO meta (name, value) VALUES (?1, ?2)"
	    " ON CONFLICT (name) DO UPDATE SET value = ?2");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, name);
	sqlite3_bind_int64(st, 2, value);
	return db_run(s->db, st);
}

int
state_number(struct state *s, const char *name, int64_t *n_r)
{
	sqlite3_stmt *st =
	    db_stmt(s->db, "SELECT value FROM meta WHERE name = ?1");

	*n_r = 0;
	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, name);
	return state_read_number(s, st, n_r);
}

int
state_set_number(struct state *s, const char *name, int64_t n)
{
	sqlite3_stmt *st;

	if (n != 0)
		return set_meta(s, name, n);
	st = state_writing(s, "DELETE FROM meta WHERE name = ?1");
	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, name);
	return db_run(s->db, st);
}

int
state_set_day(struct state *s, const struct day_count *d)
{
	int rc = set_meta(s, "day", d->day);

	return rc < 0 ? rc : set_meta(s, "date", d->date);
}
