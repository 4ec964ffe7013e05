/* SPDX-License-Identifier: MIT */
/*
 * key_file - secret keys in a home directory. See key_file.h.
 */
#include "cli/key_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/mailbox_key.h"
#include "util/file.h"
#include "util/text.h"

/* What the child does with the file; its end is the parent's pipe. */
typedef int child_fn(
    const char *path, struct buf *data, int end, struct error *error_r);

static int
child_read(const char *path, struct buf *data, int end, struct error *error_r)
{
	int rc = file_read(path, data, error_r);

	if (rc == 0)
		rc = file_write_all(end, buf_str(data), data->len);
	return rc;
}

static int
child_write(const char *path, struct buf *data, int end, struct error *error_r)
{
	(void)end;
	return file_replace(
	    path, buf_str(data), data->len, 0600, "key", error_r);
}

/* data: the new name. */
static int
child_keep(const char *path, struct buf *data, int end, struct error *error_r)
{
	(void)end;
	if (link(path, buf_str(data)) < 0 || unlink(path) < 0)
		return error_set_errno(error_r, AG_EIO, "%s", path);
	return file_sync_parent(path, "key", error_r);
}

static int
become(const struct stat *owner, struct error *error_r)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(owner->st_gid) < 0 ||
		setuid(owner->st_uid) < 0))
		return error_set_errno(
		    error_r, AG_EPERM, "can't become the home's owner");
	umask(077);
	return 0;
}

/* Never returns. An error is told by its text, behind a NUL. */
static void
child(const char *home, const struct stat *owner, child_fn *fn,
    struct buf *data, int end)
{
	char *dir = file_join(home, ".agamid"),
	     *path = file_join(home, KEY_FILE);
	struct error error = {""};
	int rc = become(owner, &error);

	if (rc == 0 && mkdir(dir, 0700) < 0 && errno != EEXIST)
		rc = error_set_errno(&error, AG_EIO, "%s", dir);
	if (rc == 0)
		rc = fn(path, data, end, &error);
	if (rc < 0)
		(void)file_write_all(end, &error, sizeof(error));
	_exit(-rc);
}

/* What came through the pipe, and how the child ended. */
static int
collect(pid_t pid, int from, struct buf *out, struct error *error_r)
{
	struct error ignored;
	int status, rc;

	rc = file_read_fd(from, out, &ignored);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	rc = WIFEXITED(status) && WEXITSTATUS(status) != 0
	    ? -WEXITSTATUS(status)
	    : AG_EIO;
	return error_set(error_r, rc, "%s",
	    out->len == sizeof(ignored) ? buf_str(out) : "the helper died");
}

static int
run(const char *home, child_fn *fn, struct buf *data, struct buf *out,
    struct error *error_r)
{
	struct stat owner;
	int ends[2], rc;
	pid_t pid;

	if (stat(home, &owner) < 0 || !S_ISDIR(owner.st_mode))
		return error_set_errno(error_r, AG_EIO, "%s", home);
	if (pipe(ends) < 0)
		return error_set_errno(error_r, AG_EIO, "pipe");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		child(home, &owner, fn, data, ends[1]);
	}
	close(ends[1]);
	rc = pid > 0 ? collect(pid, ends[0], out, error_r)
		     : error_set_errno(error_r, AG_EIO, "fork");
	close(ends[0]);
	return rc;
}

int
key_file_read(const char *home, struct buf *data, struct error *error_r)
{
	struct buf copy;
	int rc;

	buf_init(&copy, MAILBOX_KEY_MAX);
	rc = run(home, child_read, &copy, data, error_r);
	buf_wipe(&copy);
	return rc;
}

/* A child that has something to be told, and says nothing but errors. */
static int
tell(const char *home, child_fn *fn, const void *data, size_t len,
    struct error *error_r)
{
	struct buf said, copy;
	int rc;

	buf_init(&said, 2 * sizeof(struct error));
	buf_init(&copy, MAILBOX_KEY_MAX);
	rc = buf_put(&copy, data, len);
	if (rc == 0)
		rc = run(home, fn, &copy, &said, error_r);
	buf_wipe(&copy);
	buf_free(&said);
	return rc;
}

int
key_file_write(const char *home, const struct buf *data, struct error *error_r)
{
	return tell(home, child_write, buf_str(data), data->len, error_r);
}

int
key_file_keep(
    const char *home, time_t now, char **name_r, struct error *error_r)
{
	char stamp[32];
	struct tm tm;
	int rc;

	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", gmtime_r(&now, &tm));
	*name_r = xasprintf("%s/" KEY_FILE ".%s", home, stamp);
	rc = tell(home, child_keep, *name_r, strlen(*name_r), error_r);
	if (rc < 0) {
		free(*name_r);
		*name_r = NULL;
	}
	return rc;
}
