/* SPDX-License-Identifier: MIT */
/* test_db - lib/util/db.c: one writer, versions, a damaged file. */
#include "help.h"

#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/db.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS fact (id INTEGER PRIMARY KEY, "
    "text TEXT NOT NULL UNIQUE);";
static const char insert[] = "INSERT INTO fact (text) VALUES (?)";
static const char count[] = "SELECT count(*) FROM fact";

static struct db *
open_db(const char *path, bool *fresh_r)
{
	struct error error;
	struct db *db;

	if (db_open(path, "t", schema, 3, &db, fresh_r, &error) < 0)
		fail_msg("%s", error.text);
	return db;
}

static int
add(struct db *db, const char *text)
{
	sqlite3_stmt *st = db_stmt(db, insert);

	assert_non_null(st);
	sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
	return db_run(db, st);
}

static int
rows(struct db *db)
{
	sqlite3_stmt *st = db_stmt(db, count);
	int n;

	assert_non_null(st);
	assert_int_equal(db_row(db, st), 1);
	n = sqlite3_column_int(st, 0);
	assert_int_equal(db_row(db, st), 0);
	return n;
}

static void
test_open_write_reopen(void **state)
{
	const char *path = help_path("t.db");
	struct stat st;
	struct db *db;
	mode_t mask;
	bool fresh;

	(void)state;
	mask = umask(022);
	db = open_db(path, &fresh);
	umask(mask);
	assert_true(fresh);
	assert_int_equal(add(db, "one"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(help_path("t.db-wal"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	db_close(&db);
	assert_null(db);
	db_close(&db);
	db = open_db(path, &fresh);
	assert_false(fresh);
	assert_int_equal(rows(db), 1);
	db_close(&db);
}

static void
test_settings_in_force(void **state)
{
	static const char journal[] = "PRAGMA journal_mode";
	static const char sync[] = "PRAGMA synchronous";
	struct db *db;
	sqlite3_stmt *st;
	bool fresh;

	(void)state;
	db = open_db(help_path("t.db"), &fresh);
	st = db_stmt(db, journal);
	assert_int_equal(db_row(db, st), 1);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "wal");
	st = db_stmt(db, sync);
	assert_int_equal(db_row(db, st), 1);
	assert_int_equal(sqlite3_column_int(st, 0), 2); /* FULL */
	db_close(&db);
}

static void
test_statements_are_kept(void **state)
{
	struct db *db;
	bool fresh;

	(void)state;
	db = open_db(help_path("t.db"), &fresh);
	assert_ptr_equal(db_stmt(db, insert), db_stmt(db, insert));
	assert_ptr_not_equal(db_stmt(db, insert), db_stmt(db, count));
	/* Bindings are cleared: NULL breaks NOT NULL. */
	assert_int_equal(add(db, "one"), 0);
	help_expect_log("NOT NULL constraint failed");
	assert_int_equal(db_run(db, db_stmt(db, insert)), AG_EIO);
	assert_int_equal(add(db, "two"), 0);
	help_expect_log("syntax error");
	assert_null(db_stmt(db, "SELEKT"));
	assert_int_equal(rows(db), 2);
	db_close(&db);
}

static void
test_transactions(void **state)
{
	struct db *db;
	bool fresh;

	(void)state;
	db = open_db(help_path("t.db"), &fresh);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(add(db, "one"), 0);
	assert_int_equal(add(db, "two"), 0);
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(rows(db), 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(add(db, "one"), 0);
	assert_int_equal(db_commit(db), 0);
	assert_int_equal(rows(db), 1);
	help_expect_log("UNIQUE constraint failed");
	assert_int_equal(add(db, "one"), AG_EIO);
	help_expect_log("no transaction");
	assert_int_equal(db_commit(db), AG_EIO);
	db_close(&db);
}

static void
test_newer_schema_is_refused(void **state)
{
	const char *path = help_path("t.db");
	struct error error;
	struct db *db;
	bool fresh;

	(void)state;
	db = open_db(path, &fresh);
	db_close(&db);
	assert_int_equal(
	    db_open(path, "t", schema, 2, &db, &fresh, &error), AG_EPERM);
	assert_null(db);
	assert_non_null(strstr(error.text, "newer version"));
	/* An older one gets what is new. */
	assert_int_equal(
	    db_open(path, "t", "CREATE TABLE IF NOT EXISTS more (id INTEGER);",
		4, &db, &fresh, &error),
	    0);
	assert_false(fresh);
	assert_non_null(db_stmt(db, "SELECT id FROM more"));
	assert_int_equal(rows(db), 0);
	db_close(&db);
}

static void
test_bad_paths(void **state)
{
	struct error error;
	struct db *db;
	bool fresh;

	(void)state;
	assert_int_equal(
	    db_open(help_path("no/t.db"), "t", schema, 1, &db, &fresh, &error),
	    AG_EIO);
	assert_null(db);
	assert_non_null(strstr(error.text, "no/t.db"));
	assert_int_equal(db_open(help_path("t.db"), "t", "CREATE NONSENSE", 1,
			     &db, &fresh, &error),
	    AG_EIO);
	assert_non_null(strstr(error.text, "syntax error"));
}

static unsigned
damaged_files(void)
{
	struct dirent *e;
	unsigned n = 0;
	DIR *dir = opendir(help_dir());

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		n += strstr(e->d_name, "t.db.damaged-") != NULL;
	closedir(dir);
	return n;
}

static void
test_no_database_is_moved_aside(void **state)
{
	const char *path = help_path("t.db");
	struct db *db;
	char text[5000];
	bool fresh;

	(void)state;
	memset(text, 'x', sizeof(text));
	help_write(path, text, sizeof(text));
	help_expect_log("database is damaged, moved aside");
	db = open_db(path, &fresh);
	assert_true(fresh);
	assert_int_equal(add(db, "one"), 0);
	db_close(&db);
	assert_int_equal(damaged_files(), 1);
}

/* Overwrites the middle of every page but the first. */
static void
damage(const char *path)
{
	char junk[64];
	struct stat st;
	off_t at;
	int fd;

	memset(junk, 0xa5, sizeof(junk));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size > 4096);
	for (at = 4096; at < st.st_size; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), 64);
	close(fd);
}

static void
test_damaged_database_is_moved_aside(void **state)
{
	const char *path = help_path("t.db");
	struct db *db;
	char text[32];
	bool fresh;
	int i;

	(void)state;
	db = open_db(path, &fresh);
	assert_int_equal(db_begin(db), 0);
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "row number %d", i);
		assert_int_equal(add(db, text), 0);
	}
	assert_int_equal(db_commit(db), 0);
	db_close(&db);
	damage(path);
	help_expect_log("database is damaged, moved aside");
	db = open_db(path, &fresh);
	assert_true(fresh);
	assert_int_equal(rows(db), 0);
	db_close(&db);
	assert_int_equal(damaged_files(), 1);
}

