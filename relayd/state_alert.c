/* SPDX-License-Identifier: MIT */
/*
 * state_alert - the table of homes that are away. See state_alert.h.
 */
#include "relayd/state_alert.h"

#include "util/db.h"
#include "relayd/state_sql.h"

int
state_alert_set(struct state *s, const char *home, const struct outage *o)
{
	sqlite3_stmt *st = o->stage == 0
	    ? state_writing(s, "DELETE FROM alerts WHERE home = ?1")
	    : state_writing(s,
		  "INSERT OR REPLACE INTO alerts (home, stage, since, day)"
		  " VALUES (?1, ?2, ?3, ?4)");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, home);
	if (o->stage != 0) {
		sqlite3_bind_int(st, 2, (int)o->stage);
		sqlite3_bind_int64(st, 3, o->since);
		sqlite3_bind_int64(st, 4, o->day);
	}
	return db_run(state_db(s), st);
}

int
state_each_alert(struct state *s, state_alert_fn *fn, void *ctx)
{
	sqlite3_stmt *st =
	    db_stmt(state_db(s), "SELECT home, stage, since, day FROM alerts");
	char home[NODE_NAME_MAX + 1];
	struct outage o = {0};
	int rc;

	if (st == NULL)
		return AG_EIO;
	while ((rc = db_row(state_db(s), st)) == 1) {
		state_column_text(st, 0, home, sizeof(home));
		o.stage = (unsigned)sqlite3_column_int(st, 1);
		o.since = sqlite3_column_int64(st, 2);
		o.day = (uint32_t)sqlite3_column_int64(st, 3);
		fn(home, &o, ctx);
	}
	return rc;
}
