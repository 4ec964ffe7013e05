/* SPDX-License-Identifier: MIT */
/*
 * network - the node's immutable view of itself and its peers, made from
 * the derived directory (written by root in `agamid apply`, after all
 * checks): who serves which domain, who may hold for whom.
 *
 * A view is reference-counted and never changes; network_current() gives
 * the newest, rereading when the symlink `derived` has been switched.
 * Callers take one at the start of a connection and drop it at its end.
 * Thread-safe.
 */
#ifndef AGAMID_NETWORK_H
#define AGAMID_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "manifests/manifest.h"

/*
 * In the derived directory:
 *	self			the own node's name, one line
 *	manifests/NAME.yaml	verified manifests in force, own included
 *	old/NAME-SERIAL.yaml	verified older ones (keys that were in force)
 *	fingerprints		"NAME primary recovery MAILBOX=FPR ..." a line
 *				(so that readers need no OpenPGP)
 *	sealing/		openpgp_keyring_write()
 *	postfix/ ssh/		tables and keys
 */

struct network; /* one view */
struct network_source; /* where views come from */

/* derived_dir is copied; nothing is read yet. Ends the process
 * when memory is out: for start-up. */
struct network_source *network_source_new(const char *derived_dir);
/* Views that were given out stay good. */
void network_source_free(struct network_source **s);
/* A reference to the newest view; NULL (with the reason) if none can be
 * read and none was read before. */
struct network *network_current(
    struct network_source *s, struct error *error_r);
struct network *network_ref(struct network *n);
void network_unref(struct network **n);

/* Read a directory at once (tools, tests). NULL, with the reason. */
struct network *network_load(const char *derived_dir, struct error *error_r);

/* What these return is borrowed, and lives as long as the view. */
const struct manifest *network_self(const struct network *n);
size_t network_peer_count(const struct network *n);
/* NULL past the end. */
const struct manifest *network_peer(const struct network *n, size_t i);
/* Own node included. NULL if unknown. */
const struct manifest *network_find(const struct network *n, const char *name);
/* The peer (not self) that is the home of exactly this domain. */
const struct manifest *network_home_of(
    const struct network *n, const char *domain);
/* The ticket or receipt key of a node by its keys_name(), old manifests
 * included; NULL if never in force. */
const struct verify_key *network_ticket_key(
    const struct network *n, const char *node, const char *key_name);
const struct verify_key *network_receipt_key(
    const struct network *n, const char *node, const char *key_name);
/* The directory this view was read from (absolute, symlink resolved). */
const char *network_dir(const struct network *n);

/*
 * Peers that may hold bundles of this home besides `self` (not the home
 * itself, allowed by both sides, on neither self's nor home's site), in
 * their order. At most max; the count. The caller draws, and takes at
 * most one of a site.
 */
size_t network_eligible(const struct network *n, const struct manifest *home,
    const struct manifest **out, size_t max);

/*
 * How many copies of this home's mail there are to be, the one that is
 * accepted here among them (manifest_copies_of()).
 */
unsigned network_copies(const struct network *n, const struct manifest *home);

#endif
