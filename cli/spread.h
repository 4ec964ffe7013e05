/* SPDX-License-Identifier: MIT */
/*
 * spread - which peers have our manifest already, by what relayd heard.
 */
#ifndef AGAMID_SPREAD_H
#define AGAMID_SPREAD_H

#include <stdint.h>

#include "cli/roster.h"
#include "mail/conf.h"

/* Print a line for each peer. While one has not got this serial, ask
 * again, for at most so many seconds. */
void spread_show(const struct conf *conf, const struct roster *r,
    uint64_t serial, unsigned seconds);

#endif
