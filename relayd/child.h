/* SPDX-License-Identifier: MIT */
/*
 * child - relayd as its own child, for what faces the network: dial.c and
 * probe.c.
 */
#ifndef AGAMID_RELAYD_CHILD_H
#define AGAMID_RELAYD_CHILD_H

#include <sys/types.h>

#include "relayd/relayd.h"

/* Start `agamid-relayd OPTION NAME` with the same configuration; its
 * standard output is out_fd, if that is not -1. The pid, or -1 with errno. */
pid_t child_start(
    const struct relayd *r, const char *option, const char *name, int out_fd);

#endif
