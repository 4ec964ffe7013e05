/* SPDX-License-Identifier: MIT */
/*
 * inbox - manifests that peers brought, on their way to `agamid apply`:
 * state/inbox/NAME.SERIAL.HASH.yaml (HASH: 16 digits of its SHA-256), and
 * the flag file state/apply, whose change makes a service manager run it
 * (doc/spec/manifest.md, chapter 9).
 *
 * SECURITY: here a manifest is only looked at, as a filter; who signed it
 * and what it may change is judged there, by root, from the file.
 */
#ifndef AGAMID_RELAYD_INBOX_H
#define AGAMID_RELAYD_INBOX_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "relayd/relayd.h"

#define INBOX_WAITING_MAX 4 /* for one node */
#define INBOX_HASH_LEN 16

struct inbox;

/* Makes the directory. What waits there since before is flagged again. */
int inbox_new(struct relayd *r, struct inbox **in_r, struct error *error_r);
void inbox_free(struct inbox **in);

/* The first digits of the SHA-256. */
void inbox_hash(const void *data, size_t len, char hash_r[INBOX_HASH_LEN + 1]);

/*
 * Is this a manifest of this node, network and serial, by its own word?
 * 0, or AG_EINVAL with the reason. Pure.
 */
int inbox_check(const char *node, const char *network, uint64_t serial,
    const void *data, size_t len, struct error *error_r);

/* Leave it there. 0; AG_EAGAIN: too many of this node's wait; AG_EIO. */
int inbox_put(struct inbox *in, const char *node, uint64_t serial,
    const void *data, size_t len, struct error *error_r);

#endif
