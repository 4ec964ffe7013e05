/* SPDX-License-Identifier: MIT */
/*
 * roster - the manifests that may be believed: our own, each pinned
 * peer's newest good one, and older ones whose keys were in force once.
 *
 * Believed is a manifest that parses, is signed by its own primary key,
 * stands under its own name and serial, is of our network, says what was
 * pinned, and claims nothing that another has (SPEC N-14). One bad file
 * is reported and leaves the others in force.
 */
#ifndef AGAMID_ROSTER_H
#define AGAMID_ROSTER_H

#include <stddef.h>

#include "cli/claims.h"
#include "manifests/verified.h"
#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/buf.h"
#include "util/error.h"

#define ROSTER_PROBLEMS_MAX 65536 /* bytes of reported problems */
#define ROSTER_SEEN_MAX (16U << 20)

struct roster {
	struct manifest *self;
	struct manifest **peers; /* in force, by name */
	size_t peer_count;
	struct manifest **old; /* no more in force, self's included */
	size_t old_count;
	struct claims *claims; /* of self and peers */
	struct buf problems; /* a line each */
	struct buf seen; /* notices.h: for relayd */
};

/*
 * Read the folder. known: checks that were done before, added to. scratch
 * is a private directory. AG_ENOENT: this node has no manifest yet.
 */
int roster_load(const struct conf *conf, struct verified *known,
    const char *scratch, struct roster *r, struct error *error_r);
void roster_free(struct roster *r); /* safe on a zeroed one */

/* The peer in force of this name, or NULL. */
const struct manifest *roster_peer(const struct roster *r, const char *name);

/* Parse and verify one file; problems are appended. */
struct manifest *roster_read_file(const char *path, struct verified *known,
    const char *scratch, struct buf *problems);

#endif
