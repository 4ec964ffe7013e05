/* SPDX-License-Identifier: MIT */
/*
 * process - what agamid-milter and agamid-seal do once, at their start and
 * at their end: they end quickly on SIGTERM. (What they give up is in
 * mail/role.h.)
 */
#ifndef AGAMID_MILTER_PROCESS_H
#define AGAMID_MILTER_PROCESS_H

#include "milter/sealer.h"

/* SIGPIPE ignored; little memory for idle threads. */
void process_prepare(void);

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
