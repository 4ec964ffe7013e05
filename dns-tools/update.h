/* SPDX-License-Identifier: MIT */
/*
 * update - differences as update messages (RFC 2136).
 *
 * Each set that changes is guarded by what was seen of it: the server
 * refuses a message if somebody changed one of its sets meanwhile.
 */
#ifndef AGAMID_ZONE_UPDATE_H
#define AGAMID_ZONE_UPDATE_H

#include <ldns/ldns.h>

#include "dns-tools/compare.h"

#define UPDATE_SIZE 16384 /* a message's, unless one set alone is larger */

struct update_plan {
	ldns_pkt **messages; /* in the order in which to send them */
	size_t count, room;
	size_t added, deleted; /* records */
};

/* AG_EPERM: a set is foreign and adopt is false, or an alias is in the
 * way; AG_ETOOBIG: one set fits no message; AG_ENOMEM. */
int update_plan_make(const struct comparison *c, const char *origin, bool adopt,
    struct update_plan *plan, struct error *error_r);
void update_plan_free(struct update_plan *plan);

#endif
