/* SPDX-License-Identifier: MIT */
/*
 * draft - the operator's own copy of the manifest. See draft.h.
 */
#include "cli/draft.h"

#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "util/file.h"
#include "util/text.h"

char *
draft_path(const struct conf *conf)
{
	const char *slash = strrchr(conf->path, '/');

	if (slash == NULL)
		return xstrdup(DRAFT_FILE);
	return xasprintf(
	    "%.*s/" DRAFT_FILE, (int)(slash - conf->path), conf->path);
}

int
draft_read(const char *path, struct buf *body, struct error *error_r)
{
	struct buf text;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	rc = file_read(path, &text, error_r);
	if (rc == 0 && (rc = body_take(buf_str(&text), text.len, body)) < 0)
		error_set(error_r, rc, "%s is longer than %d bytes", path,
		    MANIFEST_MAX);
	buf_free(&text);
	return rc;
}

int
draft_write(
    const struct conf *conf, const struct buf *body, struct error *error_r)
{
	char *path = draft_path(conf);
	int rc;

	rc = file_replace(
	    path, buf_str(body), body->len, 0644, "draft", error_r);
	free(path);
	return rc;
}

int
draft_follow(const struct conf *conf, const struct manifest *m,
    const struct buf *before, struct error *error_r)
{
	char *path = draft_path(conf);
	struct buf there, body;
	int rc;

	buf_init(&there, MANIFEST_MAX + 64);
	buf_init(&body, MANIFEST_MAX + 64);
	rc = body_take(m->text, m->body_len, &body);
	if (rc == 0)
		rc = draft_read(path, &there, error_r);
	if (rc == 0 && !body_is_same(&there, &body) &&
	    (before == NULL || !body_is_same(&there, before)))
		rc = error_set(error_r, AG_EEXIST,
		    "%s has changes of its own, and stays as it is", path);
	else if (rc == AG_ENOENT || there.len != body.len ||
	    memcmp(buf_str(&there), buf_str(&body), body.len) != 0)
		rc = draft_write(conf, &body, error_r);
	buf_free(&body);
	buf_free(&there);
	free(path);
	return rc;
}
