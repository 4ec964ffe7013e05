/* SPDX-License-Identifier: MIT */
/*
 * spool - bundles as files: finding, reading, checking, moving them. What
 * makes a new one is spool_writer.c.
 *
 * Nothing here decides: who may hold what, and when it goes, is
 * relayd's. No file is ever replaced by a move; names that are no
 * bundle's are left alone.
 *
 * SECURITY: a file in incoming/ came from a peer. It is a bundle only when
 * spool_read_head() and spool_verify() say so, and good only when the
 * ticket's signature verifies (ticket_verify()).
 */
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "mail/spool.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define READ_CHUNK 65536

/* SPEC B-8.3: "ID.SIZE" or "ID.SIZE.DAY", each number in its one form. */
int
spool_name_parse(const char *name, struct spool_name *n_r)
{
	struct cursor c;
	const char *id;
	uint64_t day = 0;

	memset(n_r, 0, sizeof(*n_r));
	cursor_init(&c, name, strlen(name));
	if (!cursor_take(&c, BUNDLE_ID_LEN, &id) || !cursor_skip(&c, ".") ||
	    !cursor_uint(&c, BUNDLE_SIZE_MAX, &n_r->size) || n_r->size == 0)
		return AG_EINVAL;
	n_r->has_day = c.left > 0;
	if (n_r->has_day &&
	    (!cursor_skip(&c, ".") || !cursor_uint(&c, UINT32_MAX, &day) ||
		c.left > 0))
		return AG_EINVAL;
	memcpy(n_r->id, id, BUNDLE_ID_LEN);
	n_r->day = (uint32_t)day;
	return text_is_hex(n_r->id, BUNDLE_ID_LEN) ? 0 : AG_EINVAL;
}

void
spool_name_write(const struct spool_name *n, char *out)
{
	if (n->has_day)
		snprintf(out, SPOOL_NAME_MAX, "%s.%" PRIu64 ".%" PRIu32, n->id,
		    n->size, n->day);
	else
		snprintf(out, SPOOL_NAME_MAX, "%s.%" PRIu64, n->id, n->size);
}

/* SPEC B-8.1: the ticket, blanks, and "\n" as the last byte. */
static int
parse_head(const char head[SPOOL_HEAD], struct ticket *t_r)
{
	size_t len = SPOOL_HEAD - 1;

	if (head[len] != '\n')
		return AG_EINVAL;
	while (len > 0 && head[len - 1] == ' ')
		len--;
	return ticket_parse(head, len, t_r);
}

int
spool_read_head(int fd, struct ticket *t_r, struct error *error_r)
{
	char head[SPOOL_HEAD];
	ssize_t n;

	memset(t_r, 0, sizeof(*t_r));
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    (n = file_read_full(fd, head, sizeof(head))) < 0)
		return error_set_errno(error_r, AG_EIO, "reading a bundle");
	if (n < (ssize_t)sizeof(head) || parse_head(head, t_r) < 0)
		return error_set(
		    error_r, AG_EINVAL, "the file has no ticket in its head");
	return 0;
}

/* The SHA-256 of what is left to read. */
static int
hash_rest(int fd, char id_r[BUNDLE_ID_LEN + 1])
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	uint8_t *chunk;
	ssize_t n;

	chunk = malloc(READ_CHUNK);
	if (chunk == NULL)
		return AG_ENOMEM;
	crypto_hash_sha256_init(&state);
	while ((n = file_read_full(fd, chunk, READ_CHUNK)) > 0)
		crypto_hash_sha256_update(&state, chunk, (size_t)n);
	free(chunk);
	crypto_hash_sha256_final(&state, hash);
	text_hex(hash, sizeof(hash), id_r);
	return n < 0 ? AG_EIO : 0;
}

int
spool_verify(int fd, const struct ticket *t, struct error *error_r)
{
	char id[BUNDLE_ID_LEN + 1];
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0 || lseek(fd, SPOOL_HEAD, SEEK_SET) < 0)
		return error_set_errno(error_r, AG_EIO, "reading a bundle");
	if (st.st_size < SPOOL_HEAD ||
	    (uint64_t)st.st_size - SPOOL_HEAD != t->size)
		return error_set(
		    error_r, AG_ESIG, "not of the size that its ticket says");
	rc = hash_rest(fd, id);
	if (rc == AG_ENOMEM)
		return error_set(error_r, rc, "out of memory");
	if (rc < 0 || lseek(fd, SPOOL_HEAD, SEEK_SET) < 0)
		return error_set_errno(error_r, AG_EIO, "reading a bundle");
	if (strcmp(id, t->id) != 0)
		return error_set(error_r, AG_ESIG,
		    "its SHA-256 is not what its ticket says");
	return 0;
}

int
spool_remove(const char *dir, const char *name, struct error *error_r)
{
	char *path = file_join(dir, name);
	int rc = 0;

	if (fault_point("spool.unlink") || unlink(path) < 0) {
		if (errno != ENOENT)
			rc = error_set_errno(error_r, AG_EIO, "%s", path);
	} else {
		fault_after("spool.unlink");
		rc = file_sync_dir(dir, "spool", error_r);
	}
	free(path);
	return rc;
}

int
spool_each(const char *dir, spool_each_fn *fn, void *ctx, struct error *error_r)
{
	struct spool_name name;
	struct dirent *e;
	int rc = 0;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		return error_set_errno(
		    error_r, errno == ENOENT ? AG_ENOENT : AG_EIO, "%s", dir);
	while (rc >= 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (spool_name_parse(e->d_name, &name) == 0)
			rc = fn(&name, e->d_name, ctx);
	}
	if (rc >= 0)
		rc = errno == 0 ? 0
				: error_set_errno(error_r, AG_EIO, "%s", dir);
	closedir(d);
	return rc;
}

uint64_t
spool_free_bytes(const char *dir)
{
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		return 0;
	return (uint64_t)st.f_bavail * st.f_frsize;
}
