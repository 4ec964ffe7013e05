/* SPDX-License-Identifier: MIT */
/*
 * zone - a DNS zone out of manifests (doc/spec/zone.md, agamid-zone(1)).
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
#include "manifests/draw.h"
#include "dns-tools/records.h"
#include "manifests/manifest.h"

#define ZONE_MX_MAX (1 + DRAW_MAX)
#define ZONE_TTL_DEFAULT 3600
#define ZONE_TTL_MAX 2147483647 /* RFC 2181 section 8 */
#define ZONE_TTL_MOVING 300 /* at most, for what follows an address */
#define ZONE_BACKUPS "backups" /* NODE.backups.NETWORK */

struct zone_ns {
	const char *name; /* lower case, no dot at its end */
	const char *const *addresses; /* for a server that is no node */
	size_t address_count;
};

/* Which key a host's SMTP server shows (RFC 6698: 3 1 1). */
struct zone_tlsa {
	char *node; /* or host */
	char hash[65]; /* SHA-256 of the public key, hex */
};

struct zone_options {
	const char *origin; /* the same; "" is the root; NULL: the network */
	const struct zone_ns *ns; /* none: a node's host */
	size_t ns_count;
	uint64_t serial; /* 0: the highest of the manifests */
	uint32_t ttl;
	uint32_t host_ttl; /* of addresses; 0: ZONE_TTL_MOVING, at most ttl */
	bool records; /* no SOA and NS: to be included in a zone */
	bool snippet; /* and with the name that follows, for others' zones */
	bool marks, sshfp, openpgpkey; /* these records too */
	const struct zone_tlsa *tlsa;
	size_t tlsa_count;
	const char *mta_sts; /* "testing", "enforce", "none"; NULL: without */
	const char *spf; /* "-all", "~all", "?all"; NULL: without */
};

struct zone;

/*
 * What the operator should know, and is no error, goes to notes, a line
 * each. nodes are sorted by this, and borrowed as all in options is, for
 * the zone's life. NULL with the reason.
 */
struct zone *zone_new(const struct manifest **nodes, size_t count,
    const struct zone_options *o, struct buf *notes, struct error *error_r);
void zone_free(struct zone **z);

const char *zone_origin(const struct zone *z);
/* SOA (with serial 0), NS and name servers' addresses; empty for records. */
const struct records *zone_apex(const struct zone *z);
/* What comes from the manifests, node by node. */
const struct records *zone_records(const struct zone *z);
/* What the SOA's serial is if there was none before. */
uint32_t zone_serial(const struct zone *z);
/* The master file. 0, AG_ETOOBIG, AG_ENOMEM. */
int zone_print(const struct zone *z, uint32_t serial, struct buf *out);

/* Of a zone that changed: larger than before in the arithmetic of RFC
 * 1982, wanted where that is so, and never 0. */
uint32_t zone_serial_after(uint32_t before, uint32_t wanted);

/* Is name (both as above) the origin or below it? */
bool zone_has(const char *origin, const char *name);
/* The name whose mark covers this record (Z-6.2); borrowed from it. */
const char *zone_unit(const struct record *r);

#define ZONE_MARK "_agamid."

#endif
