/* SPDX-License-Identifier: MIT */
/*
 * deliver - asks agamid-deliver over its socket (agamid-deliver(8)).
 */
#ifndef AGAMID_CLI_DELIVER_H
#define AGAMID_CLI_DELIVER_H

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

/*
 * Send one request, with a descriptor or -1, and take its one answer.
 * seconds: how long it may take. AG_ENOENT: it does not run; AG_EPERM: it
 * would not answer (to this user); AG_EIO; each with the reason.
 */
int deliver_ask(const struct conf *conf, const char *request, int fd,
    unsigned seconds, struct buf *answer, struct error *error_r);

#endif
