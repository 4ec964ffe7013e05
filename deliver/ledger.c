/* SPDX-License-Identifier: MIT */
/*
 * ledger - delivery.db. See ledger.h.
 *
 * Three commits a mail: ledger_begin, ledger_injecting, ledger_end; none
 * when idle. It knows no files and no SMTP.
 */
#include "deliver/ledger_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define LEDGER_VERSION 1
/* Longer than any peer can bring a bundle again: hold is at most 90 days,
 * and receipts answer for 30 more. */
#define KEEP_SECONDS ((int64_t)400 * 86400)

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS delivery ("
    " id TEXT PRIMARY KEY,"
    " acceptor TEXT NOT NULL,"
    " nonce TEXT NOT NULL,"
    " size INTEGER NOT NULL,"
    " accepted INTEGER NOT NULL," /* the ticket's time */
    " state TEXT NOT NULL,"
    " reason TEXT NOT NULL DEFAULT '',"
    " starts INTEGER NOT NULL DEFAULT 0," /* since the last end */
    " changed INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE UNIQUE INDEX IF NOT EXISTS delivery_nonce"
    " ON delivery (acceptor, nonce) WHERE state <> 'duplicate';"
    "CREATE INDEX IF NOT EXISTS delivery_open ON delivery (changed)"
    " WHERE state IN ('injecting', 'retry', 'refused', 'quarantined');"
    "CREATE TABLE IF NOT EXISTS recipient ("
    " id TEXT NOT NULL,"
    " n INTEGER NOT NULL,"
    " path TEXT NOT NULL,"
    " state INTEGER NOT NULL,"
    " reply TEXT NOT NULL,"
    " PRIMARY KEY (id, n)"
    ") WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS content ("
    " hash BLOB PRIMARY KEY,"
    " id TEXT NOT NULL,"
    " delivered INTEGER NOT NULL,"
    " time INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS content_time ON content (time);"
    "CREATE TABLE IF NOT EXISTS unopened ("
    " id TEXT PRIMARY KEY,"
    " tries INTEGER NOT NULL,"
    " since INTEGER NOT NULL" /* the first */
    ") WITHOUT ROWID;";

int
ledger_open(
    const char *path, struct ledger **l_r, bool *fresh_r, struct error *error_r)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	int rc;

	*l_r = NULL;
	pthread_mutex_init(&l->lock, NULL);
	rc = db_open(
	    path, "deliver", schema, LEDGER_VERSION, &l->db, fresh_r, error_r);
	if (rc < 0)
		ledger_close(&l);
	*l_r = l;
	return rc;
}

void
ledger_close(struct ledger **lp)
{
	struct ledger *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	db_close(&l->db);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- one transaction ---- */

int
ledger_lock(struct ledger *l)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = db_begin(l->db);
	if (rc < 0)
		pthread_mutex_unlock(&l->lock);
	return rc;
}

int
ledger_unlock(struct ledger *l, int rc)
{
	if (rc < 0)
		db_rollback(l->db);
	else
		rc = db_commit(l->db);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

void
ledger_bind(sqlite3_stmt *st, int n, const char *text)
{
	sqlite3_bind_text(st, n, text, -1, SQLITE_TRANSIENT);
}

/* ---- beginning ---- */

void
ledger_column(sqlite3_stmt *st, int n, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, n);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

int
ledger_find(struct ledger *l, const char *id, struct found *f_r)
{
	sqlite3_stmt *st =
	    db_stmt(l->db, "SELECT state, starts FROM delivery WHERE id = ?1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	rc = db_row(l->db, st);
	if (rc <= 0)
		return rc;
	ledger_column(st, 0, f_r->state, sizeof(f_r->state));
	f_r->starts = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
	return 1;
}

/* The state of another bundle of this acceptor and nonce. */
static int
ledger_find_nonce(struct ledger *l, const struct ticket *t, struct found *f_r)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "SELECT state FROM delivery WHERE acceptor = ?1 AND nonce = ?2"
	    " AND id <> ?3 AND state <> 'duplicate'");
	int rc;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, t->acceptor);
	ledger_bind(st, 2, t->nonce);
	ledger_bind(st, 3, t->id);
	rc = db_row(l->db, st);
	if (rc <= 0)
		return rc;
	ledger_column(st, 0, f_r->state, sizeof(f_r->state));
	sqlite3_reset(st);
	return 1;
}

static int
ledger_insert(
    struct ledger *l, const struct ticket *t, const char *state, int64_t now)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "INSERT INTO delivery (id, acceptor, nonce, size, accepted, state,"
	    " starts, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)");

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, t->id);
	ledger_bind(st, 2, t->acceptor);
	ledger_bind(st, 3, t->nonce);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)t->size);
	sqlite3_bind_int64(st, 5, t->time);
	ledger_bind(st, 6, state);
	sqlite3_bind_int64(st, 7, now);
	return db_run(l->db, st);
}

/* A bundle that nothing is known of. */
static int
ledger_begin_new(struct ledger *l, const struct ticket *t, int64_t now,
    enum ledger_answer *answer_r)
{
	struct found other;
	int rc;

	rc = ledger_find_nonce(l, t, &other);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return ledger_insert(l, t, "opening", now);
	if (strcmp(other.state, "opening") == 0) {
		*answer_r = LEDGER_BUSY;
		return 0;
	}
	*answer_r = LEDGER_DUPLICATE;
	return ledger_insert(l, t, "duplicate", now);
}

