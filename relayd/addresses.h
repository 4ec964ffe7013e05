/* SPDX-License-Identifier: MIT */
/*
 * addresses - where a node is: its manifest's addresses, or what its
 * dynamic name resolves to now. For processes that may face the network.
 */
#ifndef AGAMID_RELAYD_ADDRESSES_H
#define AGAMID_RELAYD_ADDRESSES_H

#include <stdbool.h>

#include "manifests/manifest.h"

/* True ends the walk. */
typedef bool address_fn(const char *address, void *ctx);

/* Call fn for one address after the other, until it returns true; did it?
 * A name that can't be resolved is logged. */
bool addresses_try(const struct manifest *m, address_fn *fn, void *ctx);

#endif
