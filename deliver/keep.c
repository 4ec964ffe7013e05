/* SPDX-License-Identifier: MIT */
/*
 * keep - bundles that this node keeps for its operator. See keep.h.
 */
#include "deliver/keep.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "mail/spool.h"

#define CHUNK 32768

static int
keep_copy(int fd, struct spool_writer *w, struct error *error_r)
{
	char chunk[CHUNK];
	off_t at = SPOOL_HEAD;
	ssize_t n;

	for (;;) {
		n = pread(fd, chunk, sizeof(chunk), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set_errno(
			    error_r, AG_EIO, "can't read the bundle");
		if (n == 0)
			return 0;
		if (spool_write(w, chunk, (size_t)n) < 0)
			return error_set_errno(
			    error_r, AG_EIO, "can't write a copy");
		at += n;
	}
}

int
keep_bundle(int fd, const struct ticket *t, const char *tmp, const char *dir,
    struct error *error_r)
{
	struct spool_writer *w;
	int rc;

	rc = spool_writer_new(tmp, &w, error_r);
	if (rc < 0)
		return rc;
	rc = keep_copy(fd, w, error_r);
	if (rc == 0)
		rc = spool_writer_commit(w, t, dir, error_r);
	spool_writer_free(&w);
	return rc == AG_EEXIST ? 0 : rc;
}

int
keep_remove(const struct ticket *t, const char *dir, struct error *error_r)
{
	char name[SPOOL_NAME_MAX];
	struct spool_name parts = {.size = t->size};

	snprintf(parts.id, sizeof(parts.id), "%s", t->id);
	spool_name_write(&parts, name);
	return spool_remove(dir, name, error_r);
}
