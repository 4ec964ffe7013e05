/* SPDX-License-Identifier: MIT */
/*
 * state - network.db. See state.h.
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

static int
run(struct state *s, sqlite3_stmt *st)
{
	return st == NULL ? AG_EIO : db_run(s->db, st);
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

/* One number from a statement with one row; 0 if there is none. 0 or
 * AG_EIO. */
static int
read_number(struct state *s, sqlite3_stmt *st, int64_t *n_r)
{
	int rc = st == NULL ? AG_EIO : db_row(s->db, st);

	*n_r = 0;
	if (rc != 1)
		return rc;
	*n_r = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* The same where a number that can't be read may count as 0. */
static int64_t
number(struct state *s, sqlite3_stmt *st)
{
	int64_t n;

	read_number(s, st, &n);
	return n;
}

/* Days --------------------------------------------------------------- */

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
	if (read_number(s, st, &day) < 0)
		return AG_EIO;
	d_r->day = (uint32_t)day;
	st = db_stmt(s->db, sql);
	state_bind_text(st, 1, "date");
	return read_number(s, st, &d_r->date);
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
	return run(s, st);
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
	return read_number(s, st, n_r);
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
	return run(s, st);
}

int
state_set_day(struct state *s, const struct day_count *d)
{
	int rc = set_meta(s, "day", d->day);

	return rc < 0 ? rc : set_meta(s, "date", d->date);
}

/* Copies ------------------------------------------------------------- */

static int
put_copy(struct state *s, const char *sql, const char *id, const char *peer,
    enum copy_state state)
{
	sqlite3_stmt *st = state_writing(s, sql);

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	sqlite3_bind_int(st, 3, (int)state);
	return run(s, st);
}

int
state_copy_set(
    struct state *s, const char *id, const char *peer, enum copy_state state)
{
	return put_copy(s,
	    "INSERT INTO copies (id, peer, state) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (id, peer) DO UPDATE SET state = ?3",
	    id, peer, state);
}

int
state_copy_add(
    struct state *s, const char *id, const char *peer, enum copy_state state)
{
	return put_copy(s,
	    "INSERT OR IGNORE INTO copies (id, peer, state)"
	    " VALUES (?1, ?2, ?3)",
	    id, peer, state);
}

int
state_copies(
    struct state *s, const char *id, struct copy *copies_r, unsigned max)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT peer, state FROM copies WHERE id = ?1 ORDER BY peer"
	    " LIMIT ?2");
	int n = 0, rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	sqlite3_bind_int64(st, 2, max);
	while ((rc = db_row(s->db, st)) == 1) {
		state_column_text(
		    st, 0, copies_r[n].peer, sizeof(copies_r[n].peer));
		copies_r[n++].state =
		    (enum copy_state)sqlite3_column_int(st, 1);
	}
	return rc < 0 ? rc : n;
}

int
state_copy(struct state *s, const char *id, const char *peer)
{
	sqlite3_stmt *st = db_stmt(
	    s->db, "SELECT state FROM copies WHERE id = ?1 AND peer = ?2");
	int64_t n;
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	rc = read_number(s, st, &n);
	return rc < 0 ? rc : (int)n;
}

int
state_forgive(struct state *s, const char *id)
{
	sqlite3_stmt *st =
	    state_writing(s, "DELETE FROM copies WHERE id = ?1 AND state = ?2");

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	sqlite3_bind_int(st, 2, COPY_REFUSED);
	return run(s, st);
}

int
state_forget(struct state *s, const char *id)
{
	sqlite3_stmt *st = state_writing(s, "DELETE FROM copies WHERE id = ?1");

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	return run(s, st);
}

int
state_each_origin(struct state *s, state_origin_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT id, peer, state FROM copies WHERE state IN (?1, ?2, ?3)");
	char id[BUNDLE_ID_LEN + 1], peer[NODE_NAME_MAX + 1];
	int rc;

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int(st, 1, COPY_OWN);
	sqlite3_bind_int(st, 2, COPY_BROUGHT);
	sqlite3_bind_int(st, 3, COPY_SHORT);
	while ((rc = db_row(s->db, st)) == 1) {
		if (!state_column_id(st, 0, id))
			continue;
		state_column_text(st, 1, peer, sizeof(peer));
		fn(id, peer, (enum copy_state)sqlite3_column_int(st, 2), ctx);
	}
	return rc;
}

int
state_drawn_next(struct state *s, const char *peer, const char *after,
    char id_r[BUNDLE_ID_LEN + 1])
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT id FROM copies WHERE peer = ?1 AND state = ?2 AND id > ?3"
	    " ORDER BY id LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int(st, 2, COPY_DRAWN);
	state_bind_id(st, 3, after);
	rc = db_row(s->db, st);
	if (rc == 1 && !state_column_id(st, 0, id_r))
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

unsigned
state_drawn_count(struct state *s, const char *peer)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT count(*) FROM copies WHERE peer = ?1 AND state = ?2");

	if (st == NULL)
		return 0;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int(st, 2, COPY_DRAWN);
	return (unsigned)number(s, st);
}

