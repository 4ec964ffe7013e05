/* SPDX-License-Identifier: MIT */
/*
 * lmtp_server - agamid-seal's socket, $queue_directory/agamid/seal.sock:
 * Postfix's lmtp(8) client connects to it.
 */
#ifndef AGAMID_MILTER_LMTP_SERVER_H
#define AGAMID_MILTER_LMTP_SERVER_H

#include "milter/lmtp_session.h"
#include "util/error.h"

/* Serve until the process ends; ctx is borrowed. 0, AG_EIO, AG_ENOMEM. */
int lmtp_server_start(
    const struct lmtp_context *ctx, const char *path, struct error *error_r);

#endif
