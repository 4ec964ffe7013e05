/* SPDX-License-Identifier: MIT */
/*
 * state_signers - who signed which receipt. See state_signers.h.
 */
#include "relayd/state_signers.h"

#include "util/db.h"
#include "relayd/state_sql.h"

static int
make_table(struct state *s)
{
	static const char *const sql[] = {
	    "CREATE TABLE IF NOT EXISTS signers ("
	    " n INTEGER PRIMARY KEY REFERENCES texts (n) ON DELETE CASCADE,"
	    " home TEXT NOT NULL, time INTEGER NOT NULL)",
	    "CREATE INDEX IF NOT EXISTS signers_of ON signers (home, n)",
	};
	sqlite3_stmt *st;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(sql) / sizeof(sql[0]); i++) {
		st = db_stmt(state_db(s), sql[i]);
		rc = st == NULL ? AG_EIO : db_run(state_db(s), st);
	}
	return rc;
}

/* The one row, number and text, of a statement. 1, 0, AG_EIO. */
static int
read_receipt(struct state *s, sqlite3_stmt *st, int64_t *n_r, struct buf *text)
{
	int rc;

	rc = db_row(state_db(s), st);
	if (rc != 1)
		return rc;
	*n_r = sqlite3_column_int64(st, 0);
	rc = buf_put(text, sqlite3_column_blob(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1));
	sqlite3_reset(st);
	return rc < 0 ? AG_EIO : 1;
}

/* The first receipt that is not entered, above after. As
 * state_signers_next(). */
static int
next_missing(struct state *s, int64_t after, int64_t *n_r, struct buf *text)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT n, text FROM texts WHERE n > ?1"
	    " AND n NOT IN (SELECT n FROM signers) ORDER BY n LIMIT 1");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, after);
	return read_receipt(s, st, n_r, text);
}

int
state_signers_open(struct state *s)
{
	struct receipt receipt;
	struct buf text;
	int64_t n = 0;
	int rc;

	buf_init(&text, RECEIPT_MAX);
	rc = make_table(s);
	while (rc == 0 && (rc = next_missing(s, n, &n, &text)) == 1) {
		rc = 0;
		if (receipt_parse(text.data, text.len, &receipt) == 0)
			rc = state_signers_add(s, &receipt, n);
		buf_reset(&text);
	}
	buf_free(&text);
	return rc;
}

int
state_signers_add(struct state *s, const struct receipt *rc, int64_t n)
{
	sqlite3_stmt *st = state_writing(s,
	    "INSERT OR IGNORE INTO signers (n, home, time)"
	    " VALUES (?1, ?2, ?3)");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, n);
	state_bind_text(st, 2, rc->home);
	sqlite3_bind_int64(st, 3, rc->time);
	return db_run(state_db(s), st);
}

int
state_signers_next(struct state *s, const char *home, int64_t since,
    int64_t after, int64_t *n_r, struct buf *text)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT n, text FROM signers JOIN texts USING (n)"
	    " WHERE home = ?1 AND n > ?2 AND time > ?3 ORDER BY n LIMIT 1");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, home);
	sqlite3_bind_int64(st, 2, after);
	sqlite3_bind_int64(st, 3, since);
	return read_receipt(s, st, n_r, text);
}

int64_t
state_signers_newest(struct state *s, const char *home)
{
	sqlite3_stmt *st = db_stmt(
	    state_db(s), "SELECT max(time) FROM signers WHERE home = ?1");
	int64_t newest = 0;

	if (st == NULL)
		return 0;
	state_bind_text(st, 1, home);
	if (db_row(state_db(s), st) == 1) {
		newest = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return newest;
}
