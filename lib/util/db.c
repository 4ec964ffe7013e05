/* SPDX-License-Identifier: MIT */
/*
 * db - SQLite as Agamid uses it. See db.h.
 *
 * Only the one process that owns a database opens it; others ask that
 * process over a socket. It knows no tables: the schema is the caller's.
 *
 * SECURITY: statements are literals of ours, values are always bound; a
 * schema that a damaged file might bring is not trusted.
 */
#include "util/db.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/fault.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define DB_STMTS_MAX 256
#define DB_BUSY_MS 5000

struct db {
	sqlite3 *sqlite;
	const char *name;
	char *commit_point; /* "<name>.commit" */
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} stmts[DB_STMTS_MAX];
	size_t stmt_count;
};

static int
db_log(struct db *db, const char *doing)
{
	log_error("database db=%s doing=\"%s\" error=\"%s\"", db->name, doing,
	    sqlite3_errmsg(db->sqlite));
	return AG_EIO;
}

/* The first column of the first row, as a number; -1 if that fails. */
static sqlite3_int64
db_number(sqlite3 *sqlite, const char *sql)
{
	sqlite3_int64 n = -1;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(sqlite, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* SQLITE_OK if the file is whole, SQLITE_CORRUPT or another error. */
static int
db_check(sqlite3 *sqlite)
{
	const char *text;
	sqlite3_stmt *st;
	int rc;

	rc = sqlite3_prepare_v2(sqlite, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		rc = text != NULL && strcmp(text, "ok") == 0 ? SQLITE_OK
							     : SQLITE_CORRUPT;
	}
	sqlite3_finalize(st);
	return rc;
}

static bool
db_is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* SQLite gives its -wal and -shm the mode that the file has. */
static int
db_create_file(const char *path, struct error *error_r)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "can't open %s", path);
	close(fd);
	return 0;
}

