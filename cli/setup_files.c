/* SPDX-License-Identifier: MIT */
/*
 * setup_files - the files that setup changes: as they are, as they were,
 * and back again. See setup.h.
 *
 * Before the first change the files as they were, and then the journal,
 * are on disk; so that whatever is interrupted can be undone, to the byte.
 * The journal knows a file by the hashes of what we made of it: any other
 * content means that someone else has changed it since.
 */
#include "cli/setup_files.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define TEMPORARY ".agamid-new"

/* ---- a file's state ---- */

void
setup_state_hash(const struct setup_state *st, char hex_r[65])
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(
	    digest, (const uint8_t *)buf_str(&st->data), st->data.len);
	text_hex(digest, sizeof(digest), hex_r);
}

void
setup_state_set(struct setup_state *st, const void *data, size_t len)
{
	buf_free(&st->data);
	buf_init(&st->data, SETUP_FILE_MAX);
	if (buf_put(&st->data, data, len) < 0)
		abort();
	if (!st->is) {
		st->mode = 0644;
		st->uid = 0;
		st->gid = 0;
	}
	st->is = true;
}

void
setup_state_copy(struct setup_state *to, const struct setup_state *from)
{
	buf_free(&to->data);
	*to = *from;
	buf_init(&to->data, SETUP_FILE_MAX);
	if (buf_put(&to->data, buf_str(&from->data), from->data.len) < 0)
		abort();
}

int
setup_state_read(
    const char *path, struct setup_state *st_r, struct error *error_r)
{
	struct stat st;
	int fd, rc;

	buf_init(&st_r->data, SETUP_FILE_MAX);
	st_r->is = false;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "can't open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(error_r, AG_EINVAL, "%s is no file", path);
	}
	rc = file_read_fd(fd, &st_r->data, error_r);
	close(fd);
	st_r->is = true;
	st_r->mode = st.st_mode & 07777;
	st_r->uid = st.st_uid;
	st_r->gid = st.st_gid;
	st_r->mtime = st.st_mtim;
	return rc;
}

bool
setup_state_same(const struct setup_state *a, const struct setup_state *b)
{
	return a->is == b->is &&
	    (!a->is ||
		(a->data.len == b->data.len &&
		    memcmp(buf_str(&a->data), buf_str(&b->data), a->data.len) ==
			0));
}

/* Owner and mode only matter where there is a file. */
static bool
same_state(const struct setup_state *a, const struct setup_state *b)
{
	return setup_state_same(a, b) &&
	    (!a->is ||
		(a->mode == b->mode && a->uid == b->uid && a->gid == b->gid));
}

bool
setup_file_changes(const struct setup_file *f)
{
	return !same_state(&f->now, &f->want);
}

/* ---- writing ---- */

static int
fill_file(int fd, const struct setup_state *st, bool times)
{
	const struct timespec when[2] = {{0, UTIME_OMIT}, st->mtime};

	if (file_write_all(fd, buf_str(&st->data), st->data.len) < 0 ||
	    fchmod(fd, st->mode) < 0)
		return -1;
	if (geteuid() == 0 && fchown(fd, st->uid, st->gid) < 0)
		return -1;
	/* A change of owner may have taken bits of the mode. */
	if (fchmod(fd, st->mode) < 0 || (times && futimens(fd, when) < 0))
		return -1;
	if (fault_point("setup.fsync"))
		return -1;
	return fsync(fd);
}

/* Beside, synced, renamed; a link to a file stays a link. */
int
setup_state_write(const char *path, const struct setup_state *st, bool times,
    struct error *error_r)
{
	char real[PATH_MAX], *beside;
	const char *target = realpath(path, real) != NULL ? real : path;
	int fd, rc = 0;

	beside = xasprintf("%s" TEMPORARY, target);
	(void)unlink(beside);
	fd = open(
	    beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fill_file(fd, st, times) < 0 ||
	    fault_point("setup.rename") || rename(beside, target) < 0) {
		rc = error_set_errno(error_r, AG_EIO, "can't write %s", target);
		(void)unlink(beside);
	}
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		rc = file_sync_parent(target, "setup", error_r);
	free(beside);
	return rc;
}

/* What a run that was killed has left beside a file. */
static void
remove_temporary(const char *path)
{
	char real[PATH_MAX], *beside;

	beside = xasprintf(
	    "%s" TEMPORARY, realpath(path, real) != NULL ? real : path);
	(void)unlink(beside);
	free(beside);
}

/* The folder of a drop-in, which comes and goes with it; NULL: path is
 * none. */
static char *
dropin_folder(const char *path)
{
	const char *name = strrchr(path, '/');

	if (name == NULL || strcmp(name + 1, SETUP_DROPIN) != 0)
		return NULL;
	return xasprintf("%.*s", (int)(name - path), path);
}

static int
remove_file(const char *path, char *folder, struct error *error_r)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set_errno(
		    error_r, AG_EIO, "can't remove %s", path);
	/* Other drop-ins may stand in it. */
	if (folder == NULL || (rmdir(folder) < 0 && errno != ENOENT))
		folder = NULL;
	return file_sync_parent(
	    folder != NULL ? folder : path, "setup", error_r);
}

static int
put_state(const char *path, const struct setup_state *st, bool times,
    struct error *error_r)
{
	char *folder = dropin_folder(path);
	int rc = 0;

