/* SPDX-License-Identifier: MIT */
/*
 * inbox - manifests that wait to be judged. See inbox.h.
 */
#include "cli/inbox.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifests/manifest.h"
#include "util/file.h"
#include "util/text.h"

#define INBOX_DIR "inbox"
#define HASH_DIGITS 16
#define SUFFIX ".yaml"

bool
inbox_parse_name(
    const char *file, char node_r[INBOX_NODE_MAX], uint64_t *serial_r)
{
	size_t name = strcspn(file, "."), digits;
	char number[24];
	const char *p;

	if (name == 0 || name >= INBOX_NODE_MAX || file[name] != '.')
		return false;
	memcpy(node_r, file, name);
	node_r[name] = '\0';
	p = file + name + 1;
	digits = strspn(p, "0123456789");
	if (digits == 0 || digits >= sizeof(number) || p[digits] != '.')
		return false;
	memcpy(number, p, digits);
	number[digits] = '\0';
	p += digits + 1;
	return text_is_node_name(node_r) &&
	    text_uint(number, UINT64_MAX, serial_r) == 0 &&
	    strlen(p) == HASH_DIGITS + strlen(SUFFIX) &&
	    strspn(p, "0123456789abcdef") == HASH_DIGITS &&
	    strcmp(p + HASH_DIGITS, SUFFIX) == 0;
}

static void *
grow(void *list, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0) /* room was made for a power of 2 */
		return list;
	list = reallocarray(list, count == 0 ? 1 : 2 * count, size);
	if (list == NULL)
		abort();
	return list;
}

/* What relayd is still writing (util/file.h) is left to it. */
static bool
is_being_written(const char *file)
{
	size_t len = strlen(file);

	return len > 4 && strcmp(file + len - 4, ".tmp") == 0;
}

static void
add_name(struct inbox *in, const char *file)
{
	struct inbox_file f = {.file = NULL};

	if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0 ||
	    is_being_written(file))
		return;
	if (!inbox_parse_name(file, f.node, &f.serial)) {
		in->junk = grow(in->junk, in->junk_count, sizeof(*in->junk));
		in->junk[in->junk_count++] = xstrdup(file);
		return;
	}
	in->files = grow(in->files, in->count, sizeof(*in->files));
	f.file = xstrdup(file);
	in->files[in->count++] = f;
}

static int
compare_files(const void *a, const void *b)
{
	const struct inbox_file *x = a, *y = b;
	int order = strcmp(x->node, y->node);

	if (order != 0)
		return order;
	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return strcmp(x->file, y->file);
}

static int
list_names(struct inbox *in, struct error *error_r)
{
	struct dirent *e;
	DIR *dir;
	int fd;

	fd = openat(in->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (dir = fdopendir(fd)) == NULL) {
		if (fd >= 0)
			close(fd);
		return error_set_errno(
		    error_r, AG_EIO, "can't read the inbox of manifests");
	}
	while (in->count + in->junk_count < INBOX_FILES_MAX &&
	    (e = readdir(dir)) != NULL)
		add_name(in, e->d_name);
	closedir(dir);
	if (in->count > 0)
		qsort(in->files, in->count, sizeof(*in->files), compare_files);
	return 0;
}

int
inbox_open(const struct conf *conf, struct inbox *in, struct error *error_r)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char *state = file_join(conf->state_dir, "state");
	int fd, rc = 0;

	memset(in, 0, sizeof(*in));
	in->fd = -1;
	fd = open(state, flags);
	if (fd >= 0)
		in->fd = openat(fd, INBOX_DIR, flags);
	if (in->fd < 0 && errno != ENOENT)
		rc = error_set_errno(
		    error_r, AG_EIO, "can't open %s/" INBOX_DIR, state);
	if (fd >= 0)
		close(fd);
	free(state);
	return in->fd < 0 ? rc : list_names(in, error_r);
}

void
inbox_close(struct inbox *in)
{
	size_t i;

	for (i = 0; i < in->count; i++)
		free(in->files[i].file);
	for (i = 0; i < in->junk_count; i++)
		free(in->junk[i]);
	free(in->files);
	free(in->junk);
	if (in->fd >= 0)
		close(in->fd);
	memset(in, 0, sizeof(*in));
	in->fd = -1;
}

int
inbox_read(const struct inbox *in, const char *file, struct buf *b,
    struct error *error_r)
{
	struct stat st;
	int fd, rc;

	fd = openat(in->fd, file,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error_r,
		    errno == ELOOP ? AG_EINVAL : AG_EIO, "can't open it");
	if (fstat(fd, &st) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't look at it");
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		rc = error_set(error_r, AG_EINVAL, "it is not a plain file");
	else if (st.st_size > MANIFEST_MAX)
		rc = error_set(error_r, AG_EINVAL,
		    "it has %llu bytes; expected at most %d",
		    (unsigned long long)st.st_size, MANIFEST_MAX);
	else
		rc = file_read_fd(fd, b, error_r);
	close(fd);
	return rc;
}

int
inbox_remove(const struct inbox *in, const char *file, struct error *error_r)
{
	if (unlinkat(in->fd, file, 0) == 0 || errno == ENOENT)
		return 0;
	return error_set_errno(
	    error_r, AG_EIO, "can't remove %s from the inbox", file);
}