/* Opens and checks; an SQLite code, with sqlite_r set even on error. */
static int
db_connect(const char *path, sqlite3 **sqlite_r)
{
	static const char settings[] = "PRAGMA trusted_schema = OFF;"
				       "PRAGMA cell_size_check = ON;"
				       "PRAGMA foreign_keys = ON;"
				       "PRAGMA journal_mode = WAL;"
				       "PRAGMA synchronous = FULL;";
	int rc;

	rc = sqlite3_open_v2(
	    path, sqlite_r, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(*sqlite_r, 1);
	sqlite3_busy_timeout(*sqlite_r, DB_BUSY_MS);
	rc = sqlite3_exec(*sqlite_r, settings, NULL, NULL, NULL);
	return rc != SQLITE_OK ? rc : db_check(*sqlite_r);
}

/* Moves a damaged database and what belongs to it out of the way. */
static int
db_move_aside(const char *path, struct error *error_r)
{
	static const char *const parts[] = {"-wal", "-shm", ""};
	const long long now = (long long)time(NULL);
	char *from, *to;
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		from = xasprintf("%s%s", path, parts[i]);
		to = xasprintf("%s.damaged-%lld%s", path, now, parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			rc = error_set_errno(error_r, AG_EIO,
			    "can't move the damaged %s aside", from);
		free(from);
		free(to);
	}
	return rc;
}

static int
db_fail(sqlite3 *sqlite, const char *path, struct error *error_r)
{
	return error_set(error_r, AG_EIO, "%s: %s", path,
	    sqlite != NULL ? sqlite3_errmsg(sqlite) : "out of memory");
}

/* Connects; a damaged file is replaced by an empty one, once. */
static int
db_connect_or_renew(const char *path, const char *name, sqlite3 **sqlite_r,
    struct error *error_r)
{
	int rc, tries;

	for (tries = 0;; tries++) {
		rc = db_create_file(path, error_r);
		if (rc < 0)
			return rc;
		rc = db_connect(path, sqlite_r);
		if (rc == SQLITE_OK)
			return 0;
		db_fail(*sqlite_r, path, error_r);
		sqlite3_close(*sqlite_r);
		*sqlite_r = NULL;
		if (!db_is_damage(rc) || tries > 0)
			return AG_EIO;
		log_error("database is damaged, moved aside db=%s path=%s",
		    name, path);
		rc = db_move_aside(path, error_r);
		if (rc < 0)
			return rc;
	}
}

static int
db_set_schema(struct db *db, const char *path, const char *schema, int version,
    bool *fresh_r, struct error *error_r)
{
	sqlite3_int64 found = db_number(db->sqlite, "PRAGMA user_version");
	char pragma[48];

	if (found < 0)
		return db_fail(db->sqlite, path, error_r);
	if (found > version)
		return error_set(error_r, AG_EPERM,
		    "%s was written by a newer version (schema %lld, this "
		    "program knows %d); upgrade Agamid",
		    path, (long long)found, version);
	*fresh_r = found == 0;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", version);
	if (sqlite3_exec(db->sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
		SQLITE_OK ||
	    sqlite3_exec(db->sqlite, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db->sqlite, pragma, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db->sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db->sqlite, path, error_r);
	return *fresh_r ? file_sync_parent(path, db->name, error_r) : 0;
}

int
db_open(const char *path, const char *name, const char *schema, int version,
    struct db **db_r, bool *fresh_r, struct error *error_r)
{
	struct db *db;
	int rc;

	*db_r = NULL;
	*fresh_r = false;
	db = xcalloc(1, sizeof(*db));
	db->name = name;
	db->commit_point = xasprintf("%s.commit", name);
	rc = db_connect_or_renew(path, name, &db->sqlite, error_r);
	if (rc == 0)
		rc = db_set_schema(db, path, schema, version, fresh_r, error_r);
	if (rc < 0)
		db_close(&db);
	*db_r = db;
	return rc;
}

void
db_close(struct db **dbp)
{
	struct db *db = *dbp;
	size_t i;

	*dbp = NULL;
	if (db == NULL)
		return;
	for (i = 0; i < db->stmt_count; i++)
		sqlite3_finalize(db->stmts[i].st);
	sqlite3_close(db->sqlite);
	free(db->commit_point);
	free(db);
}

sqlite3_stmt *
db_stmt(struct db *db, const char *sql)
{
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < db->stmt_count; i++) {
		if (db->stmts[i].sql != sql)
			continue;
		sqlite3_reset(db->stmts[i].st);
		sqlite3_clear_bindings(db->stmts[i].st);
		return db->stmts[i].st;
	}
	if (db->stmt_count == DB_STMTS_MAX) {
		log_error(
		    "database db=%s error=\"too many statements\"", db->name);
		return NULL;
	}
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
		&st, NULL) != SQLITE_OK) {
		db_log(db, sql);
		return NULL;
	}
	db->stmts[db->stmt_count].sql = sql;
	db->stmts[db->stmt_count++].st = st;
	return st;
}

int
db_run(struct db *db, sqlite3_stmt *st)
{
	bool commits = sqlite3_get_autocommit(db->sqlite) != 0 &&
	    sqlite3_stmt_readonly(st) == 0;
	int rc;

	if (commits && fault_point(db->commit_point)) {
		log_error("database db=%s error=\"fault point\"", db->name);
		return AG_EIO;
	}
	do
		rc = sqlite3_step(st);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE)
		db_log(db, sqlite3_sql(st));
	sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		return AG_EIO;
	if (commits)
		fault_after(db->commit_point);
	return 0;
}

int
db_row(struct db *db, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_log(db, sqlite3_sql(st));
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : AG_EIO;
}

static int
db_exec(struct db *db, const char *sql)
{
	if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_log(db, sql);
	return 0;
}

int
db_begin(struct db *db)
{
	return db_exec(db, "BEGIN IMMEDIATE");
}

int
db_commit(struct db *db)
{
	int rc = AG_EIO;

	if (fault_point(db->commit_point))
		log_error("database db=%s error=\"fault point\"", db->name);
	else
		rc = db_exec(db, "COMMIT");
	if (rc < 0) {
		db_rollback(db);
		return rc;
	}
	fault_after(db->commit_point);
	return 0;
}

void
db_rollback(struct db *db)
{
	if (sqlite3_get_autocommit(db->sqlite) == 0)
		db_exec(db, "ROLLBACK");
}
