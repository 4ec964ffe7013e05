/* SPDX-License-Identifier: MIT */
/*
 * dial - the child of relayd that dials one peer, and then runs the
 * session over the SSH channel that it opened.
 */
#ifndef AGAMID_RELAYD_DIAL_H
#define AGAMID_RELAYD_DIAL_H

#include <stdbool.h>

#include "mail/conf.h"

/* 0 after an orderly session; AG_EIO and others, logged. rescue: this is
 * not the node itself (rescue.h). */
int dial_run(const struct conf *conf, const char *name, bool rescue);

#endif
