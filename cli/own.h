/* SPDX-License-Identifier: MIT */
/*
 * own - is this manifest the one of this node as it is now: are the
 * secrets that belong to its public keys here?
 */
#ifndef AGAMID_OWN_H
#define AGAMID_OWN_H

#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/error.h"

/* ticket-key and receipt-key are of the seeds on this node. AG_EPERM
 * where one is not, with what is expected. */
int own_check_seeds(
    const struct conf *conf, const struct manifest *m, struct error *error_r);

#endif
