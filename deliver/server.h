/* SPDX-License-Identifier: MIT */
/*
 * server - agamid-deliver's socket: requests in, jobs to the pool, answers
 * out. One thread with a poll loop.
 */
#ifndef AGAMID_DELIVER_SERVER_H
#define AGAMID_DELIVER_SERVER_H

#include "deliver/job.h"
#include "util/error.h"

/* From here on SIGTERM, SIGINT and SIGHUP wait for server_run(): before the
 * socket is there, or whoever has seen it could kill what it serves. */
void server_hold_signals(void);

/* Serve the listening SEQPACKET socket until SIGTERM or SIGINT; what runs
 * then may end, for up to STOP_SECONDS. 0 or AG_EIO. */
#define STOP_SECONDS 20
int server_run(const struct home *home, int listener, struct error *error_r);

#endif
