/* SPDX-License-Identifier: MIT */
/*
 * child - relayd as its own child, for what faces the network: dial.c and
 * probe.c. They are started by a process that may do so (starter.h); here
 * is relayd's end of it, which knows them by number.
 */
#ifndef AGAMID_RELAYD_CHILD_H
#define AGAMID_RELAYD_CHILD_H

#include <stdint.h>

#include "relayd/relayd.h"
#include "relayd/starter.h"

struct children;

/* fd, of starter_fork(), is taken over, even on failure; -1: nothing can be
 * started, which is a test's. */
int children_new(
    struct relayd *r, int fd, struct children **c_r, struct error *error_r);
void children_free(struct children **c);

/*
 * Start `agamid-relayd --dial NAME` (STARTER_DIAL) or `--probe NAME`, with
 * the same configuration; its standard output is out_fd, if that is not
 * -1. Its number, never 0; dialler_ended() hears of its end, and of a child
 * that could not be started as of one that failed. 0: not now.
 */
uint32_t child_start(
    struct relayd *r, enum starter_verb what, const char *name, int out_fd);
/* Send it SIGTERM, if it has not ended. */
void child_end(struct relayd *r, uint32_t number);

#endif
