/* SPDX-License-Identifier: MIT */
/*
 * standing - sessions that are kept open by a node which nobody can dial:
 * over them its mail is pushed to it as it comes (doc/spec/relay.md,
 * chapter 8).
 */
#ifndef AGAMID_RELAYD_STANDING_H
#define AGAMID_RELAYD_STANDING_H

#include "relayd/relayd.h"

/* With how many others, if the node has no backup MX. */
#define STANDING_OTHERS 4

/* Set each peer's `standing` by what is in force; nobody's, if this node
 * can be dialled. */
void standing_view(struct relayd *r);

#endif
