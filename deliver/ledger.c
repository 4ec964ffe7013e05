/* SPDX-License-Identifier: MIT */
/*
 * ledger - delivery.db. See ledger.h.
 *
 * Three commits a mail: ledger_begin, ledger_injecting, ledger_end; none
 * when idle. It knows no files and no SMTP.
 *
 * A content is claimed when its mail goes to Postfix and marked delivered
 * when Postfix took it. A claim that a crash left is its bundle's own for
 * CLAIM_SECONDS: that bundle will be asked for again, and Sieve can tell
 * it from a second delivery, which it could not of another bundle's.
 */
#include "deliver/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/db.h"
#include "util/text.h"

#define LEDGER_VERSION 1
#define CONTENT_SECONDS ((int64_t)CONTENT_DAYS * 86400)
#define CLAIM_SECONDS 3600
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
    "CREATE INDEX IF NOT EXISTS content_time ON content (time);";

struct ledger {
	struct db *db;
	pthread_mutex_t lock;
	int64_t prune_at; /* once a day */
};

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

static int
ledger_lock(struct ledger *l)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = db_begin(l->db);
	if (rc < 0)
		pthread_mutex_unlock(&l->lock);
	return rc;
}

/* Commits, or rolls back if rc says so; the lock goes either way. */
static int
ledger_unlock(struct ledger *l, int rc)
{
	if (rc < 0)
		db_rollback(l->db);
	else
		rc = db_commit(l->db);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static void
ledger_bind(sqlite3_stmt *st, int n, const char *text)
{
	sqlite3_bind_text(st, n, text, -1, SQLITE_TRANSIENT);
}

/* ---- beginning ---- */

struct found {
	char state[16];
	int starts;
};

static void
ledger_column(sqlite3_stmt *st, int n, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, n);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

/* 1 with *f_r, 0, AG_EIO. */
static int
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

/* ---- recipients ---- */

static int
ledger_recall_row(sqlite3_stmt *st, bool again, struct rcpts *rs)
{
	int64_t n = sqlite3_column_int64(st, 0);
	const char *path = (const char *)sqlite3_column_text(st, 1);
	int state = sqlite3_column_int(st, 2);
	struct rcpt *r;

	if (n < 0 || (size_t)n >= rs->count || path == NULL ||
	    strcmp(path, rs->rcpt[n].path) != 0 || state < RCPT_WAITING ||
	    state > RCPT_REFUSED)
		return AG_EINVAL;
	r = &rs->rcpt[n];
	r->state = (enum rcpt_state)state;
	ledger_column(st, 3, r->reply, sizeof(r->reply));
	if (again && r->state == RCPT_REFUSED)
		r->state = RCPT_WAITING;
	return 0;
}

int
ledger_recall(struct ledger *l, const char *id, bool again, struct rcpts *rs)
{
	sqlite3_stmt *st;
	int rc = AG_EIO;

	pthread_mutex_lock(&l->lock);
	st = db_stmt(
	    l->db, "SELECT n, path, state, reply FROM recipient WHERE id = ?1");
	if (st != NULL) {
		ledger_bind(st, 1, id);
		while ((rc = db_row(l->db, st)) == 1) {
			rc = ledger_recall_row(st, again, rs);
			if (rc < 0)
				break;
		}
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static int
ledger_save_rcpts(struct ledger *l, const char *id, const struct rcpts *rs)
{
	sqlite3_stmt *st;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < rs->count; i++) {
		st = db_stmt(l->db,
		    "INSERT OR REPLACE INTO recipient"
		    " (id, n, path, state, reply) VALUES (?1, ?2, ?3, ?4, ?5)");
		if (st == NULL)
			return AG_EIO;
		ledger_bind(st, 1, id);
		sqlite3_bind_int64(st, 2, (sqlite3_int64)i);
		ledger_bind(st, 3, rs->rcpt[i].path);
		sqlite3_bind_int(st, 4, (int)rs->rcpt[i].state);
		ledger_bind(st, 5, rs->rcpt[i].reply);
		rc = db_run(l->db, st);
	}
	return rc;
}

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

/* ---- contents ---- */

/* Who has this content? 1: another bundle, *delivered_r says how far; 0:
 * nobody, or we ourselves; AG_EIO. */
static int
ledger_content_of(struct ledger *l, const char *id, const uint8_t *content,
    int64_t now, bool *delivered_r)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "SELECT delivered FROM content WHERE hash = ?1 AND id <> ?2"
	    " AND time > CASE delivered WHEN 0 THEN ?3 ELSE ?4 END");
	int rc;

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_blob(st, 1, content, CONTENT_SIZE, SQLITE_TRANSIENT);
	ledger_bind(st, 2, id);
	sqlite3_bind_int64(st, 3, now - CLAIM_SECONDS);
	sqlite3_bind_int64(st, 4, now - CONTENT_SECONDS);
	rc = db_row(l->db, st);
	if (rc <= 0)
		return rc;
	*delivered_r = sqlite3_column_int(st, 0) != 0;
	sqlite3_reset(st);
	return 1;
}