	if (!st->is)
		rc = remove_file(path, folder, error_r);
	else if (folder != NULL)
		rc = file_mkdirs(folder, 0755, error_r);
	if (rc == 0 && st->is)
		rc = setup_state_write(path, st, times, error_r);
	free(folder);
	return rc;
}

struct setup_file *
setup_file_find(struct setup *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->file_count; i++) {
		if (strcmp(s->files[i].path, path) == 0)
			return &s->files[i];
	}
	return NULL;
}

int
setup_file_add(struct setup *s, const char *path, struct setup_file **file_r,
    struct error *error_r)
{
	json_t *root = NULL, *known;
	struct setup_file *f;
	int rc = 0;

	*file_r = setup_file_find(s, path);
	if (*file_r != NULL)
		return 0;
	f = reallocarray(s->files, s->file_count + 1, sizeof(*f));
	if (f == NULL)
		abort();
	s->files = f;
	f += s->file_count++;
	memset(f, 0, sizeof(*f));
	f->path = xstrdup(path);
	rc = setup_state_read(path, &f->now, error_r);
	if (rc == 0) {
		root = setup_journal_json(s);
		known = setup_journal_file(root, path);
		if (known != NULL)
			rc = setup_journal_fill(s, known, f, error_r);
		else
			setup_state_copy(&f->base, &f->now);
	}
	setup_state_copy(&f->want, &f->now);
	json_decref(root);
	*file_r = f;
	return rc;
}

int
setup_file_add_known(struct setup *s, struct error *error_r)
{
	json_t *root = setup_journal_json(s), *o;
	struct setup_file *f;
	const char *path;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(root, "files"), i, o)
	{
		path = json_string_value(json_object_get(o, "path"));
		if (rc == 0 && path != NULL)
			rc = setup_file_add(s, path, &f, error_r);
	}
	json_decref(root);
	return rc;
}

/* ---- the plan is carried out ---- */

int
setup_install(struct setup *s, struct error *error_r)
{
	size_t i;
	int rc;

	rc = setup_journal_write(s, error_r);
	for (i = 0; rc == 0 && i < s->file_count; i++) {
		if (!setup_file_changes(&s->files[i]))
			continue;
		if (fault_point("setup.install"))
			rc = error_set(error_r, AG_EIO, "can't write %s",
			    s->files[i].path);
		else
			rc = put_state(s->files[i].path, &s->files[i].want,
			    false, error_r);
	}
	return rc;
}

int
setup_rollback(struct setup *s, struct error *error_r)
{
	struct error why;
	struct setup_file *f;
	size_t i = s->file_count;
	int rc = 0;

	while (i-- > 0) {
		f = &s->files[i];
		remove_temporary(f->path);
		if ((setup_file_changes(f) || f->later) &&
		    put_state(f->path, &f->now, true, &why) < 0)
			rc = error_set(error_r, AG_EIO, "%s", why.text);
	}
	/* With the journal of this run an undo is still possible. */
	return rc < 0 ? rc : setup_journal_restore(s, error_r);
}

int
setup_uninstall(struct setup *s, struct error *error_r)
{
	size_t i = s->file_count;
	int rc = 0;

	while (rc == 0 && i-- > 0) {
		remove_temporary(s->files[i].path);
		if (fault_point("setup.uninstall"))
			rc = error_set(error_r, AG_EIO, "can't write %s",
			    s->files[i].path);
		else if (!same_state(&s->files[i].now, &s->files[i].base))
			rc = put_state(s->files[i].path, &s->files[i].base,
			    !s->files[i].foreign, error_r);
	}
	return rc;
}

/* ---- the diff ---- */

static int
show_one(
    const struct setup *s, const struct setup_file *f, struct error *error_r)
{
	char *a = file_join(s->scratch, "diff-now"),
	     *b = file_join(s->scratch, "diff-want");
	const char *argv[] = {"diff", "-u", "-L",
	    f->now.is ? f->path : "/dev/null", "-L",
	    f->want.is ? f->path : "/dev/null", a, b, NULL};
	struct buf out;
	int rc;

	buf_init(&out, 4 * SETUP_FILE_MAX);
	rc = file_replace(a, buf_str(&f->now.data),
	    f->now.is ? f->now.data.len : 0, 0600, "setup.diff", error_r);
	if (rc == 0)
		rc = file_replace(b, buf_str(&f->want.data),
		    f->want.is ? f->want.data.len : 0, 0600, "setup.diff",
		    error_r);
	if (rc == 0)
		rc = run_program(
		    argv, NULL, &out, NULL, SETUP_DEADLINE, error_r);
	if (rc >= 0)
		cli_out("%s", buf_str(&out));
	buf_free(&out);
	free(b);
	free(a);
	return rc < 0 ? rc : 0;
}

int
setup_show(struct setup *s, struct error *error_r)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->file_count; i++) {
		if (s->files[i].later) {
			if (!s->files[i].now.is)
				cli_out(
				    "%s: made by sievec\n", s->files[i].path);
			else if (!s->files[i].want.is)
				cli_out("%s: goes\n", s->files[i].path);
		} else if (!setup_state_same(
			       &s->files[i].now, &s->files[i].want))
			rc = show_one(s, &s->files[i], error_r);
		else if (setup_file_changes(&s->files[i]))
			cli_out("%s: owner and mode\n", s->files[i].path);
	}
	return rc;
}
