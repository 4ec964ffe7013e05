/* SPDX-License-Identifier: MIT */
/*
 * session_recv - a session's incoming bundles: from the stream to
 * incoming/PEER/, hashed on the way, durable in groups.
 *
 * A bundle that was wholly received waits in tmp/ until
 * session_recv_commit() places all that wait. relayd then moves them on,
 * and only its answer becomes "stored".
 */
#ifndef AGAMID_RELAYD_SESSION_RECV_H
#define AGAMID_RELAYD_SESSION_RECV_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/ticket.h"

#define SESSION_BATCH_MAX 256

struct session_recv;

/* What became of a bundle: error is NULL when it is in incoming/. */
typedef void session_recv_fn(
    const char *id, uint64_t size, const char *error, void *ctx);

/* Directories are borrowed. NULL when memory is out. */
struct session_recv *session_recv_new(const char *tmp_dir,
    const char *incoming_dir, session_recv_fn *fn, void *ctx);
/* What was not placed is discarded. */
void session_recv_free(struct session_recv **r);

/* "bundle ID SIZE" was read: head and ciphertext follow. */
void session_recv_begin(struct session_recv *r, const char *id, uint64_t size);
/* Is one under way? */
bool session_recv_busy(const struct session_recv *r);
/* Bytes of it; how many were taken (fewer than len at its end). A bundle
 * that can't be kept is taken to its end all the same. */
size_t session_recv_feed(struct session_recv *r, const char *data, size_t len);

/* Bundles that wait to be placed. */
unsigned session_recv_waiting(const struct session_recv *r);
/* Place them all; fn is called for each. */
void session_recv_commit(struct session_recv *r);

#endif
