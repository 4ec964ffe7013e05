/* SPDX-License-Identifier: MIT */
/*
 * own - the addresses of this node: those of its manifest and those that
 * its interfaces have now. For xclient.h.
 */
#ifndef AGAMID_DELIVER_OWN_H
#define AGAMID_DELIVER_OWN_H

#include <stddef.h>

#include "manifests/manifest.h"

struct own_addresses {
	char **list; /* text */
	size_t count;
};

/* What can't be known is left out. */
void own_addresses_get(
    const struct manifest *self, struct own_addresses *own_r);
void own_addresses_free(struct own_addresses *own);

#endif