static bool
ledger_is_final(const char *state, bool again)
{
	if (strcmp(state, "refused") == 0 || strcmp(state, "quarantined") == 0)
		return !again;
	return strcmp(state, "done") == 0 || strcmp(state, "duplicate") == 0;
}

/* One that is known already. */
static int
ledger_begin_known(struct ledger *l, const char *id, const struct found *f,
    bool again, enum ledger_answer *answer_r)
{
	sqlite3_stmt *st;

	if (ledger_is_final(f->state, again)) {
		*answer_r = LEDGER_DUPLICATE;
		return 0;
	}
	if (!again && f->starts >= LEDGER_STARTS_MAX &&
	    strcmp(f->state, "opening") == 0) {
		*answer_r = LEDGER_POISON;
		return 0;
	}
	st = db_stmt(
	    l->db, "UPDATE delivery SET starts = starts + 1 WHERE id = ?1");
	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	return db_run(l->db, st);
}

int
ledger_begin(struct ledger *l, const struct ticket *t, bool again, int64_t now,
    enum ledger_answer *answer_r)
{
	struct found found;
	int rc;

	*answer_r = LEDGER_GO;
	rc = ledger_lock(l);
	if (rc < 0)
		return rc;
	rc = ledger_find(l, t->id, &found);
	if (rc == 1)
		rc = ledger_begin_known(l, t->id, &found, again, answer_r);
	else if (rc == 0)
		rc = ledger_begin_new(l, t, now, answer_r);
	return ledger_unlock(l, rc);
}

/* ---- states ---- */

static int
ledger_set_state(struct ledger *l, const char *id, const char *state,
    const char *reason, int starts, int64_t now)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "UPDATE delivery SET state = ?2, reason = ?3, changed = ?4,"
	    " starts = CASE WHEN ?5 < 0 THEN starts ELSE ?5 END"
	    " WHERE id = ?1");

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	ledger_bind(st, 2, state);
	ledger_bind(st, 3, reason);
	sqlite3_bind_int64(st, 4, now);
	sqlite3_bind_int(st, 5, starts);
	return db_run(l->db, st);
}

int
ledger_injecting(
    struct ledger *l, const char *id, struct rcpts *rs, int64_t now)
{
	int rc;

	rc = ledger_lock(l);
	if (rc < 0)
		return rc;
	rc = ledger_claim_all(l, id, rs, now);
	if (rc == 0)
		rc = ledger_save_rcpts(l, id, rs);
	if (rc == 0)
		rc = ledger_set_state(l, id, "injecting", "", -1, now);
	return ledger_unlock(l, rc);
}

static int
ledger_prune(struct ledger *l, int64_t now)
{
	static const char *const deletes[] = {
	    "DELETE FROM content WHERE time < ?1",
	    "DELETE FROM recipient WHERE id IN (SELECT id FROM delivery WHERE"
	    " changed < ?2 AND state IN ('done', 'duplicate'))",
	    "DELETE FROM delivery WHERE"
	    " changed < ?2 AND state IN ('done', 'duplicate')",
	    "DELETE FROM unopened WHERE since < ?2",
	};
	sqlite3_stmt *st;
	size_t i;
	int rc = 0;

	if (now < l->prune_at)
		return 0;
	l->prune_at = now + 86400;
	for (i = 0; rc == 0 && i < sizeof(deletes) / sizeof(deletes[0]); i++) {
		st = db_stmt(l->db, deletes[i]);
		if (st == NULL)
			return AG_EIO;
		sqlite3_bind_int64(st, 1, now - CONTENT_SECONDS);
		sqlite3_bind_int64(st, 2, now - KEEP_SECONDS);
		rc = db_run(l->db, st);
	}
	return rc;
}

int
ledger_end(struct ledger *l, const char *id, enum ledger_state state,
    const char *reason, const struct rcpts *rs, int64_t now)
{
	static const char *const names[] = {
	    [LEDGER_RETRY] = "retry",
	    [LEDGER_DONE] = "done",
	    [LEDGER_REFUSED] = "refused",
	    [LEDGER_QUARANTINED] = "quarantined",
	};
	int rc;

	rc = ledger_lock(l);
	if (rc < 0)
		return rc;
	if (rs != NULL)
		rc = ledger_settle_contents(l, id, rs, now);
	if (rc == 0 && rs != NULL)
		rc = ledger_save_rcpts(l, id, rs);
	if (rc == 0)
		rc = ledger_set_state(l, id, names[state], reason, 0, now);
	if (rc == 0)
		rc = ledger_was_opened(l, id);
	if (rc == 0)
		rc = ledger_prune(l, now);
	return ledger_unlock(l, rc);
}

/* One statement about one bundle, as a transaction. */
static int
ledger_change(struct ledger *l, const char *id, const char *sql)
{
	sqlite3_stmt *st;
	int rc;

	rc = ledger_lock(l);
	if (rc < 0)
		return rc;
	st = db_stmt(l->db, sql);
	if (st == NULL)
		return ledger_unlock(l, AG_EIO);
	ledger_bind(st, 1, id);
	return ledger_unlock(l, db_run(l->db, st));
}

int
ledger_pause(struct ledger *l, const char *id)
{
	return ledger_change(
	    l, id, "UPDATE delivery SET starts = 0 WHERE id = ?1");
}

int
ledger_forget(struct ledger *l, const char *id)
{
	return ledger_change(
	    l, id, "DELETE FROM delivery WHERE id = ?1 AND state = 'opening'");
}
