/* SPDX-License-Identifier: MIT */
/*
 * zone_parts - between zone.c, zone_node.c, zone_keys.c and zone_print.c,
 * which make a zone together. Nobody else's.
 */
#ifndef AGAMID_ZONE_PARTS_H
#define AGAMID_ZONE_PARTS_H

#include "dns-tools/zone.h"
#include "manifests/lookup.h"

#define NAME_MAX_LEN 253

struct zone {
	const struct manifest **nodes; /* by name */
	size_t count;
	struct zone_options o;
	const char *origin;
	uint32_t serial, host_ttl;
	struct records apex, records;
	struct draw *draw;
	struct lookup *names; /* every host and domain */
	struct buf *notes;
	struct error *error_r;
	size_t inside; /* hosts and domains in the zone */
};

/* One name's records, while they are made. */
struct unit {
	struct zone *z;
	const struct manifest *m;
	const char *name;
	size_t first; /* of its records */
	int rc; /* the first error; all after it do nothing */
};

/* A record of the unit: at prefix (may be "") and its name. */
void unit_add(struct unit *u, const char *prefix, uint32_t ttl,
    ldns_rr_type type, const char *data);
/* All of a node: hosts, domains, the name that follows. */
int zone_add_node(struct zone *z, const struct manifest *m);

/* SSHFP, TLSA, OPENPGPKEY. */
void unit_add_sshfp(struct unit *u);
void unit_add_tlsa(struct unit *u);
void unit_add_openpgpkey(struct unit *u);

/* NODE.backups.NETWORK, if the network's zone has it: true. */
bool zone_follower(const struct zone *z, const struct manifest *m,
    char name[NAME_MAX_LEN + 1]);

struct zone_mx {
	unsigned preference;
	const char *target;
};

/* The MX of the node's domains. follower: that name instead of the
 * backups. Their number. */
size_t zone_mx(const struct zone *z, const struct manifest *m,
    const char *follower, struct zone_mx out[ZONE_MX_MAX]);
/* The MTA-STS policy's text, and the id that goes with it. */
int zone_sts(const struct zone *z, const struct zone_mx *mx, size_t count,
    struct buf *policy, char id[21]);

#endif