#ifdef ENABLE_FAULT_POINTS
static void
test_failing_commits(void **state)
{
	struct db *db;
	bool fresh;

	(void)state;
	db = open_db(help_path("t.db"), &fresh);
	help_faults("t.commit error\n");
	help_expect_log("fault point");
	assert_int_equal(add(db, "one"), AG_EIO);
	assert_int_equal(rows(db), 0);
	help_faults("t.commit error 1\n");
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(add(db, "one"), 0);
	help_expect_log("fault point");
	assert_int_equal(db_commit(db), AG_EIO);
	/* It has rolled back, and can go on. */
	assert_int_equal(rows(db), 0);
	assert_int_equal(add(db, "one"), 0);
	assert_int_equal(rows(db), 1);
	db_close(&db);
}

static int
commit_with_fault(void *ctx)
{
	struct db *db;
	bool fresh;

	db = open_db(help_path("t.db"), &fresh);
	help_faults(ctx);
	db_begin(db);
	add(db, "one");
	db_commit(db);
	return 0;
}

static void
test_killed_around_a_commit(void **state)
{
	static char before[] = "t.commit kill\n";
	static char after[] = "t.commit kill-after\n";
	struct db *db;
	bool fresh;

	(void)state;
	assert_int_equal(help_child(commit_with_fault, before), 137);
	db = open_db(help_path("t.db"), &fresh);
	assert_int_equal(rows(db), 0);
	db_close(&db);
	assert_int_equal(help_child(commit_with_fault, after), 137);
	db = open_db(help_path("t.db"), &fresh);
	assert_int_equal(rows(db), 1);
	db_close(&db);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_open_write_reopen),
	    help_test(test_settings_in_force),
	    help_test(test_statements_are_kept),
	    help_test(test_transactions),
	    help_test(test_newer_schema_is_refused),
	    help_test(test_bad_paths),
	    help_test(test_no_database_is_moved_aside),
	    help_test(test_damaged_database_is_moved_aside),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_failing_commits),
	    help_test(test_killed_around_a_commit),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
