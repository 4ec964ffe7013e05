/* SPDX-License-Identifier: MIT */
/*
 * differences - agamid-zone check, diff and update. Ends the process, with
 * a sentence, where the zone can't be had.
 */
#ifndef AGAMID_ZONE_DIFFERENCES_H
#define AGAMID_ZONE_DIFFERENCES_H

#include "dns-tools/compare.h"
#include "dns-tools/options.h"
#include "dns-tools/zone.h"

struct differences {
	struct records want, have;
	struct comparison c;
	uint32_t serial; /* of what is there */
};

/* The zone against o->file, or against the live one. */
void differences_find(
    const struct options *o, const struct zone *z, struct differences *d);
void differences_free(struct differences *d);

/* The verb of o; the exit status. */
int differences_run(const struct options *o, const struct zone *z);

#endif