static int
ledger_content_put(struct ledger *l, const char *id, const uint8_t *content,
    bool delivered, int64_t now)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "INSERT OR REPLACE INTO content (hash, id, delivered, time)"
	    " VALUES (?1, ?2, ?3, ?4)");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_blob(st, 1, content, CONTENT_SIZE, SQLITE_TRANSIENT);
	ledger_bind(st, 2, id);
	sqlite3_bind_int(st, 3, delivered);
	sqlite3_bind_int64(st, 4, now);
	return db_run(l->db, st);
}

/* One waiting recipient's content: claimed, or known as delivered. */
static int
ledger_claim(struct ledger *l, const char *id, struct rcpt *r, int64_t now)
{
	bool delivered = false;
	int rc;

	rc = ledger_content_of(l, id, r->content, now, &delivered);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return ledger_content_put(l, id, r->content, false, now);
	if (!delivered)
		return AG_EAGAIN;
	r->state = RCPT_EQUAL;
	snprintf(r->reply, sizeof(r->reply), "the same mail came before");
	return 0;
}

static int
ledger_claim_all(
    struct ledger *l, const char *id, struct rcpts *rs, int64_t now)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < rs->count; i++) {
		if (rs->rcpt[i].state == RCPT_WAITING &&
		    rs->rcpt[i].has_content)
			rc = ledger_claim(l, id, &rs->rcpt[i], now);
	}
	return rc;
}

