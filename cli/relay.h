/* SPDX-License-Identifier: MIT */
/*
 * relay - asks agamid-relayd over its socket.
 */
#ifndef AGAMID_CLI_RELAY_H
#define AGAMID_CLI_RELAY_H

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

#define RELAY_ANSWER_MAX (64U << 20)

/*
 * Send one command and collect the whole answer, without its last line
 * "."; at most 10 seconds between its parts. AG_ENOENT: relayd does
 * not run (nobody listens); AG_EIO, AG_EPERM, with the reason.
 */
int relay_ask(const struct conf *conf, const char *command, struct buf *answer,
    struct error *error_r);

#endif
