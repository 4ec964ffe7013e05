/* SPDX-License-Identifier: MIT */
/*
 * state_events - the table of what happened to bundles. See events.h.
 *
 * SECURITY: who and text may be a peer's words: bound, never part of a
 * statement, and bounded. A peer can't make rows for what is not here.
 */
#include "relayd/events.h"

#include <stdio.h>
#include <string.h>

#include "util/db.h"
#include "relayd/state_sql.h"

const char *
event_name(enum event_kind kind)
{
	static const char *const names[EVENT_KINDS] = {
	    [EVENT_ACCEPTED] = "accepted",
	    [EVENT_BROUGHT] = "brought",
	    [EVENT_DRAWN] = "drawn",
	    [EVENT_STORED] = "stored",
	    [EVENT_HAS] = "has",
	    [EVENT_REFUSED] = "refused",
	    [EVENT_RECEIPT] = "receipt",
	    [EVENT_REMOVED] = "removed",
	    [EVENT_OUTCOME] = "outcome",
	    [EVENT_TOLD] = "told",
	    [EVENT_EXPIRED] = "expired",
	    [EVENT_LOST] = "lost",
	    [EVENT_UNPROVEN] = "unproven",
	};

	if ((unsigned)kind >= EVENT_KINDS || names[kind] == NULL)
		return "?";
	return names[kind];
}

int
state_event_add(struct state *s, const char *id, enum event_kind kind,
    const char *who, const char *text, uint32_t day, int64_t now)
{
	char cut[EVENT_TEXT_MAX + 1];
	sqlite3_stmt *st;

	st = state_writing(s,
	    "INSERT OR IGNORE INTO events (id, day, at, kind, who, text)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	if (st == NULL)
		return AG_EIO;
	snprintf(cut, sizeof(cut), "%s", text == NULL ? "" : text);
	state_bind_id(st, 1, id);
	sqlite3_bind_int64(st, 2, day);
	sqlite3_bind_int64(st, 3, now);
	sqlite3_bind_int(st, 4, (int)kind);
	state_bind_text(st, 5, who);
	state_bind_text(st, 6, cut);
	return db_run(state_db(s), st);
}

#define COLUMNS "n, at, kind, id, who, text"

static int
each(struct state *s, sqlite3_stmt *st, state_event_fn *fn, void *ctx)
{
	struct event_row e;
	int rc;

	while ((rc = db_row(state_db(s), st)) == 1) {
		e.n = sqlite3_column_int64(st, 0);
		e.at = sqlite3_column_int64(st, 1);
		e.kind = (enum event_kind)sqlite3_column_int(st, 2);
		if (!state_column_id(st, 3, e.id))
			continue;
		state_column_text(st, 4, e.who, sizeof(e.who));
		state_column_text(st, 5, e.text, sizeof(e.text));
		fn(&e, ctx);
	}
	return rc;
}

int
state_each_event(struct state *s, const char *id, state_event_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT " COLUMNS " FROM events WHERE id = ?1 ORDER BY n");

	if (st == NULL)
		return AG_EIO;
	state_bind_id(st, 1, id);
	return each(s, st, fn, ctx);
}

int
state_last_events(struct state *s, unsigned max, state_event_fn *fn, void *ctx)
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT " COLUMNS " FROM (SELECT * FROM events ORDER BY n DESC"
	    " LIMIT ?1) ORDER BY n");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, max);
	return each(s, st, fn, ctx);
}

/* The prefix, filled up to a whole ID. */
static void
fill(const char *prefix, char digit, char id_r[BUNDLE_ID_LEN + 1])
{
	size_t len = strlen(prefix);

	memset(id_r, digit, BUNDLE_ID_LEN);
	id_r[BUNDLE_ID_LEN] = '\0';
	memcpy(id_r, prefix, len < BUNDLE_ID_LEN ? len : BUNDLE_ID_LEN);
}

int
state_event_id(
    struct state *s, const char *prefix, char id_r[BUNDLE_ID_LEN + 1])
{
	sqlite3_stmt *st = db_stmt(state_db(s),
	    "SELECT DISTINCT id FROM events WHERE id BETWEEN ?1 AND ?2"
	    " LIMIT 2");
	char bound[BUNDLE_ID_LEN + 1];
	int rc, found = 0;

	id_r[0] = '\0';
	if (st == NULL)
		return AG_EIO;
	fill(prefix, '0', bound);
	state_bind_id(st, 1, bound);
	fill(prefix, 'f', bound);
	state_bind_id(st, 2, bound);
	while ((rc = db_row(state_db(s), st)) == 1) {
		if (!state_column_id(st, 0, id_r) || ++found > 1)
			continue;
	}
	if (rc < 0)
		return rc;
	return found > 1 ? AG_EEXIST : found;
}

int
state_events_expire(struct state *s, uint32_t day, int64_t max)
{
	sqlite3_stmt *st = state_writing(s,
	    "DELETE FROM events WHERE day < ?1"
	    " OR n <= (SELECT max(n) FROM events) - ?2");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, day);
	sqlite3_bind_int64(st, 2, max);
	return db_run(state_db(s), st);
}
