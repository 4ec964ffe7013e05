/* SPDX-License-Identifier: MIT */
/*
 * db - SQLite as Agamid uses it: WAL, synchronous=FULL, one writer, a
 * schema version, statements prepared once. The file is 0600. A struct db
 * serves one thread at a time.
 *
 * Commits (db_commit(), and db_run() of a writing statement outside of a
 * transaction) pass the fault point "<name>.commit". A database that is
 * damaged is moved aside (PATH.damaged-TIME) and made anew: it loses no
 * mail, for it is rebuilt from the spool and the peers; db_open says so
 * in *fresh_r.
 */
#ifndef AGAMID_DB_H
#define AGAMID_DB_H

#include <stdbool.h>
#include <sqlite3.h>

#include "util/error.h"

struct db;

/* schema: SQL that creates everything (IF NOT EXISTS); version goes into
 * user_version, a higher one on disk is refused. name is for fault
 * points and errors; borrowed. 0; AG_EIO; AG_EPERM for the higher version. */
int db_open(const char *path, const char *name, const char *schema, int version,
    struct db **db_r, bool *fresh_r, struct error *error_r);
/* What is not committed is lost. */
void db_close(struct db **db);

/* A prepared statement, cached by the address of sql (a literal); reset
 * and with its bindings cleared. NULL after logging the error. */
sqlite3_stmt *db_stmt(struct db *db, const char *sql);
/* Step a statement that returns no row; resets it. 0 or AG_EIO. */
int db_run(struct db *db, sqlite3_stmt *st);
/* 1: a row is there; 0: no more (reset); AG_EIO. */
int db_row(struct db *db, sqlite3_stmt *st);

/* 0 or AG_EIO (logged); a commit that fails has rolled back. */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

#endif
