/* SPDX-License-Identifier: MIT */
/*
 * ledger_rcpts - the ledger's recipients, and the contents that came
 * lately. See ledger.h.
 *
 * A content is claimed when its mail goes to Postfix and marked delivered
 * when Postfix took it. A claim that a crash left is its bundle's own for
 * CLAIM_SECONDS: that bundle will be asked for again, and Sieve can tell
 * it from a second delivery, which it could not of another bundle's.
 */
#include "deliver/ledger_db.h"

#include <stdio.h>
#include <string.h>

#define CLAIM_SECONDS 3600

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

int
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

int
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
int
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
