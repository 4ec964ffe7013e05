/* SPDX-License-Identifier: MIT */
/*
 * ledger_ask - what the ledger tells; nothing is written here. See
 * ledger.h.
 */
#include "deliver/ledger_db.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

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

int64_t
ledger_injecting_since(struct ledger *l, const char *id)
{
	sqlite3_stmt *st;
	int64_t since = AG_EIO;

	pthread_mutex_lock(&l->lock);
	st = db_stmt(l->db,
	    "SELECT changed FROM delivery"
	    " WHERE id = ?1 AND state = 'injecting'");
	if (st != NULL) {
		ledger_bind(st, 1, id);
		since = db_row(l->db, st);
		if (since == 1)
			since = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&l->lock);
	return since;
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
