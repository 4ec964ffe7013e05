/* SPDX-License-Identifier: MIT */
/*
 * ledger_unopened - bundles at which the engine failed without a reason.
 * See ledger.h.
 */
#include "deliver/ledger_db.h"

/* One more time; how often that makes, or AG_EIO. */
static int
count_one(struct ledger *l, const char *id, int64_t now)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "INSERT INTO unopened (id, tries, since) VALUES (?1, 1, ?2)"
	    " ON CONFLICT (id) DO UPDATE SET tries = tries + 1");
	int rc = AG_EIO;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	sqlite3_bind_int64(st, 2, now);
	if (db_run(l->db, st) < 0)
		return AG_EIO;
	st = db_stmt(l->db, "SELECT tries FROM unopened WHERE id = ?1");
	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	if (db_row(l->db, st) == 1)
		rc = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return rc;
}

/* Has the engine opened any other since the first time? 1, 0, AG_EIO. */
static int
others_were_opened(struct ledger *l, const char *id)
{
	sqlite3_stmt *st = db_stmt(l->db,
	    "SELECT 1 FROM delivery, unopened WHERE unopened.id = ?1"
	    " AND delivery.id <> ?1 AND changed > since"
	    " AND state IN ('retry', 'injecting', 'done', 'refused') LIMIT 1");
	int rc;

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	rc = db_row(l->db, st);
	sqlite3_reset(st);
	return rc;
}

int
ledger_unopened(struct ledger *l, const char *id, int64_t now)
{
	int rc, tries;

	rc = ledger_lock(l);
	if (rc < 0)
		return rc;
	tries = count_one(l, id, now);
	if (tries < 0)
		return ledger_unlock(l, tries);
	if (tries >= LEDGER_OPENS_MAX)
		rc = 1;
	else if (tries >= LEDGER_STARTS_MAX)
		rc = others_were_opened(l, id);
	if (rc < 0)
		return ledger_unlock(l, rc);
	return ledger_unlock(l, 0) < 0 ? AG_EIO : rc;
}

int
ledger_was_opened(struct ledger *l, const char *id)
{
	sqlite3_stmt *st = db_stmt(l->db, "DELETE FROM unopened WHERE id = ?1");

	if (st == NULL)
		return AG_EIO;
	ledger_bind(st, 1, id);
	return db_run(l->db, st);
}
