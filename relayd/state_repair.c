/* SPDX-License-Identifier: MIT */
/*
 * state_repair - the tables of who was heard when, and of copies that went
 * missing. See state_repair.h.
 */
#include "relayd/state_repair.h"

#include "util/db.h"
#include "relayd/state_sql.h"

int
state_heard_set(struct state *s, const char *peer, uint32_t day)
{
	return state_peer_put(s,
	    "INSERT INTO heard (peer, day) VALUES (?1, ?2)"
	    " ON CONFLICT (peer) DO UPDATE SET day = ?2",
	    peer, day);
}

int
state_each_heard(struct state *s, state_peer_fn *fn, void *ctx)
{
	return state_each_peer(s, "SELECT peer, day FROM heard", fn, ctx);
}

/* Run a statement of an ID, a peer and a day. */
static int
put(struct state *s, sqlite3_stmt *st, const char *id, const char *peer,
    uint32_t day)
{
	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	sqlite3_bind_int64(st, 3, day);
	return db_run(state_db(s), st);
}

int
state_missing_add(
    struct state *s, const char *id, const char *peer, uint32_t day)
{
	return put(s,
	    state_writing(s,
		"INSERT OR IGNORE INTO missing (id, peer, since, replaced)"
		" VALUES (?1, ?2, ?3, 0)"),
	    id, peer, day);
}

int
state_missing_replaced(
    struct state *s, const char *id, const char *peer, uint32_t day)
{
	return put(s,
	    state_writing(s,
		"INSERT INTO missing (id, peer, since, replaced)"
		" VALUES (?1, ?2, ?3, ?3)"
		" ON CONFLICT (id, peer) DO UPDATE SET replaced = ?3"),
	    id, peer, day);
}

int
state_missing_since(
    struct state *s, const char *id, const char *peer, uint32_t *day_r)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT since FROM missing WHERE id = ?1 AND peer = ?2");
	int rc;

	*day_r = 0;
	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	rc = db_row(state_db(s), st);
	if (rc == 1)
		*day_r = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return rc;
}

int
state_missing_forget(struct state *s, const char *id)
{
	return state_write_of(s, "DELETE FROM missing WHERE id = ?1", id);
}

int
state_missing_back(struct state *s, const char *id, const char *peer)
{
	sqlite3_stmt *st = state_writing(s,
	    "DELETE FROM missing WHERE id = ?1 AND peer = ?2"
	    " AND replaced = 0");

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, peer);
	return db_run(state_db(s), st);
}

/* Of this peer's copies in this state, by a statement of three values. */
static int
next_copy(struct state *s, sqlite3_stmt *st, const char *peer,
    enum copy_state state, const char *id, char id_r[BUNDLE_ID_LEN + 1])
{
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int(st, 2, (int)state);
	state_bind_id(st, 3, id);
	rc = db_row(state_db(s), st);
	if (rc == 1 && !state_column_id(st, 0, id_r))
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

int
state_unreplaced_next(struct state *s, const char *peer, enum copy_state state,
    const char *after, char id_r[BUNDLE_ID_LEN + 1])
{
	return next_copy(s,
	    db_stmt(state_db(s),
		"SELECT id FROM copies WHERE peer = ?1 AND state = ?2"
		" AND id > ?3 AND NOT EXISTS (SELECT 1 FROM missing AS m"
		" WHERE m.id = copies.id AND m.peer = ?1 AND m.replaced > 0)"
		" ORDER BY id LIMIT 1"),
	    peer, state, after, id_r);
}

int
state_copy_next(struct state *s, const char *peer, enum copy_state state,
    const char *after, char id_r[BUNDLE_ID_LEN + 1])
{
	return next_copy(s,
	    db_stmt(state_db(s),
		"SELECT id FROM copies WHERE peer = ?1 AND state = ?2"
		" AND id > ?3 ORDER BY id LIMIT 1"),
	    peer, state, after, id_r);
}

unsigned
state_below_count(struct state *s, int64_t silent)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT count(DISTINCT own.id) FROM copies AS own, copies AS c"
	    " WHERE own.state IN (?1, ?2) AND c.id = own.id"
	    " AND (c.state IN (?2, ?3) OR ((c.state IN (?4, ?5)"
	    " OR c.peer IN (SELECT peer FROM heard WHERE day <= ?6))"
	    " AND NOT EXISTS (SELECT 1 FROM missing AS m WHERE m.id = c.id"
	    " AND m.peer = c.peer AND m.replaced > 0) AND c.state != ?7))");

	if (st == NULL)
		return 0;
	sqlite3_bind_int(st, 1, COPY_OWN);
	sqlite3_bind_int(st, 2, COPY_SHORT);
	sqlite3_bind_int(st, 3, COPY_DRAWN);
	sqlite3_bind_int(st, 4, COPY_LOST);
	sqlite3_bind_int(st, 5, COPY_UNPROVEN);
	sqlite3_bind_int64(st, 6, silent);
	sqlite3_bind_int(st, 7, COPY_REFUSED);
	return (unsigned)state_read_count(s, st);
}
