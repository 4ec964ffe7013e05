/* SPDX-License-Identifier: MIT */
/*
 * watch - what wakes relayd besides its sockets: new bundles (inotify on
 * new/), a new derived directory, and the network coming up (rtnetlink).
 */
#ifndef AGAMID_RELAYD_WATCH_H
#define AGAMID_RELAYD_WATCH_H

#include "relayd/relayd.h"

int watch_new(struct relayd *r, struct watch **w_r, struct error *error_r);
void watch_free(struct watch **w);

#endif
