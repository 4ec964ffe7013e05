/* SPDX-License-Identifier: MIT */
/*
 * claims - who has which name, host, domain and key: each belongs to one
 * node (SPEC N-14.4). Who comes first has it: roster.c says in which order.
 * The daemons' view (manifests/folder.h) leaves out whoever claims what
 * another has; what is settled here never gets that far.
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
 * All that these lines (pin_make(), pin_keys()) say is owner's, if none of
 * it is another's: 0. Else AG_EEXIST, nothing is taken, and each conflict
 * is an indented line "domain bob.example belongs to alice" in why (may be
 * NULL).
 */
int claims_take(struct claims *c, const char *owner, const struct buf *facts,
    struct buf *why);

#endif
