/* SPDX-License-Identifier: MIT */
/*
 * listener - a stream socket for Postfix with a thread a connection, a
 * bounded number of them.
 */
#ifndef AGAMID_MILTER_LISTENER_H
#define AGAMID_MILTER_LISTENER_H

#include <sys/types.h>
#include <stddef.h>

#include "util/error.h"

struct listener {
	const char *path; /* of the socket; borrowed */
	unsigned max; /* connections at once */
	/* What a connection over that number hears before it is closed; "" */
	const char *full;
	/* Serves one connection, in its thread; the descriptor is closed
	 * behind it. */
	void (*serve)(int fd, void *ctx);
	void *ctx;
};

/* Listen and serve from a thread of its own until the process ends. l is
 * copied. 0, AG_ENOMEM, AG_EIO. */
int listener_start(const struct listener *l, struct error *error_r);

/*
 * Bytes with a deadline. Read: what is there, at most len; 0 at the end;
 * AG_EAGAIN: nothing came for timeout_ms; AG_EIO. Write: all, or AG_EIO,
 * AG_EAGAIN.
 */
ssize_t listener_read(int fd, void *data, size_t len, int timeout_ms);
int listener_write(int fd, const void *data, size_t len, int timeout_ms);

#endif
