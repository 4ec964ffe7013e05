/* SPDX-License-Identifier: MIT */
/*
 * state_confirmed - the table of when peers confirmed their manifests. See
 * state.h and confirm.h.
 */
#include "util/db.h"
#include "relayd/state_sql.h"

int
state_confirmed_set(struct state *s, const char *peer, int64_t when)
{
	sqlite3_stmt *st = state_writing(s,
	    "INSERT INTO confirmed (peer, time) VALUES (?1, ?2)"
	    " ON CONFLICT (peer) DO UPDATE SET time = ?2");

	if (st == NULL)
		return AG_EIO;
	state_bind_text(st, 1, peer);
	sqlite3_bind_int64(st, 2, when);
	return db_run(state_db(s), st);
}

int
state_each_confirmed(struct state *s, state_confirmed_fn *fn, void *ctx)
{
	sqlite3_stmt *st =
	    db_stmt(state_db(s), "SELECT peer, time FROM confirmed");
	char peer[NODE_NAME_MAX + 1];
	int rc;

	if (st == NULL)
		return AG_EIO;
	while ((rc = db_row(state_db(s), st)) == 1) {
		state_column_text(st, 0, peer, sizeof(peer));
		fn(peer, sqlite3_column_int64(st, 1), ctx);
	}
	return rc;
}
