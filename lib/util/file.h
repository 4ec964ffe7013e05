/* SPDX-License-Identifier: MIT */
/*
 * file - files and directories, durably and bounded.
 *
 * Every function that writes passes fault points named by its point
 * argument: "<point>.write", "<point>.fsync", "<point>.rename",
 * "<point>.dirsync".
 *
 * What returns an int returns 0 or AG_EIO, and other errors where they are
 * named; *error_r (which may be NULL) then says which path and why.
 */
#ifndef AGAMID_FILE_H
#define AGAMID_FILE_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"

/* write(2) until all is out; retries EINTR. 0 or AG_EIO. */
int file_write_all(int fd, const void *data, size_t len);
int file_pwrite_all(int fd, const void *data, size_t len, off_t at);
/* read(2) until len bytes or end; the count, or AG_EIO. */
ssize_t file_read_full(int fd, void *data, size_t len);

/* The whole file, appended to b: at most b->max bytes (AG_ETOOBIG over
 * that). AG_ENOENT, AG_ENOMEM. */
int file_read(const char *path, struct buf *b, struct error *error_r);
int file_read_fd(int fd, struct buf *b, struct error *error_r);

/* Write beside ("PATH.tmp"), fsync, rename over, fsync the directory. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode,
    const char *point, struct error *error_r);

/* fsync a directory by path. */
int file_sync_dir(const char *path, const char *point, struct error *error_r);
/* The same for the directory that path is in. */
int file_sync_parent(
    const char *path, const char *point, struct error *error_r);

/* mkdir -p with this mode for what is missing. */
int file_mkdirs(const char *path, mode_t mode, struct error *error_r);
/* mkdir if missing; set owner, group (names; NULL leaves it) and mode. */
int file_dir(const char *path, const char *user, const char *group, mode_t mode,
    struct error *error_r);
/* rm -r; a missing path is no error. Never follows symlinks. */
int file_remove_tree(const char *path, struct error *error_r);

/* "root" + "/" + path without doubled slashes; malloc'ed, never NULL. */
char *file_join(const char *dir, const char *name);

#endif
