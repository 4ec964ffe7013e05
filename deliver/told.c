/* SPDX-License-Identifier: MIT */
/*
 * told - the notices that were sent. See told.h.
 */
#include "deliver/told.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/db.h"
#include "util/text.h"

#define TOLD_VERSION 1
#define KEEP_SECONDS (400 * 86400LL) /* longer than anything is held */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS told ("
    " kind TEXT NOT NULL, about TEXT NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY (kind, about)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS told_time ON told (time);";

struct told {
	struct db *db;
	pthread_mutex_t lock;
};

int
told_open(const char *path, struct told **t_r, struct error *error_r)
{
	struct told *t = xcalloc(1, sizeof(*t));
	bool fresh;
	int rc;

	*t_r = NULL;
	pthread_mutex_init(&t->lock, NULL);
	rc = db_open(
	    path, "told", schema, TOLD_VERSION, &t->db, &fresh, error_r);
	if (rc < 0)
		told_close(&t);
	*t_r = t;
	return rc;
}

void
told_close(struct told **tp)
{
	struct told *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	db_close(&t->db);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void
bind(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

int
told_is(struct told *t, const char *kind, const char *about)
{
	sqlite3_stmt *st;
	int rc = AG_EIO;

	pthread_mutex_lock(&t->lock);
	st =
	    db_stmt(t->db, "SELECT 1 FROM told WHERE kind = ?1 AND about = ?2");
	if (st != NULL) {
		bind(st, 1, kind);
		bind(st, 2, about);
		rc = db_row(t->db, st);
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* Those of long ago go, as others come. */
static int
forget_old(struct told *t, int64_t now)
{
	sqlite3_stmt *st = db_stmt(t->db, "DELETE FROM told WHERE time < ?1");

	if (st == NULL)
		return AG_EIO;
	sqlite3_bind_int64(st, 1, now - KEEP_SECONDS);
	return db_run(t->db, st);
}

int
told_add(struct told *t, const char *kind, const char *about, int64_t now)
{
	sqlite3_stmt *st;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = db_begin(t->db);
	if (rc == 0) {
		st = db_stmt(t->db,
		    "INSERT OR REPLACE INTO told (kind, about, time)"
		    " VALUES (?1, ?2, ?3)");
		rc = AG_EIO;
		if (st != NULL) {
			bind(st, 1, kind);
			bind(st, 2, about);
			sqlite3_bind_int64(st, 3, now);
			rc = db_run(t->db, st);
		}
		if (rc == 0)
			rc = forget_old(t, now);
		if (rc == 0)
			rc = db_commit(t->db);
		else
			db_rollback(t->db);
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

int
told_count(struct told *t, const char *kind, const char *prefix, int64_t after)
{
	sqlite3_stmt *st;
	int rc = AG_EIO;

	pthread_mutex_lock(&t->lock);
	st = db_stmt(t->db,
	    "SELECT count(*) FROM told WHERE kind = ?1 AND time > ?3"
	    " AND substr(about, 1, length(?2)) = ?2");
	if (st != NULL) {
		bind(st, 1, kind);
		bind(st, 2, prefix);
		sqlite3_bind_int64(st, 3, after);
		rc = db_row(t->db, st);
		if (rc == 1)
			rc = sqlite3_column_int(st, 0);
		sqlite3_reset(st);
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}
