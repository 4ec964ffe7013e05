/* SPDX-License-Identifier: MIT */
/*
 * file - files and directories, durably and bounded. See file.h.
 *
 * Durable means: the file's fsync, then the rename, then the directory's
 * fsync. It never calls sync(2) or syncfs(2), which would write out other
 * programs' files too (Postfix's queue may be on the same file system).
 *
 * SECURITY: removal and writing never follow a symbolic link that stands
 * in the last part of a path.
 */
#include "util/file.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fault.h"
#include "util/text.h"

#define READ_CHUNK 16384
#define TREE_DEPTH_MAX 64
#define DB_ENTRY_MAX 16384 /* bytes of one passwd or group entry */

/* Passes the fault point "<point>.<step>". */
static bool
file_fails(const char *point, const char *step)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", point, step);
	return fault_point(name);
}

/* Behind the step "<point>.<step>". */
static void
file_did(const char *point, const char *step)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", point, step);
	fault_after(name);
}

int
file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AG_EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_pwrite_all(int fd, const void *data, size_t len, off_t at)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AG_EIO;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
file_read_full(int fd, void *data, size_t len)
{
	char *p = data;
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = read(fd, p + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AG_EIO;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
file_read_fd(int fd, struct buf *b, struct error *error_r)
{
	size_t room;
	char more, *p;
	ssize_t n;

	for (;;) {
		room = b->max - b->len;
		if (room > READ_CHUNK)
			room = READ_CHUNK;
		if (room == 0)
			break;
		p = buf_reserve(b, room);
		if (p == NULL)
			return error_set(error_r, AG_ENOMEM, "out of memory");
		n = file_read_full(fd, p, room);
		if (n < 0)
			return error_set_errno(error_r, AG_EIO, "can't read");
		buf_commit(b, (size_t)n);
		if ((size_t)n < room)
			return 0;
	}
	n = file_read_full(fd, &more, 1);
	if (n < 0)
		return error_set_errno(error_r, AG_EIO, "can't read");
	if (n > 0)
		return error_set(
		    error_r, AG_ETOOBIG, "longer than %zu bytes", b->max);
	return 0;
}

int
file_read(const char *path, struct buf *b, struct error *error_r)
{
	struct error why;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set_errno(error_r,
		    errno == ENOENT ? AG_ENOENT : AG_EIO, "can't open %s",
		    path);
	rc = file_read_fd(fd, b, &why);
	if (rc < 0)
		error_set(error_r, rc, "%s: %s", path, why.text);
	close(fd);
	return rc;
}

/* The new file at tmp, whole and synced. */
static int
file_write_new(const char *tmp, const void *data, size_t len, mode_t mode,
    const char *point, struct error *error_r)
{
	int fd, rc = AG_EIO;

	if (unlink(tmp) < 0 && errno != ENOENT)
		return error_set_errno(
		    error_r, AG_EIO, "can't remove the old %s", tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    mode & 0700);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "can't create %s", tmp);
	if (file_fails(point, "write") || file_write_all(fd, data, len) < 0 ||
	    fchmod(fd, mode) < 0) {
		error_set_errno(error_r, rc, "can't write %s", tmp);
		goto out;
	}
	file_did(point, "write");
	if (file_fails(point, "fsync") || fsync(fd) < 0) {
		error_set_errno(error_r, rc, "can't fsync %s", tmp);
		goto out;
	}
	file_did(point, "fsync");
	rc = 0;
out:
	if (close(fd) < 0 && rc == 0)
		rc = error_set_errno(error_r, AG_EIO, "can't close %s", tmp);
	return rc;
}

int
file_sync_parent(const char *path, const char *point, struct error *error_r)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int rc;

	if (slash == NULL)
		return file_sync_dir(".", point, error_r);
	dir = xstrdup(path);
	dir[slash == path ? 1 : slash - path] = '\0';
	rc = file_sync_dir(dir, point, error_r);
	free(dir);
	return rc;
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode,
    const char *point, struct error *error_r)
{
	char *tmp = xasprintf("%s.tmp", path);
	int rc;

	rc = file_write_new(tmp, data, len, mode, point, error_r);
	if (rc < 0)
		goto out;
	if (file_fails(point, "rename") || rename(tmp, path) < 0) {
		rc = error_set_errno(
		    error_r, AG_EIO, "can't rename %s to %s", tmp, path);
		goto out;
	}
	file_did(point, "rename");
	rc = file_sync_parent(path, point, error_r);
out:
	if (rc < 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

int
file_sync_dir(const char *path, const char *point, struct error *error_r)
{
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "can't open %s", path);
	if (file_fails(point, "dirsync") || fsync(fd) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't fsync %s", path);
	else
		file_did(point, "dirsync");
	close(fd);
	return rc;
}

/* One directory: made with this mode, or there already. */
static int
file_mkdir(const char *path, mode_t mode, struct error *error_r)
{
	struct stat st;

	if (mkdir(path, mode & 0700) == 0) {
		if (chmod(path, mode) == 0)
			return 0;
		return error_set_errno(
		    error_r, AG_EIO, "can't set the mode of %s", path);
	}
	if (errno != EEXIST)
		return error_set_errno(error_r, AG_EIO, "can't make %s", path);
	if (stat(path, &st) < 0)
		return error_set_errno(error_r, AG_EIO, "can't stat %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(
		    error_r, AG_EEXIST, "%s is there, but no directory", path);
	return 0;
}

int
file_mkdirs(const char *path, mode_t mode, struct error *error_r)
{
	char *part = xstrdup(path), *p;
	int rc = 0;

	for (p = part; rc == 0 && *p != '\0'; p++) {
		if (*p != '/' || p == part)
			continue;
		*p = '\0';
		rc = file_mkdir(part, mode, error_r);
		*p = '/';
	}
	if (rc == 0 && *part != '\0')
		rc = file_mkdir(part, mode, error_r);
	free(part);
	return rc;
}

static int
file_user(const char *name, uid_t *uid_r, struct error *error_r)
{
	struct passwd pw, *found = NULL;
	char entry[DB_ENTRY_MAX];
	int rc;

	rc = getpwnam_r(name, &pw, entry, sizeof(entry), &found);
	if (found == NULL) {
		errno = rc;
		return error_set(
		    error_r, AG_ENOENT, "there is no user %s", name);
	}
	*uid_r = pw.pw_uid;
	return 0;
}

static int
file_group(const char *name, gid_t *gid_r, struct error *error_r)
{
	struct group gr, *found = NULL;
	char entry[DB_ENTRY_MAX];
	int rc;

	rc = getgrnam_r(name, &gr, entry, sizeof(entry), &found);
	if (found == NULL) {
		errno = rc;
		return error_set(
		    error_r, AG_ENOENT, "there is no group %s", name);
	}
	*gid_r = gr.gr_gid;
	return 0;
}

int
file_dir(const char *path, const char *user, const char *group, mode_t mode,
    struct error *error_r)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;
	int fd, rc = 0;

	if (user != NULL)
		rc = file_user(user, &uid, error_r);
	if (rc == 0 && group != NULL)
		rc = file_group(group, &gid, error_r);
	if (rc == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		rc = error_set_errno(error_r, AG_EIO, "can't make %s", path);
	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't open the directory %s", path);
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		rc = error_set_errno(error_r, AG_EIO,
		    "can't set the owner and mode of %s", path);
	close(fd);
	return rc;
}

static int file_remove_at(int at, const char *name, unsigned depth);

/* Empties the directory fd, and closes it. */
static int
file_empty_dir(int fd, unsigned depth)
{
	struct dirent *e;
	DIR *dir;
	int rc = 0;

	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return AG_EIO;
	}
	while (rc == 0 && (errno = 0, e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = file_remove_at(dirfd(dir), e->d_name, depth);
	}
	if (rc == 0 && errno != 0)
		rc = AG_EIO;
	closedir(dir);
	return rc;
}

static int
file_remove_at(int at, const char *name, unsigned depth)
{
	int fd;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return AG_EIO;
	if (depth >= TREE_DEPTH_MAX) {
		errno = ELOOP;
		return AG_ETOOBIG;
	}
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || file_empty_dir(fd, depth + 1) < 0)
		return AG_EIO;
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return AG_EIO;
	return 0;
}

int
file_remove_tree(const char *path, struct error *error_r)
{
	int rc = file_remove_at(AT_FDCWD, path, 0);

	if (rc < 0)
		return error_set_errno(error_r, rc, "can't remove %s", path);
	return 0;
}

char *
file_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	while (*name == '/')
		name++;
	return xasprintf("%.*s/%s", (int)len, dir, name);
}
