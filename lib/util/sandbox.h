/* SPDX-License-Identifier: MIT */
/*
 * sandbox - a process gives up what it does not need, once and for good:
 * it and all that it starts.
 *
 * Four layers, each of which holds alone: no_new_privs and limits;
 * Landlock (landlock(7)) for files, where the kernel has it; a list of
 * system calls (seccomp(2)); and not being dumpable, so that nobody of the
 * same user attaches.
 *
 * What is not on the list of system calls fails with ENOSYS, as in a
 * kernel that lacks it: a newer C library then takes the older way. A
 * socket of another family fails with EAFNOSUPPORT.
 *
 * SECURITY: call it before the process starts a thread, for Landlock binds
 * the calling thread and its children. Paths are looked up now: what a
 * rule names by a directory still holds for what is made in it later, what
 * it names by a file is lost when that file is replaced.
 */
#ifndef AGAMID_SANDBOX_H
#define AGAMID_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* What may be done with a file, or with all that is below a directory. */
enum sandbox_access {
	SANDBOX_READ = 1, /* read files, list directories */
	SANDBOX_LOOK = 2, /* read files, but list nothing */
	SANDBOX_WRITE = 4, /* make, write, rename and remove files */
	SANDBOX_TREE = 8, /* make and remove directories, too */
	SANDBOX_SOCKET = 16, /* make sockets, and remove old ones */
	SANDBOX_RUN = 32, /* execute */
};

/* What else a role may do; nothing of it is allowed otherwise. */
enum sandbox_may {
	SANDBOX_UNIX = 1, /* make sockets of AF_UNIX */
	SANDBOX_INET = 2, /* AF_INET and AF_INET6, but never listen to TCP */
	SANDBOX_NETLINK = 4, /* routing's, for own addresses and DNS */
	SANDBOX_FORK = 8, /* start processes, besides threads */
};

struct sandbox_path {
	const char *path; /* absolute; one that is missing gives nothing */
	unsigned access; /* of enum sandbox_access */
};

struct sandbox {
	const struct sandbox_path *paths;
	size_t path_count;
	unsigned may; /* of enum sandbox_may */
	unsigned files; /* open descriptors at most */
};

/* Landlock's ABI in this kernel, negative if it has none, or has it switched
 * off. From 2 on (Linux 5.19) a file can be renamed to another directory,
 * as each bundle is: an older one is none. */
#define SANDBOX_LANDLOCK_LEAST 2
int sandbox_landlock_abi(void);

/*
 * Confine this process. *landlock_r: was there Landlock? Without it the
 * users' rights are what is left for files. AG_EIO: the process is not to go
 * on.
 */
int sandbox_enter(
    const struct sandbox *box, bool *landlock_r, struct error *error_r);
#endif
