/* SPDX-License-Identifier: MIT */
/*
 * rekey - sessions end when the SSH keys of their peer change.
 */
#ifndef AGAMID_RELAYD_REKEY_H
#define AGAMID_RELAYD_REKEY_H

#include "relayd/relayd.h"

/* Other manifests are in force than before. */
void rekey_view(struct relayd *r);

#endif
