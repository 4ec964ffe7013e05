/* SPDX-License-Identifier: MIT */
/*
 * tcp - a connection to one address; only for processes that may face the
 * network (children of relayd).
 */
#ifndef AGAMID_RELAYD_TCP_H
#define AGAMID_RELAYD_TCP_H

#include "util/error.h"

/* Begin to connect to an address (text, no name). A non-blocking
 * descriptor, which poll(2) calls writable when tcp_end() may be called, or
 * AG_EINVAL, AG_EIO with the reason. */
int tcp_begin(const char *address, unsigned port, struct error *error_r);
/* What came of it: 0, or AG_EIO with the reason. The descriptor stays the
 * caller's. */
int tcp_end(int fd, struct error *error_r);
/* Both, waiting. A non-blocking descriptor, or as tcp_begin(). */
int tcp_connect(
    const char *address, unsigned port, int timeout_ms, struct error *error_r);

#endif
