/* SPDX-License-Identifier: MIT */
/*
 * process - what agamid-milter and agamid-seal do once at their start: a
 * process that handles plaintext leaves no core dump and lets nobody
 * attach; and it ends quickly on SIGTERM.
 */
#ifndef AGAMID_MILTER_PROCESS_H
#define AGAMID_MILTER_PROCESS_H

#include "milter/sealer.h"

/* No core dumps, no ptrace, a bounded number of descriptors (1,024: an
 * engine that forks closes them one by one), SIGPIPE ignored. Fatal on
 * failure. */
void process_harden(void);

/* Block SIGTERM, SIGINT and SIGHUP in this thread and in those that it
 * starts; before any thread. */
void process_block_signals(void);
/* Wait for SIGTERM or SIGINT; SIGHUP means nothing to us. */
void process_wait_stop(void);
/* Make process_wait_stop() return. */
void process_stop(void);
/* Let mails that are being sealed come to their end, for 1.5 seconds at
 * most, and end the process. */
void process_end(struct sealer *sealer, const char *node)
    __attribute__((noreturn));

#endif
