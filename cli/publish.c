/* SPDX-License-Identifier: MIT */
/*
 * publish - a tree becomes the derived directory. See publish.h.
 */
#include "cli/publish.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/derive.h"
#include "cli/sealing.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define PREFIX "derived."
#define INDEX "index"
#define NUMBER_MAX 1000000000ULL

struct publishing {
	const struct conf *conf;
	const struct tree *tree;
	char *old; /* the directory in force, or NULL */
	char *new;
	bool *same; /* a file: is it in the old directory as it is? */
	bool same_keys;
	struct error *error_r;
};

/* ---- comparing with what is in force ---- */

/* The number in the link `derived -> derived.N`; 0 if there is none. */
static uint64_t
current_number(const struct conf *conf)
{
	char target[64];
	uint64_t n;
	ssize_t len;

	len = readlink(conf->derived_dir, target, sizeof(target) - 1);
	if (len <= 0)
		return 0;
	target[len] = '\0';
	if (strncmp(target, PREFIX, strlen(PREFIX)) != 0 ||
	    text_uint(target + strlen(PREFIX), NUMBER_MAX, &n) < 0)
		return 0;
	return n;
}

static char *
numbered(const struct conf *conf, uint64_t n)
{
	return xasprintf(
	    "%s/" PREFIX "%llu", conf->state_dir, (unsigned long long)n);
}

static bool
is_same(const char *dir, const char *name, const char *data, size_t len)
{
	char *path = file_join(dir, name);
	struct stat st;
	struct buf b;
	bool same = false;

	buf_init(&b, len);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == (off_t)len && file_read(path, &b, NULL) == 0)
		same = b.len == len && memcmp(buf_str(&b), data, len) == 0;
	buf_free(&b);
	free(path);
	return same;
}

/* All paths, so that a file that is no more wanted is a change too. */
static void
make_index(const struct tree *t, struct buf *index)
{
	size_t i;

	buf_init(index, TREE_FILE_MAX);
	for (i = 0; i < t->count; i++)
		(void)buf_printf(index, "%s\n", t->files[i].path);
}

static bool
has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Marks what is the same as in the old directory; true if all is. */
static bool
compare(struct publishing *p, const struct buf *index, struct published *r)
{
	const struct tree *t = p->tree;
	bool all;
	size_t i;

	all = p->old != NULL &&
	    is_same(p->old, INDEX, buf_str(index), index->len);
	for (i = 0; i < t->count; i++) {
		p->same[i] = p->old != NULL &&
		    is_same(p->old, t->files[i].path, t->files[i].data,
			t->files[i].len);
		if (p->same[i]) {
			if (strcmp(t->files[i].path, SEALING_KEYS) == 0)
				p->same_keys = true;
			continue;
		}
		all = false;
		if (has_prefix(t->files[i].path, "postfix/"))
			r->postfix = true;
		if (strcmp(t->files[i].path, DERIVED_SSHD_CONFIG) == 0)
			r->sshd = true;
	}
	return all;
}

/* ---- writing it beside ---- */

static int
write_file(
    const char *path, const char *data, size_t len, struct error *error_r)
{
	int fd, rc = 0;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't create %s", path);
	if (fault_point("derive.write") || file_write_all(fd, data, len) < 0 ||
	    fchmod(fd, 0644) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't write %s", path);
	else if (fault_point("derive.fsync") || fsync(fd) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't fsync %s", path);
	if (close(fd) < 0 && rc == 0)
		rc = error_set_errno(error_r, AG_EIO, "can't close %s", path);
	return rc;
}

/* A new file, or another name for the one in force. */
static int
put_file(struct publishing *p, const char *name, const char *data, size_t len,
    bool same)
{
	char *to = file_join(p->new, name);
	char *from = same ? file_join(p->old, name) : NULL;
	int rc = 0;

	if (from == NULL || link(from, to) < 0)
		rc = write_file(to, data, len, p->error_r);
	free(from);
	free(to);
	return rc;
}

static int
make_dir(const char *path, struct error *error_r)
{
	if (mkdir(path, 0755) == 0 && chmod(path, 0755) == 0)
		return 0;
	return error_set_errno(error_r, AG_EIO, "can't make %s", path);
}

static const char *const subdirs[] = {
    "manifests", "old", "postfix", "ssh", DERIVED_SEALING};

#define SUBDIRS (sizeof(subdirs) / sizeof(subdirs[0]))

static int
make_dirs(struct publishing *p)
{
	char *path;
	size_t i;
	int rc;

	rc = file_remove_tree(p->new, p->error_r);
	if (rc == 0)
		rc = make_dir(p->new, p->error_r);
	for (i = 0; rc == 0 && i < SUBDIRS; i++) {
		path = file_join(p->new, subdirs[i]);
		rc = make_dir(path, p->error_r);
		free(path);
	}
	return rc;
}

static int
sync_dirs(struct publishing *p)
{
	char *path;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < SUBDIRS; i++) {
		path = file_join(p->new, subdirs[i]);
		rc = file_sync_dir(path, "derive", p->error_r);
		free(path);
	}
	return rc == 0 ? file_sync_dir(p->new, "derive", p->error_r) : rc;
}

/* Links every file of a directory (and of those in it) into another. */
static int
link_tree(const char *from, const char *to, struct error *error_r)
{
	struct dirent *e;
	struct stat st;
	char *a, *b;
	DIR *dir;
	int rc = 0;

	dir = opendir(from);
	if (dir == NULL)
		return error_set_errno(error_r, AG_EIO, "can't read %s", from);
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		a = file_join(from, e->d_name);
		b = file_join(to, e->d_name);
		if (lstat(a, &st) == 0 && S_ISDIR(st.st_mode)) {
			rc = make_dir(b, error_r);
			if (rc == 0)
				rc = link_tree(a, b, error_r);
			if (rc == 0 && chmod(b, st.st_mode & 07777) < 0)
				rc = error_set_errno(error_r, AG_EIO,
				    "can't set the mode of %s", b);
		} else if (link(a, b) < 0) {
			rc = error_set_errno(
			    error_r, AG_EIO, "can't link %s to %s", a, b);
		}
		free(a);
		free(b);
	}
	closedir(dir);
	return rc == 0 ? file_sync_dir(to, "derive", error_r) : rc;
}

