/* SPDX-License-Identifier: MIT */
/*
 * state_copies - the table of who holds a bundle, or is to hold it. See
 * state.h.
 */
#include "util/db.h"
#include "relayd/state_sql.h"

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
	return db_run(state_db(s), st);
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
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT peer, state FROM copies WHERE id = ?1 ORDER BY peer"
	    " LIMIT ?2");
	int n = 0, rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	sqlite3_bind_int64(st, 2, max);
	while ((rc = db_row(state_db(s), st)) == 1) {
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
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT state FROM copies WHERE id = ?1 AND peer = ?2");
	int64_t n;
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	rc = state_read_number(s, st, &n);
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
	return db_run(state_db(s), st);
}

int
state_forget(struct state *s, const char *id)
{
	return state_write_of(s, "DELETE FROM copies WHERE id = ?1", id);
}

int
state_each_origin(struct state *s, state_origin_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT id, peer, state FROM copies WHERE state IN (?1, ?2, ?3)");
	char id[BUNDLE_ID_LEN + 1], peer[NODE_NAME_MAX + 1];
	int rc;

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int(st, 1, COPY_OWN);
	sqlite3_bind_int(st, 2, COPY_BROUGHT);
	sqlite3_bind_int(st, 3, COPY_SHORT);
	while ((rc = db_row(state_db(s), st)) == 1) {
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
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT id FROM copies WHERE peer = ?1 AND state = ?2 AND id > ?3"
	    " ORDER BY id LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int(st, 2, COPY_DRAWN);
	state_bind_id(st, 3, after);
	rc = db_row(state_db(s), st);
	if (rc == 1 && !state_column_id(st, 0, id_r))
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

unsigned
state_copy_count(struct state *s, const char *peer, enum copy_state state)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT count(*) FROM copies WHERE peer = ?1 AND state = ?2");

	if (st == NULL)
		return 0;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int(st, 2, (int)state);
	return (unsigned)state_read_count(s, st);
}

int
state_each_spread(
    struct state *s, int64_t silent, state_spread_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
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
	while ((rc = db_row(state_db(s), st)) == 1)
		fn((unsigned)sqlite3_column_int(st, 0),
		    (unsigned)sqlite3_column_int(st, 1), ctx);
	return rc;
}
