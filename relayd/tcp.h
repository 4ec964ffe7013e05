/* SPDX-License-Identifier: MIT */
/*
 * tcp - a connection to one address; only for processes that may face the
 * network (children of relayd).
 */
#ifndef AGAMID_RELAYD_TCP_H
#define AGAMID_RELAYD_TCP_H

#include "util/error.h"

/* Connect to an address (text, no name). A non-blocking descriptor, or
 * AG_EINVAL, AG_EIO with the reason. */
int tcp_connect(
    const char *address, unsigned port, int timeout_ms, struct error *error_r);

#endif
