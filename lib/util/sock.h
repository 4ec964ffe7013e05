/* SPDX-License-Identifier: MIT */
/*
 * sock - UNIX sockets: SEQPACKET messages with an optional descriptor
 * between Agamid's own processes; STREAM towards Postfix. The user at the
 * other end is known by SO_PEERCRED.
 */
#ifndef AGAMID_SOCK_H
#define AGAMID_SOCK_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define SOCK_MESSAGE_MAX 131072 /* bytes in one SEQPACKET message */

/* Listen at path (an old socket there is replaced); mode is set before
 * anybody can connect. type is SOCK_STREAM or SOCK_SEQPACKET. The
 * descriptor (close-on-exec) or AG_EIO. */
int sock_listen(const char *path, int type, mode_t mode, struct error *error_r);
int sock_connect(const char *path, int type, struct error *error_r);

/* The user at the other end. */
int sock_peer_uid(int fd, uid_t *uid_r);
/* Is it root, ourselves, or the user of this name? */
bool sock_peer_is(int fd, const char *user);

/* One message; fd -1: none. Blocking. 0, AG_EIO; AG_EAGAIN if fd is
 * non-blocking and full. The descriptor stays the caller's. */
int sock_send(int fd, const void *data, size_t len, int pass_fd);
/* One message into data; NUL is put behind it (so size - 1 bytes fit).
 * *fd_r is a received descriptor (the caller's to close) or -1.
 * The length, 0 at end, AG_EIO, AG_EAGAIN; AG_ETOOBIG if it was cut. */
ssize_t sock_recv(int fd, char *data, size_t size, int *fd_r);

#endif
