/* SPDX-License-Identifier: MIT */
/*
 * source - the manifests that agamid-zone is to use. See source.h.
 *
 * SECURITY: what is remembered about signatures is read only from a file
 * that nobody but root and the caller can have written; so is a derived
 * directory taken as checked.
 */
#include "dns-tools/source.h"

#include <sys/stat.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifests/sign.h"
#include "manifests/verified.h"
#include "util/file.h"
#include "util/text.h"

#define ERRORS_MAX (16U << 20)

/* Can nobody else write there? */
static bool
is_ours(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The directory manifests/ of a derived directory, which `agamid apply`
 * has filled; the caller frees it. NULL: it is none. SPEC Z-8.2 */
static char *
derived_manifests(const char *path)
{
	static const char *const parts[] = {
	    "self", "fingerprints", "manifests"};
	char *inner = NULL;
	size_t i;

	if (!is_ours(path))
		return NULL;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		free(inner);
		inner = file_join(path, parts[i]);
		if (!is_ours(inner)) {
			free(inner);
			return NULL;
		}
	}
	return inner;
}

/* ---- what is remembered ---- */

static char *
cache_path(const struct options *o)
{
	const char *dir = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (o->cache != NULL)
		return *o->cache != '\0' ? xstrdup(o->cache) : NULL;
	if (dir != NULL && *dir == '/')
		return xasprintf("%s/agamid-zone/verified", dir);
	if (home != NULL && *home == '/')
		return xasprintf("%s/.cache/agamid-zone/verified", home);
	return NULL;
}

static struct verified *
cache_read(const char *path, struct buf *text)
{
	buf_init(text, VERIFIED_MAX);
	if (path == NULL || !is_ours(path) || file_read(path, text, NULL) != 0)
		buf_reset(text);
	return verified_parse(buf_str(text), text->len);
}

/* What can't be remembered is checked again the next time. */
static void
cache_write(const char *path, struct verified *known, const struct buf *before)
{
	struct error e;
	struct buf text;
	char *dir;

	buf_init(&text, VERIFIED_MAX);
	if (path != NULL && verified_write(known, &text) == 0 &&
	    (text.len != before->len ||
		memcmp(text.data, before->data, text.len) != 0)) {
		dir = xstrdup(path);
		if (file_mkdirs(dirname(dir), 0700, &e) != 0 ||
		    file_replace(
			path, text.data, text.len, 0600, "cache", &e) != 0)
			fprintf(stderr, "agamid-zone: %s\n", e.text);
		free(dir);
	}
	buf_free(&text);
}

/* ---- reading ---- */

static size_t
read_path(
    struct folder *f, const char *path, const char *scratch, struct buf *errors)
{
	char *inner = derived_manifests(path);
	size_t refused = 0;
	struct stat st;
	int rc;

	if (inner != NULL)
		rc = folder_add_dir(f, inner, NULL, errors, &refused);
	else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		rc = folder_add_dir(f, path, scratch, errors, &refused);
	else
		rc = folder_add_file(f, path, scratch, errors);
	free(inner);
	return rc != 0 && refused == 0 ? 1 : refused;
}

static char *
make_scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	char *scratch = xasprintf("%s/agamid-zone.XXXXXX",
	    tmp != NULL && *tmp != '\0' ? tmp : "/tmp");

	if (mkdtemp(scratch) == NULL)
		die(EXIT_TROUBLE, "can't make a directory %s: %s", scratch,
		    strerror(errno));
	return scratch;
}

static size_t
read_all(struct folder *f, const struct options *o, struct buf *errors)
{
	char *path = o->no_signatures ? NULL : cache_path(o), **p;
	char *scratch = o->no_signatures ? NULL : make_scratch();
	struct verified *known;
	struct buf before;
	size_t refused = 0;

	known = cache_read(path, &before);
	folder_verify(f, sign_verify);
	folder_remember(f, known);
	for (p = o->manifests; *p != NULL; p++)
		refused += read_path(f, *p, scratch, errors);
	folder_remember(f, NULL);
	cache_write(path, known, &before);
	if (scratch != NULL)
		file_remove_tree(scratch, NULL);
	verified_free(&known);
	buf_free(&before);
	free(path);
	free(scratch);
	return refused;
}

struct folder *
source_read(const struct options *o, size_t *refused_r)
{
	struct folder *f = folder_new();
	struct buf errors;

	if (f == NULL)
		return NULL;
	buf_init(&errors, ERRORS_MAX);
	*refused_r = read_all(f, o, &errors);
	fputs(buf_str(&errors), stderr);
	if (*refused_r > 0)
		fprintf(stderr,
		    "agamid-zone: %zu manifest%s not good, and left out\n",
		    *refused_r, *refused_r == 1 ? " is" : "s are");
	buf_free(&errors);
	return f;
}
