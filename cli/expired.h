/* SPDX-License-Identifier: MIT */
/*
 * expired - own mail whose time was over at a friend's before this node
 * was back (agamid queue expired).
 */
#ifndef AGAMID_CLI_EXPIRED_H
#define AGAMID_CLI_EXPIRED_H

#include <stdbool.h>

#include "mail/conf.h"

/* Print all, as text or JSON; an exit code. */
int expired_list(const struct conf *conf, bool json);

#endif
