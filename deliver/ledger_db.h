/* SPDX-License-Identifier: MIT */
/*
 * ledger_db - what the files of the ledger share; for them alone.
 * ledger.c is its transactions, ledger_rcpts.c recipients and contents,
 * ledger_ask.c what is asked of it, ledger_unopened.c what the engine failed
 * at.
 */
#ifndef AGAMID_DELIVER_LEDGER_DB_H
#define AGAMID_DELIVER_LEDGER_DB_H

#include <pthread.h>

#include "deliver/ledger.h"
#include "util/db.h"

#define CONTENT_SECONDS ((int64_t)CONTENT_DAYS * 86400)

struct ledger {
	struct db *db;
	pthread_mutex_t lock;
	int64_t prune_at; /* once a day */
};

/* One transaction: the lock, and BEGIN. */
int ledger_lock(struct ledger *l);
/* Commits, or rolls back if rc says so; the lock goes either way. */
int ledger_unlock(struct ledger *l, int rc);

void ledger_bind(sqlite3_stmt *st, int n, const char *text);
/* Cut to fit; "" for none. */
void ledger_column(sqlite3_stmt *st, int n, char *out, size_t size);

struct found {
	char state[16];
	int starts;
};

/* 1 with *f_r, 0, AG_EIO; within the lock, as all below. */
int ledger_find(struct ledger *l, const char *id, struct found *f_r);

/* What ledger_unopened() knows of it goes. */
int ledger_was_opened(struct ledger *l, const char *id);

int ledger_save_rcpts(struct ledger *l, const char *id, const struct rcpts *rs);
/* Each waiting recipient's content: claimed, or known as delivered.
 * AG_EAGAIN: on its way in another bundle. */
int ledger_claim_all(
    struct ledger *l, const char *id, struct rcpts *rs, int64_t now);
/* Claims become deliveries or are given up. */
int ledger_settle_contents(
    struct ledger *l, const char *id, const struct rcpts *rs, int64_t now);

#endif
