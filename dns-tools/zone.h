/* SPDX-License-Identifier: MIT */
/*
 * zone - a DNS zone out of manifests (doc/spec/manifest.md 8,
 * agamid-zone(1)).
 *
 * Pure: the same manifests and options give the same bytes, in whatever
 * order the manifests come.
 */
#ifndef AGAMID_ZONE_H
#define AGAMID_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"
#include "manifests/manifest.h"

#define ZONE_BACKUPS_MAX 10 /* the most that a manifest can ask for */
#define ZONE_MX_MAX (1 + ZONE_BACKUPS_MAX)
#define ZONE_TTL_DEFAULT 3600
#define ZONE_TTL_MAX 2147483647 /* RFC 2181 section 8 */

struct zone_ns {
	const char *name; /* lower case, no dot at its end */
	const char *const *addresses; /* for a server that is no node */
	size_t address_count;
};

struct zone_options {
	const char *origin; /* the same; "" is the root; NULL: the network */
	const struct zone_ns *ns; /* none: a node's host */
	size_t ns_count;
	uint64_t serial; /* 0: the highest of the manifests */
	uint32_t ttl;
	bool records; /* no SOA and NS: to be included in a zone */
};

/*
 * The zone's text to out; what the operator should know, and is no error,
 * to notes, a line each. nodes are sorted by this. 0, AG_EINVAL (with the
 * reason), AG_ETOOBIG, AG_ENOMEM.
 */
int zone_write(const struct manifest **nodes, size_t count,
    const struct zone_options *o, struct buf *out, struct buf *notes,
    struct error *error_r);

struct zone_mx {
	unsigned preference;
	const char *target; /* borrowed from a manifest */
};

/* The MX of a domain of home's: at most ZONE_MX_MAX; their number. */
size_t zone_mx(const struct manifest *const *nodes, size_t count,
    const struct manifest *home, const char *domain,
    struct zone_mx out[ZONE_MX_MAX]);

/* Is name (both as above) the origin or below it? */
bool zone_has(const char *origin, const char *name);

#endif
