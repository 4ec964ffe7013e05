/* SPDX-License-Identifier: MIT */
/*
 * state_receipts - the tables of receipts, and of who is still to hear
 * them. See state.h.
 */
#include "util/db.h"
#include "relayd/state_sql.h"

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
	rc = db_run(state_db(s), st);
	if (rc == 0)
		*n_r = state_read_count(
		    s, db_stmt(state_db(s), "SELECT last_insert_rowid()"));
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
		rc = db_run(state_db(s), st);
	}
	return rc;
}

int
state_receipt_find(struct state *s, const char *id, struct buf *text)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT text FROM texts JOIN receipts USING (n) WHERE id = ?1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	rc = db_row(state_db(s), st);
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
	return (unsigned)state_read_count(
	    s, db_stmt(state_db(s), "SELECT count(*) FROM receipts"));
}

int
state_each_receipted(struct state *s, state_id_fn *fn, void *ctx)
{
	return state_each_id(s, "SELECT id FROM receipts", fn, ctx);
}

int
state_receipts_expire(struct state *s, uint32_t day)
{
	sqlite3_stmt *st = state_writing(s, "DELETE FROM texts WHERE day < ?1");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, day);
	return db_run(state_db(s), st);
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
	return db_run(state_db(s), st);
}

int
state_tell_next(struct state *s, const char *peer, int64_t after, int64_t *n_r,
    struct buf *text)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT n, text FROM tells JOIN texts USING (n)"
	    " WHERE peer = ?1 AND n > ?2 ORDER BY n LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, after);
	rc = db_row(state_db(s), st);
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
	return db_run(state_db(s), st);
}

unsigned
state_tell_count(struct state *s, const char *peer)
{
	sqlite3_stmt *st =
	    db_stmt(state_db(s), "SELECT count(*) FROM tells WHERE peer = ?1");

	if (st == NULL)
		return 0;
	state_bind_text(st, 1, peer);
	return (unsigned)state_read_count(s, st);
}
