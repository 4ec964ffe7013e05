/* SPDX-License-Identifier: MIT */
/*
 * store - the folder of manifests. See store.h.
 */
#include "cli/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/text.h"

#define OTHER ".other-"
#define OTHER_DIGITS 16

char *
store_path(const struct conf *conf, const char *name, const char *file)
{
	return xasprintf("%s/%s/%s", conf->manifest_dir, name, file);
}

char *
store_manifest_path(const struct conf *conf, const char *name, uint64_t serial)
{
	return xasprintf("%s/%s/%llu.yaml", conf->manifest_dir, name,
	    (unsigned long long)serial);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
store_names(const struct conf *conf, char ***names_r, size_t *count_r,
    struct error *error_r)
{
	size_t count = 0, room = 0;
	char **names = NULL;
	struct dirent *e;
	DIR *dir;

	*names_r = NULL;
	*count_r = 0;
	dir = opendir(conf->manifest_dir);
	if (dir == NULL)
		return error_set_errno(error_r,
		    errno == ENOENT ? AG_ENOENT : AG_EIO, "can't read %s",
		    conf->manifest_dir);
	while ((e = readdir(dir)) != NULL) {
		if (!text_is_node_name(e->d_name))
			continue;
		if (count == room) {
			room = room * 2 + 16;
			names = reallocarray(names, room, sizeof(*names));
			if (names == NULL)
				abort();
		}
		names[count++] = xstrdup(e->d_name);
	}
	closedir(dir);
	if (count > 0)
		qsort(names, count, sizeof(*names), compare_names);
	*names_r = names;
	*count_r = count;
	return 0;
}

void
store_free_names(char ***names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free((*names)[i]);
	free(*names);
	*names = NULL;
}

/* "2026112101.yaml" */
static bool
parse_file_name(const char *file, uint64_t *serial_r)
{
	size_t digits = strspn(file, "0123456789");
	char number[24];

	if (digits == 0 || digits >= sizeof(number) ||
	    strcmp(file + digits, ".yaml") != 0)
		return false;
	memcpy(number, file, digits);
	number[digits] = '\0';
	return text_uint(number, MANIFEST_SERIAL_MAX, serial_r) == 0;
}

static int
newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

uint64_t
store_other_serial(const char *file)
{
	size_t digits = strspn(file, "0123456789");
	char number[24];
	uint64_t serial;
	const char *p = file + digits;

	if (digits == 0 || digits >= sizeof(number) ||
	    strncmp(p, OTHER, strlen(OTHER)) != 0)
		return 0;
	p += strlen(OTHER);
	if (strspn(p, "0123456789abcdef") != OTHER_DIGITS ||
	    strcmp(p + OTHER_DIGITS, ".yaml") != 0)
		return 0;
	memcpy(number, file, digits);
	number[digits] = '\0';
	return text_uint(number, MANIFEST_SERIAL_MAX, &serial) == 0 ? serial
								    : 0;
}

char *
store_other_path(const struct conf *conf, const char *name, uint64_t serial,
    const char *sha256)
{
	return xasprintf("%s/%s/%llu" OTHER "%.*s.yaml", conf->manifest_dir,
	    name, (unsigned long long)serial, OTHER_DIGITS, sha256);
}

/* Room for one more: doubled at each power of two. */
static void *
grow(void *list, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return list;
	list = reallocarray(list, count == 0 ? 1 : 2 * count, size);
	if (list == NULL)
		abort();
	return list;
}

static void
add_file(struct store_files *f, const char *file)
{
	uint64_t serial;

	if (parse_file_name(file, &serial)) {
		f->serials = grow(f->serials, f->count, sizeof(*f->serials));
		f->serials[f->count++] = serial;
	} else if (store_other_serial(file) != 0) {
		f->others = grow(f->others, f->other_count, sizeof(char *));
		f->others[f->other_count++] = xstrdup(file);
	} else if (strcmp(file, STORE_PINNED) == 0) {
		f->pinned = true;
	} else if (strcmp(file, STORE_REMOVED) == 0) {
		f->removed = true;
	} else if (strcmp(file, STORE_PENDING) == 0) {
		f->pending = true;
	} else if (strcmp(file, STORE_REFUSED) == 0) {
		f->refused = true;
	}
}

int
store_list(const struct conf *conf, const char *name,
    struct store_files *files_r, struct error *error_r)
{
	char *path = file_join(conf->manifest_dir, name);
	struct dirent *e;
	int rc = 0;
	DIR *dir;

	memset(files_r, 0, sizeof(*files_r));
	dir = opendir(path);
	if (dir == NULL && errno != ENOENT)
		rc = error_set_errno(error_r, AG_EIO, "can't read %s", path);
	free(path);
	if (dir == NULL)
		return rc;
	while ((e = readdir(dir)) != NULL)
		add_file(files_r, e->d_name);
	closedir(dir);
	if (files_r->count > 0)
		qsort(files_r->serials, files_r->count,
		    sizeof(*files_r->serials), newest_first);
	if (files_r->other_count > 0)
		qsort(files_r->others, files_r->other_count, sizeof(char *),
		    compare_names);
	return 0;
}

void
store_files_free(struct store_files *files)
{
	store_free_names(&files->others, files->other_count);
	free(files->serials);
	memset(files, 0, sizeof(*files));
}

/* A node's serials, the newest first; *serials_r is the caller's to free.
 * A missing directory has none. */
static int
store_serials(const struct conf *conf, const char *name, uint64_t **serials_r,
    size_t *count_r, struct error *error_r)
{
	struct store_files files;
	int rc;

	rc = store_list(conf, name, &files, error_r);
	*serials_r = files.serials;
	*count_r = files.count;
	files.serials = NULL;
	store_files_free(&files);
	return rc;
}

uint64_t
store_newest(const struct conf *conf, const char *name)
{
	uint64_t *serials, newest = 0;
	size_t count;

	if (store_serials(conf, name, &serials, &count, NULL) == 0 && count > 0)
		newest = serials[0];
	free(serials);
	return newest;
}

int
store_holds(const char *path, const char *text, size_t len)
{
	struct buf b;
	int rc;

	buf_init(&b, MANIFEST_MAX);
	rc = file_read(path, &b, NULL);
	if (rc == 0)
		rc = b.len == len && memcmp(buf_str(&b), text, len) == 0;
	else if (rc != AG_ENOENT)
		rc = 0;
	buf_free(&b);
	return rc;
}

int
store_install(
    const struct conf *conf, const struct manifest *m, struct error *error_r)
{
	char *dir = file_join(conf->manifest_dir, m->name);
	char *path = store_manifest_path(conf, m->name, m->serial);
	int rc;

	rc = store_holds(path, m->text, m->text_len);
	if (rc == 1) {
		rc = 0;
	} else if (rc == 0) {
		rc = error_set(error_r, AG_EEXIST,
		    "%s is there already with other content; the first seen "
		    "stays. Ask %s for a manifest with a higher serial",
		    path, m->name);
	} else {
		rc = file_mkdirs(dir, 0755, error_r);
		if (rc == 0)
			rc =
			    file_sync_dir(conf->manifest_dir, "store", error_r);
		if (rc == 0)
			rc = file_replace(
			    path, m->text, m->text_len, 0644, "store", error_r);
	}
	free(path);
	free(dir);
	return rc;
}

bool
store_has(const struct conf *conf, const char *name, const char *file)
{
	char *path = store_path(conf, name, file);
	bool has = access(path, F_OK) == 0;

	free(path);
	return has;
}

int
store_mark_removed(
    const struct conf *conf, const char *name, struct error *error_r)
{
	char *pinned = store_path(conf, name, STORE_PINNED);
	char *removed = store_path(conf, name, STORE_REMOVED);
	char *dir = file_join(conf->manifest_dir, name);
	int rc;

	if (rename(pinned, removed) < 0)
		rc =
		    error_set_errno(error_r, AG_EIO, "can't rename %s", pinned);
	else
		rc = file_sync_dir(dir, "store", error_r);
	free(dir);
	free(removed);
	free(pinned);
	return rc;
}

int
store_clear_removed(
    const struct conf *conf, const char *name, struct error *error_r)
{
	char *removed = store_path(conf, name, STORE_REMOVED);
	int rc = 0;

	if (unlink(removed) < 0 && errno != ENOENT)
		rc = error_set_errno(
		    error_r, AG_EIO, "can't remove %s", removed);
	free(removed);
	return rc;
}

int
store_clear_pending(
    const struct conf *conf, const struct manifest *m, struct error *error_r)
{
	char *path = store_path(conf, m->name, STORE_PENDING);
	struct manifest *pending = NULL;
	struct buf text, errors;
	int rc = 0;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, MANIFEST_MAX);
	if (file_read(path, &text, NULL) == 0)
		pending =
		    manifest_parse(path, buf_str(&text), text.len, &errors);
	if ((pending == NULL || pending->serial <= m->serial) &&
	    unlink(path) < 0 && errno != ENOENT)
		rc = error_set_errno(error_r, AG_EIO, "can't remove %s", path);
	manifest_free(&pending);
	buf_free(&errors);
	buf_free(&text);
	free(path);
	return rc;
}
