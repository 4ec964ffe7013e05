/* SPDX-License-Identifier: MIT */
/*
 * store - the bundles in held/: files, the index of them, and what they
 * use. relayd alone writes there.
 *
 * Moves and removals take effect at once, and are durable after
 * store_sync(), which is one fsync for each directory touched: callers
 * collect, sync, and only then tell anybody.
 *
 * Fault points: relay.mkdir, relay.move, relay.unlink, relay.dirsync.
 */
#ifndef AGAMID_RELAYD_STORE_H
#define AGAMID_RELAYD_STORE_H

#include <stdbool.h>

#include "util/error.h"
#include "mail/spool.h"
#include "mail/ticket.h"
#include "relayd/index.h"
#include "relayd/peers.h"

struct store;

/* peers is borrowed. */
struct store *store_new(const char *spool_dir, struct peers *peers);
void store_free(struct store **st);

/* Index held/HOME/ for every home; names alone are read. */
int store_load(struct store *st, struct error *error_r);

struct index *store_index(struct store *st);
size_t store_count(const struct store *st);
/* Grows whenever a bundle comes or goes; never 0. */
uint64_t store_generation(const struct store *st);
struct held *store_find(struct store *st, const char *id);
struct peer *store_home(struct store *st, const struct held *h);
/* Free bytes for ordinary users, where the spool is. */
uint64_t store_room(struct store *st);

/*
 * Move a verified bundle (dir/name) to held/, under its ticket's home, as
 * brought by `from` on this day. One that is here already is success: the
 * newcomer is removed. *held_r is the entry, *new_r false if it was here.
 */
int store_take(struct store *st, const char *dir, const char *name,
    const struct ticket *t, unsigned from, uint32_t day, struct held **held_r,
    bool *new_r, struct error *error_r);
/* Who brought it (known later, from the database). */
void store_set_from(struct store *st, struct held *h, unsigned from);

/* Open for reading; the descriptor or AG_EIO. */
int store_open(struct store *st, const struct held *h, struct error *error_r);
/* Its ticket, read from the file. */
int store_ticket(struct store *st, const struct held *h, struct ticket *t_r,
    struct error *error_r);

/* Is it here under this very ticket? */
bool store_is_same(
    struct store *st, const struct held *h, const struct ticket *t);

/* Unlink it and forget it. h is gone afterwards, unless it fails. */
int store_drop(struct store *st, struct held *h, struct error *error_r);

/* Make durable what was done; 0 or AG_EIO. */
int store_sync(struct store *st, struct error *error_r);

#endif
