/* SPDX-License-Identifier: MIT */
/*
 * state_expiry - the tables of what expired. See state_expiry.h.
 *
 * SECURITY: losses are a peer's word, with a ticket that was verified;
 * their number is bounded.
 */
#include "relayd/state_expiry.h"

#include "util/db.h"
#include "relayd/state_sql.h"

/* Is there a row of this bundle? Not when that can't be read. */
static bool
has(struct state *s, const char *sql, const char *id)
{
	sqlite3_stmt *st = db_stmt(state_db(s), sql);
	int rc;

	if (st == NULL)
		return false;
	state_bind_id(st, 1, id);
	rc = db_row(state_db(s), st);
	sqlite3_reset(st);
	return rc == 1;
}

static unsigned
count(struct state *s, const char *sql)
{
	return (unsigned)state_read_count(s, db_stmt(state_db(s), sql));
}

/* Lapses ---------------------------------------------------------------- */

int
state_lapse_add(struct state *s, const char *id, const char *home,
    const char *ticket, uint32_t day, bool dsn)
{
	sqlite3_stmt *st = state_writing(s,
	    "INSERT OR IGNORE INTO lapses (id, home, ticket, day, told, dsn)"
	    " VALUES (?1, ?2, ?3, ?4, 0, ?5)");

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, home);
	state_bind_text(st, 3, ticket);
	sqlite3_bind_int64(st, 4, day);
	sqlite3_bind_int(st, 5, dsn ? 1 : 0);
	return db_run(state_db(s), st);
}

bool
state_lapse_is(struct state *s, const char *id)
{
	return has(s, "SELECT 1 FROM lapses WHERE id = ?1", id);
}

int
state_lapse_next(struct state *s, const char *home, const char *after,
    char id_r[BUNDLE_ID_LEN + 1], struct buf *ticket)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT id, ticket FROM lapses WHERE home = ?1 AND told = 0"
	    " AND id > ?2 ORDER BY id LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, home);
	state_bind_id(st, 2, after);
	rc = db_row(state_db(s), st);
	if (rc == 1 &&
	    (!state_column_id(st, 0, id_r) ||
		buf_puts(ticket, (const char *)sqlite3_column_text(st, 1)) < 0))
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

int
state_lapse_told(struct state *s, const char *id, const char *home)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT 1 FROM lapses WHERE id = ?1 AND home = ?2 AND told = 0");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	state_bind_text(st, 2, home);
	rc = db_row(state_db(s), st);
	sqlite3_reset(st);
	if (rc != 1)
		return rc;
	rc = state_write_of(s, "UPDATE lapses SET told = 1 WHERE id = ?1", id);
	return rc < 0 ? rc : 1;
}

unsigned
state_lapse_count(struct state *s)
{
	return count(s, "SELECT count(*) FROM lapses WHERE told = 0");
}

int
state_each_lapse(struct state *s, state_id_fn *fn, void *ctx)
{
	return state_each_id(s, "SELECT id FROM lapses", fn, ctx);
}

int
state_lapses_expire(struct state *s, uint32_t day)
{
	sqlite3_stmt *st = state_writing(
	    s, "DELETE FROM lapses WHERE day < ?1 AND told = 1 AND dsn = 0");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, day);
	return db_run(state_db(s), st);
}

/* Senders --------------------------------------------------------------- */

int
state_dsn_next(struct state *s, const char *after, char id_r[BUNDLE_ID_LEN + 1])
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT id FROM lapses WHERE dsn = 1 AND id > ?1"
	    " ORDER BY id LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, after);
	rc = db_row(state_db(s), st);
	if (rc == 1 && !state_column_id(st, 0, id_r))
		rc = AG_EIO;
	sqlite3_reset(st);
	return rc;
}

int
state_dsn_done(struct state *s, const char *id)
{
	return state_write_of(s, "UPDATE lapses SET dsn = 0 WHERE id = ?1", id);
}

unsigned
state_dsn_count(struct state *s)
{
	return count(s, "SELECT count(*) FROM lapses WHERE dsn = 1");
}

/* Losses ---------------------------------------------------------------- */

static bool
has_loss(struct state *s, const char *id)
{
	return has(s, "SELECT 1 FROM losses WHERE id = ?1", id);
}

static int
trim_losses(struct state *s)
{
	sqlite3_stmt *st = state_writing(s,
	    "DELETE FROM losses WHERE n <="
	    " (SELECT n FROM losses ORDER BY n DESC LIMIT 1 OFFSET ?1)");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int(st, 1, LOSSES_MAX);
	return db_run(state_db(s), st);
}

int
state_loss_add(struct state *s, const struct loss *l, bool *new_r)
{
	sqlite3_stmt *st;
	int rc;

	*new_r = !has_loss(s, l->id);
	if (!*new_r)
		return 0;
	st = state_writing(s,
	    "INSERT OR IGNORE INTO losses"
	    " (id, peer, acceptor, size, time, at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, l->id);
	state_bind_text(st, 2, l->peer);
	state_bind_text(st, 3, l->acceptor);
	sqlite3_bind_int64(st, 4, (int64_t)l->size);
	sqlite3_bind_int64(st, 5, l->time);
	sqlite3_bind_int64(st, 6, l->at);
	rc = db_run(state_db(s), st);
	return rc < 0 ? rc : trim_losses(s);
}

int
state_loss_del(struct state *s, const char *id)
{
	if (!has_loss(s, id))
		return 0; /* as ever: nothing is written */
	return state_write_of(s, "DELETE FROM losses WHERE id = ?1", id);
}

unsigned
state_loss_count(struct state *s)
{
	return count(s, "SELECT count(*) FROM losses");
}

int
state_each_loss(struct state *s, state_loss_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT id, peer, acceptor, size, time, at FROM losses ORDER BY n");
	struct loss l;
	int rc;

	if (st == NULL)
		return AG_EIO;
	while ((rc = db_row(state_db(s), st)) == 1) {
		if (!state_column_id(st, 0, l.id))
			continue;
		state_column_text(st, 1, l.peer, sizeof(l.peer));
		state_column_text(st, 2, l.acceptor, sizeof(l.acceptor));
		l.size = (uint64_t)sqlite3_column_int64(st, 3);
		l.time = sqlite3_column_int64(st, 4);
		l.at = sqlite3_column_int64(st, 5);
		fn(&l, ctx);
	}
	return rc;
}
