/* SPDX-License-Identifier: MIT */
/*
 * compare - what a zone should hold against what it holds, set by set
 * (doc/spec/zone.md 6 and 7). Pure.
 *
 * Only records that are ours are compared: those that the manifests ask
 * for, and those that a mark in the zone says were made from manifests.
 * All others are somebody else's.
 */
#ifndef AGAMID_ZONE_COMPARE_H
#define AGAMID_ZONE_COMPARE_H

#include <stdbool.h>

#include "dns-tools/records.h"

/* The records of one owner and type that differ. */
struct change_set {
	const char *owner, *unit; /* unit: whose mark covers it */
	uint16_t type;
	const struct record *want, *have; /* have: others' TXT too */
	size_t want_count, have_count;
	unsigned tag; /* which TXT are ours */
	bool foreign; /* there is something that no mark says is ours */
	bool alias; /* a CNAME stands there */
};

struct comparison {
	struct change_set *sets; /* by owner and type */
	size_t count, room;
};

/* Both sorted, and borrowed for the comparison's life. AG_ENOMEM. */
int compare_zones(const struct records *want, const struct records *have,
    struct comparison *out);
void compare_free(struct comparison *c);

enum change { CHANGE_ADD, CHANGE_DELETE, CHANGE_TTL };
/* Each record of a set that differs; of CHANGE_TTL other is what is there. */
typedef int change_fn(enum change what, const struct record *r,
    const struct record *other, void *ctx);
int change_each(const struct change_set *s, change_fn *fn, void *ctx);
bool change_is_mark(const struct change_set *s);

#endif
