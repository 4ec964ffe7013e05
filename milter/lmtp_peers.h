/* SPDX-License-Identifier: MIT */
/*
 * lmtp_peers - agamid-seal's door to the friends: what Postfix's queue
 * holds for a peer becomes one bundle for each home and key.
 *
 * Postfix groups recipients of several homes into one transaction, so one
 * pass over the data feeds up to LMTP_GROUPS_MAX jobs; each recipient gets
 * its own reply after the final dot.
 */
#ifndef AGAMID_MILTER_LMTP_PEERS_H
#define AGAMID_MILTER_LMTP_PEERS_H

#include "milter/lmtp_session.h"

extern const struct lmtp_door lmtp_peers;

#endif
