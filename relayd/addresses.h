/* SPDX-License-Identifier: MIT */
/*
 * addresses - where a node is: its manifest's addresses, or what its
 * dynamic name resolves to now. For processes that may face the network.
 */
#ifndef AGAMID_RELAYD_ADDRESSES_H
#define AGAMID_RELAYD_ADDRESSES_H

#include <stdbool.h>

#include "manifests/manifest.h"

/* An address at which somebody answers, on a non-blocking descriptor that
 * is the callee's from here on; or -1 and why nobody does. True ends the
 * walk. */
typedef bool address_fn(
    const char *address, int fd, const char *error, void *ctx);

/* Connect to a port of the node, and call fn for each address, until it
 * returns true; did it? An address that doesn't answer does not hold up the
 * next for more than a moment (RFC 8305 section 5), nor for longer than
 * timeout_ms in all. A name that can't be resolved is logged. */
bool addresses_dial(const struct manifest *m, unsigned port, int timeout_ms,
    address_fn *fn, void *ctx);

#endif
