/* SPDX-License-Identifier: MIT */
/*
 * claims - who has which name, host, domain and key: each belongs to one
 * node, the first that was pinned (SPEC N-14).
 *
 * Only what is pinned is a claim. What a manifest may change by itself
 * (addresses, ticket keys) is not: else a peer could take another's place
 * by naming it first.
 */
#ifndef AGAMID_CLAIMS_H
#define AGAMID_CLAIMS_H

#include "util/buf.h"

struct claims;

struct claims *claims_new(void);
void claims_free(struct claims **c);

/* A domain that somebody has (all strings are copied). The first who
 * claims it keeps it. */
void claims_domain(struct claims *c, const char *domain, const char *owner);

/*
 * All that a pin (pin.h) says is owner's, if none of it is another's: 0.
 * Else AG_EEXIST, nothing is taken, and each conflict is an indented line
 * "domain bob.example belongs to alice" in why (may be NULL).
 */
int claims_take(struct claims *c, const char *owner, const struct buf *pin,
    struct buf *why);

#endif