/* The sealing keys: made anew only when a key has changed. */
static int
put_sealing(struct publishing *p)
{
	char *to = file_join(p->new, DERIVED_SEALING);
	char *from = NULL;
	struct stat st;
	int rc;

	if (p->same_keys) {
		from = file_join(p->old, DERIVED_SEALING);
		rc = link_tree(from, to, p->error_r);
		if (rc == 0 && stat(from, &st) == 0)
			(void)chmod(to, st.st_mode & 07777);
	} else {
		rc = sealing_write(p->new, p->old, p->tree, p->error_r);
	}
	free(from);
	free(to);
	return rc;
}

static int
write_all(struct publishing *p, const struct buf *index)
{
	const struct tree_file *f;
	size_t i;
	int rc;

	rc = make_dirs(p);
	for (i = 0; rc == 0 && i < p->tree->count; i++) {
		f = &p->tree->files[i];
		rc = put_file(p, f->path, f->data, f->len, p->same[i]);
	}
	if (rc == 0)
		rc = put_file(p, INDEX, buf_str(index), index->len, false);
	if (rc == 0)
		rc = put_sealing(p);
	return rc == 0 ? sync_dirs(p) : rc;
}

/* ---- coming into force ---- */

static int
switch_link(struct publishing *p, const char *target)
{
	char *link_path = xasprintf("%s.tmp", p->conf->derived_dir);
	int rc = 0;

	if (unlink(link_path) < 0 && errno != ENOENT)
		rc = error_set_errno(
		    p->error_r, AG_EIO, "can't remove %s", link_path);
	else if (fault_point("derive.switch") ||
	    symlink(target, link_path) < 0 ||
	    rename(link_path, p->conf->derived_dir) < 0)
		rc = error_set_errno(p->error_r, AG_EIO, "can't switch %s",
		    p->conf->derived_dir);
	else
		rc = file_sync_dir(p->conf->state_dir, "derive", p->error_r);
	free(link_path);
	return rc;
}

/* Everything named derived.N but these two. What can't be removed is
 * tried again next time. */
static void
prune(const struct conf *conf, uint64_t keep, uint64_t keep_too)
{
	struct dirent *e;
	uint64_t n;
	char *path;
	DIR *dir;

	dir = opendir(conf->state_dir);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (!has_prefix(e->d_name, PREFIX) ||
		    text_uint(e->d_name + strlen(PREFIX), NUMBER_MAX, &n) < 0 ||
		    n == keep || n == keep_too)
			continue;
		path = file_join(conf->state_dir, e->d_name);
		(void)file_remove_tree(path, NULL);
		free(path);
	}
	closedir(dir);
}

static int
publish_new(struct publishing *p, const struct buf *index, uint64_t number,
    publish_check *check, struct published *r)
{
	int rc;

	rc = write_all(p, index);
	if (rc == 0)
		rc = check(p->conf, p->new, r, p->error_r);
	if (rc == 0) {
		snprintf(r->name, sizeof(r->name), PREFIX "%llu",
		    (unsigned long long)number + 1);
		rc = switch_link(p, r->name);
	}
	if (rc == 0)
		prune(p->conf, number, number + 1);
	else
		(void)file_remove_tree(p->new, NULL);
	return rc;
}

int
publish_tree(const struct conf *conf, const struct tree *t,
    publish_check *check, struct published *p_r, struct error *error_r)
{
	uint64_t number = current_number(conf);
	struct publishing p = {.conf = conf, .tree = t, .error_r = error_r};
	struct buf index;
	int rc = 0;

	memset(p_r, 0, sizeof(*p_r));
	p.old = number == 0 ? NULL : numbered(conf, number);
	p.new = numbered(conf, number + 1);
	p.same = xcalloc(t->count + 1, sizeof(*p.same));
	make_index(t, &index);
	p_r->changed = !compare(&p, &index, p_r);
	if (p_r->changed)
		rc = publish_new(&p, &index, number, check, p_r);
	else
		snprintf(p_r->name, sizeof(p_r->name), PREFIX "%llu",
		    (unsigned long long)number);
	buf_free(&index);
	free(p.same);
	free(p.new);
	free(p.old);
	return rc;
}