/* Claims become deliveries or are given up; what is old goes. */
static int
ledger_settle_contents(
    struct ledger *l, const char *id, const struct rcpts *rs, int64_t now)
{
	sqlite3_stmt *st = db_stmt(
	    l->db, "DELETE FROM content WHERE id = ?1 AND delivered = 0");
	size_t i;
	int rc;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	rc = db_run(l->db, st);
	for (i = 0; rc == 0 && i < rs->count; i++) {
		if (rs->rcpt[i].state == RCPT_DELIVERED && rs->rcpt[i].now &&
		    rs->rcpt[i].has_content)
			rc = ledger_content_put(
			    l, id, rs->rcpt[i].content, true, now);
	}
	return rc;
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

/* ---- ending ---- */

static int
ledger_prune(struct ledger *l, int64_t now)
{
	static const char *const deletes[] = {
	    "DELETE FROM content WHERE time < ?1",
	    "DELETE FROM recipient WHERE id IN (SELECT id FROM delivery WHERE"
	    " changed < ?2 AND state IN ('done', 'duplicate'))",
	    "DELETE FROM delivery WHERE"
	    " changed < ?2 AND state IN ('done', 'duplicate')",
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

/* ---- asking ---- */

int
ledger_is_durable(struct ledger *l, const char *id)
{
	struct found found;
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = ledger_find(l, id, &found);
	pthread_mutex_unlock(&l->lock);
	return rc == 1 ? strcmp(found.state, "opening") != 0 : rc;
}

int
ledger_is_done(struct ledger *l, const char *id)
{
	struct found found;
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = ledger_find(l, id, &found);
	pthread_mutex_unlock(&l->lock);
	return rc == 1 ? strcmp(found.state, "done") == 0 : rc;
}

static int
ledger_list_row(sqlite3_stmt *st, struct buf *out)
{
	char state[16], id[BUNDLE_ID_LEN + 1], acceptor[NODE_NAME_MAX + 1];
	char accepted[21], reason[LEDGER_REPLY_MAX];

	ledger_column(st, 0, state, sizeof(state));
	ledger_column(st, 1, id, sizeof(id));
	ledger_column(st, 3, acceptor, sizeof(acceptor));
	text_time(sqlite3_column_int64(st, 4), accepted);
	ledger_column(st, 5, reason, sizeof(reason));
	return buf_printf(out, "%s %s %lld %s %s %s\n", state, id,
	    (long long)sqlite3_column_int64(st, 2), acceptor, accepted, reason);
}

int
ledger_list(struct ledger *l, struct buf *out)
{
	sqlite3_stmt *st;
	int rc = AG_EIO;

	pthread_mutex_lock(&l->lock);
	st = db_stmt(l->db,
	    "SELECT state, id, size, acceptor, accepted, reason FROM delivery"
	    " WHERE state IN ('injecting', 'retry', 'refused', 'quarantined')"
	    " ORDER BY changed DESC");
	if (st != NULL) {
		while ((rc = db_row(l->db, st)) == 1) {
			if (ledger_list_row(st, out) < 0) {
				rc = 0; /* no more fit */
				break;
			}
		}
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int
ledger_totals(struct ledger *l, struct buf *out)
{
	sqlite3_stmt *st;
	char state[16];
	int rc = AG_EIO;

	pthread_mutex_lock(&l->lock);
	st = db_stmt(l->db,
	    "SELECT state, count(*) FROM delivery GROUP BY state"
	    " ORDER BY state");
	if (st != NULL) {
		while ((rc = db_row(l->db, st)) == 1) {
			ledger_column(st, 0, state, sizeof(state));
			buf_printf(out, "%s %lld\n", state,
			    (long long)sqlite3_column_int64(st, 1));
		}
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static int
ledger_trace_bundle(struct ledger *l, const char *id, struct buf *out)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "SELECT state, size, acceptor, accepted, changed, reason"
	    " FROM delivery WHERE id = ?1");
	char state[16], acceptor[NODE_NAME_MAX + 1];
	char reason[LEDGER_REPLY_MAX], accepted[21], changed[21];
	int rc;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	rc = db_row(l->db, st);
	if (rc <= 0)
		return rc;
	ledger_column(st, 0, state, sizeof(state));
	ledger_column(st, 2, acceptor, sizeof(acceptor));
	text_time(sqlite3_column_int64(st, 3), accepted);
	text_time(sqlite3_column_int64(st, 4), changed);
	ledger_column(st, 5, reason, sizeof(reason));
	buf_printf(out, "%s %lld %s %s %s %s\n", state,
	    (long long)sqlite3_column_int64(st, 1), acceptor, accepted, changed,
	    reason);
	sqlite3_reset(st);
	return 1;
}

static int
ledger_trace_rcpts(struct ledger *l, const char *id, struct buf *out)
{
	static const char *const names[] = {
	    [RCPT_WAITING] = "waiting",
	    [RCPT_DELIVERED] = "delivered",
	    [RCPT_EQUAL] = "equal",
	    [RCPT_REFUSED] = "refused",
	};
	sqlite3_stmt *st = db_stmt(l->db,
	    "SELECT state, path, reply FROM recipient WHERE id = ?1"
	    " ORDER BY n");
	const char *path;
	char reply[LEDGER_REPLY_MAX];
	int rc, state;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	while ((rc = db_row(l->db, st)) == 1) {
		state = sqlite3_column_int(st, 0);
		path = (const char *)sqlite3_column_text(st, 1);
		ledger_column(st, 2, reply, sizeof(reply));
		if (state < RCPT_WAITING || state > RCPT_REFUSED ||
		    path == NULL)
			continue;
		if (buf_printf(out, "%s %s %s\n", names[state], path, reply) <
		    0)
			break; /* no more fit */
	}
	sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int
ledger_trace(struct ledger *l, const char *id, struct buf *out)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = ledger_trace_bundle(l, id, out);
	if (rc == 1)
		rc = ledger_trace_rcpts(l, id, out);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int
ledger_drill(struct ledger *l, const char *mac, struct buf *out)
{
	char reason[LEDGER_REPLY_MAX], id[BUNDLE_ID_LEN + 1];
	sqlite3_stmt *st;
	int rc = AG_EIO;

	snprintf(reason, sizeof(reason), LEDGER_DRILL "%s", mac);
	pthread_mutex_lock(&l->lock);
	st = db_stmt(l->db, "SELECT id FROM delivery WHERE reason = ?1");
	if (st != NULL) {
		ledger_bind(st, 1, reason);
		rc = db_row(l->db, st);
		if (rc == 1) {
			ledger_column(st, 0, id, sizeof(id));
			rc = buf_printf(out, "%s\n", id);
		}
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}