int
state_each_spread(
    struct state *s, int64_t silent, state_spread_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT n, count(*) FROM (SELECT count(*) AS n FROM copies"
	    " WHERE state IN (?1, ?2, ?3, ?4) AND id IN (SELECT id"
	    " FROM copies WHERE state IN (?1, ?4)) AND peer NOT IN"
	    " (SELECT peer FROM heard WHERE day <= ?5) GROUP BY id)"
	    " GROUP BY n ORDER BY n");
	int rc;

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int(st, 1, COPY_OWN);
	sqlite3_bind_int(st, 2, COPY_BROUGHT);
	sqlite3_bind_int(st, 3, COPY_HAS);
	sqlite3_bind_int(st, 4, COPY_SHORT);
	sqlite3_bind_int64(st, 5, silent);
	while ((rc = db_row(s->db, st)) == 1)
		fn((unsigned)sqlite3_column_int(st, 0),
		    (unsigned)sqlite3_column_int(st, 1), ctx);
	return rc;
}

/* Receipts ----------------------------------------------------------- */

static int
add_text(struct state *s, const struct receipt *r, uint32_t day, int64_t *n_r)
{
	sqlite3_stmt *st;
	struct buf text;
	int rc;

	buf_init(&text, RECEIPT_MAX);
	rc = receipt_write(r, &text);
	if (rc < 0)
		goto out;
	rc = AG_EIO;
	st = state_writing(s, "INSERT INTO texts (day, text) VALUES (?1, ?2)");
	if (st == NULL)
		goto out;
	sqlite3_bind_int64(st, 1, day);
	sqlite3_bind_blob(st, 2, text.data, (int)text.len, SQLITE_TRANSIENT);
	rc = run(s, st);
	if (rc == 0)
		*n_r = number(s, db_stmt(s->db, "SELECT last_insert_rowid()"));
out:
	buf_free(&text);
	return rc;
}

int
state_receipt_add(struct state *s, const struct receipt *r,
    const char *const *ids, unsigned count, uint32_t day, int64_t *n_r)
{
	sqlite3_stmt *st;
	unsigned i;
	int rc;

	*n_r = 0;
	rc = add_text(s, r, day, n_r);
	for (i = 0; i < count && rc == 0; i++) {
		st = state_writing(s,
		    "INSERT OR IGNORE INTO receipts (id, n) VALUES (?1, ?2)");
		if (st == NULL)
			return AG_EIO;
		state_bind_id(st, 1, ids[i]);
		sqlite3_bind_int64(st, 2, *n_r);
		rc = run(s, st);
	}
	return rc;
}

int
state_receipt_find(struct state *s, const char *id, struct buf *text)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT text FROM texts JOIN receipts USING (n) WHERE id = ?1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	rc = db_row(s->db, st);
	if (rc == 1 && text != NULL &&
	    buf_put(text, sqlite3_column_blob(st, 0),
		(size_t)sqlite3_column_bytes(st, 0)) < 0)
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

unsigned
state_receipt_count(struct state *s)
{
	return (unsigned)number(
	    s, db_stmt(s->db, "SELECT count(*) FROM receipts"));
}

int
state_each_receipted(struct state *s, state_id_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(s->db, "SELECT id FROM receipts");
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
state_receipts_expire(struct state *s, uint32_t day)
{
	sqlite3_stmt *st = state_writing(s, "DELETE FROM texts WHERE day < ?1");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, day);
	return run(s, st);
}

int
state_tell_add(struct state *s, const char *peer, int64_t n)
{
	sqlite3_stmt *st = state_writing(
	    s, "INSERT OR IGNORE INTO tells (peer, n) VALUES (?1, ?2)");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, n);
	return run(s, st);
}

int
state_tell_next(struct state *s, const char *peer, int64_t after, int64_t *n_r,
    struct buf *text)
{
	sqlite3_stmt *st = db_stmt(s->db,
	    "SELECT n, text FROM tells JOIN texts USING (n)"
	    " WHERE peer = ?1 AND n > ?2 ORDER BY n LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, after);
	rc = db_row(s->db, st);
	if (rc == 1) {
		*n_r = sqlite3_column_int64(st, 0);
		if (buf_put(text, sqlite3_column_blob(st, 1),
			(size_t)sqlite3_column_bytes(st, 1)) < 0)
			rc = AG_EIO;
	}
	sqlite3_reset(st);
	return rc;
}

int
state_tell_done(struct state *s, const char *peer, int64_t n)
{
	sqlite3_stmt *st =
	    state_writing(s, "DELETE FROM tells WHERE peer = ?1 AND n = ?2");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, n);
	return run(s, st);
}

unsigned
state_tell_count(struct state *s, const char *peer)
{
	sqlite3_stmt *st =
	    db_stmt(s->db, "SELECT count(*) FROM tells WHERE peer = ?1");

	if (st == NULL)
		return 0;
	state_bind_text(st, 1, peer);
	return (unsigned)number(s, st);
}
