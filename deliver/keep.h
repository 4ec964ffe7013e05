/* SPDX-License-Identifier: MIT */
/*
 * keep - bundles that this node keeps for its operator, sealed as they
 * came, in refused/ and quarantine/ as ID.SIZE. The reasons are in the
 * ledger.
 */
#ifndef AGAMID_DELIVER_KEEP_H
#define AGAMID_DELIVER_KEEP_H

#include "util/error.h"
#include "mail/ticket.h"

/* A durable copy of the bundle file fd in dir; through tmp, on the same
 * file system. One that is there already is success. 0, AG_EIO, AG_ESIG. */
int keep_bundle(int fd, const struct ticket *t, const char *tmp,
    const char *dir, struct error *error_r);
/* It is needed no more. A missing one is success. */
int keep_remove(const struct ticket *t, const char *dir, struct error *error_r);

#endif
