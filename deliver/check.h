/* SPDX-License-Identifier: MIT */
/*
 * check - is this file a bundle for us, from somebody who may bring it?
 * Everything that can be known without opening it.
 */
#ifndef AGAMID_DELIVER_CHECK_H
#define AGAMID_DELIVER_CHECK_H

#include "util/error.h"
#include "mail/ticket.h"
#include "manifests/network.h"

/* A bundle file against the network: this ID, this network, home is this
 * node, the acceptor is a peer that may hold for us, and signed it; and the
 * bytes are the ticket's. AG_EINVAL, AG_EPERM, AG_ESIG: it is no good, for ever;
 * AG_EIO: it could not be read now. */
int check_bundle(int fd, const struct network *n, const char *id,
    struct ticket *t_r, struct error *error_r);

#endif
