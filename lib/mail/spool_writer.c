/* SPDX-License-Identifier: MIT */
/*
 * spool_writer - a bundle on its way into the spool.
 *
 * The ciphertext goes to a file in tmp/ behind room for the head, and is
 * hashed on the way; the head comes last, so that a file cut short by a
 * crash is no bundle. Then fsync, rename, fsync of the directory.
 *
 * While it is written a file is locked (flock(2)); a process that dies
 * lets go, so that spool_sweep() can tell what nobody will finish.
 *
 * SECURITY: two acceptors can sign for the same bytes. A bundle that is
 * there keeps the ticket it came with: else a holder could put its own
 * ticket on another's mail.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "mail/spool.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define TMP_PREFIX "bundle."
#define TMP_TRIES 10

struct spool_writer {
	int fd;
	char *tmp; /* NULL once it has another name, or none */
	uint64_t size;
	crypto_hash_sha256_state hash;
	int failed; /* errno of what failed; 0: nothing */
	bool sealed; /* the head is there: nothing more is written */
	bool synced;
	bool spent;
};

/* Lock the new file. AG_EAGAIN if spool_sweep() came in between. */
static int
lock_new(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? AG_EAGAIN : AG_EIO;
	if (fstat(fd, &st) < 0)
		return AG_EIO;
	return st.st_nlink == 0 ? AG_EAGAIN : 0;
}

/* Open w->tmp (a template) as a new, locked file of mode 0640. */
static int
open_tmp(struct spool_writer *w)
{
	char *end = w->tmp + strlen(w->tmp) - 6;
	int rc = AG_EAGAIN, tries;

	for (tries = 0; rc == AG_EAGAIN && tries < TMP_TRIES; tries++) {
		memcpy(end, "XXXXXX", 6);
		w->fd = mkostemp(w->tmp, O_CLOEXEC);
		if (w->fd < 0)
			return AG_EIO;
		rc = lock_new(w->fd);
		if (rc < 0)
			close(w->fd);
	}
	if (rc == 0 &&
	    (fchmod(w->fd, 0640) < 0 ||
		lseek(w->fd, SPOOL_HEAD, SEEK_SET) < 0)) {
		rc = AG_EIO;
		close(w->fd);
	}
	if (rc < 0)
		unlink(w->tmp);
	return rc;
}

int
spool_writer_new(
    const char *tmp_dir, struct spool_writer **w_r, struct error *error_r)
{
	struct spool_writer *w;

	*w_r = NULL;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	w->tmp = file_join(tmp_dir, TMP_PREFIX "XXXXXX");
	if (fault_point("spool.create") || open_tmp(w) < 0) {
		error_set_errno(
		    error_r, AG_EIO, "can't make a file in %s", tmp_dir);
		free(w->tmp);
		free(w);
		return AG_EIO;
	}
	fault_after("spool.create");
	crypto_hash_sha256_init(&w->hash);
	*w_r = w;
	return 0;
}

/* Never commit: after a failed write or fsync nobody knows what is there. */
static void
fail(struct spool_writer *w)
{
	w->failed = errno != 0 ? errno : EIO;
}

int
spool_write(struct spool_writer *w, const void *data, size_t len)
{
	if (w->spent || w->failed || w->sealed)
		return AG_EIO;
	if (fault_point("spool.write") ||
	    file_write_all(w->fd, data, len) < 0) {
		fail(w);
		return AG_EIO;
	}
	fault_after("spool.write");
	crypto_hash_sha256_update(&w->hash, data, len);
	w->size += len;
	return 0;
}

uint64_t
spool_writer_size(const struct spool_writer *w)
{
	return w->size;
}

void
spool_writer_id(struct spool_writer *w, char id_r[BUNDLE_ID_LEN + 1])
{
	crypto_hash_sha256_state copy = w->hash;
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final(&copy, hash);
	text_hex(hash, sizeof(hash), id_r);
}

/* SPEC B-8.1, B-8.2: the head goes in last. */
static int
write_head(struct spool_writer *w, const struct ticket *t)
{
	char head[SPOOL_HEAD];
	struct buf text;
	int rc;

	buf_init(&text, TICKET_MAX);
	rc = ticket_write(t, &text);
	if (rc == 0) {
		memset(head, ' ', sizeof(head));
		memcpy(head, text.data, text.len);
		head[SPOOL_HEAD - 1] = '\n';
		if (fault_point("spool.head"))
			rc = AG_EIO;
		else
			rc = file_pwrite_all(w->fd, head, sizeof(head), 0);
	}
	if (rc == 0)
		fault_after("spool.head");
	buf_free(&text);
	return rc;
}

static int
sync_file(struct spool_writer *w)
{
	if (w->synced)
		return 0;
	if (fault_point("spool.fsync") || fsync(w->fd) < 0)
		return AG_EIO;
	fault_after("spool.fsync");
	w->synced = true;
	return 0;
}

/*
 * What is at path already? 0: the same bundle with the same ticket;
 * AG_EEXIST: the same bytes under another ticket; AG_ESIG: nothing of
 * use.
 */
static int
compare_existing(const char *path, const struct ticket *t)
{
	struct ticket there;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return AG_ESIG;
	rc = spool_read_head(fd, &there, NULL);
	if (rc == 0)
		rc = spool_verify(fd, t, NULL);
	close(fd);
	if (rc < 0)
		return AG_ESIG;
	return ticket_is_same(&there, t) ? 0 : AG_EEXIST;
}

/* Give the file its name. *new_r: it is ours, and was not there before. */
static int
rename_into_place(struct spool_writer *w, const char *path,
    const struct ticket *t, bool *new_r)
{
	int rc;

	*new_r = true;
	if (fault_point("spool.rename"))
		return AG_EIO;
	if (renameat2(AT_FDCWD, w->tmp, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		if (errno != EEXIST)
			return AG_EIO;
		rc = compare_existing(path, t);
		*new_r = rc == AG_ESIG;
		if (rc != AG_ESIG)
			return rc;
		if (rename(w->tmp, path) < 0)
			return AG_EIO;
	}
	fault_after("spool.rename");
	free(w->tmp);
	w->tmp = NULL;
	return 0;
}

static int
check_ticket(
    struct spool_writer *w, const struct ticket *t, struct error *error_r)
{
	char id[BUNDLE_ID_LEN + 1];

	if (w->spent) {
		errno = EIO;
		return error_set(
		    error_r, AG_EIO, "the bundle was written already");
	}
	if (w->failed != 0) {
		errno = w->failed;
		return error_set_errno(error_r, AG_EIO,
		    "a part of the bundle could not be written");
	}
	spool_writer_id(w, id);
	if (t->size != w->size || strcmp(t->id, id) != 0)
		return error_set(error_r, AG_ESIG,
		    "size or SHA-256 is not what the ticket says");
	return 0;
}

/* Check the ticket and write the head, if it isn't there. */
static int
seal(struct spool_writer *w, const struct ticket *t, struct error *error_r)
{
	int rc;

	rc = check_ticket(w, t, error_r);
	if (rc < 0 || w->sealed)
		return rc;
	rc = write_head(w, t);
	if (rc == AG_EIO)
		error_set_errno(error_r, rc, "can't write a bundle's head");
	else if (rc < 0)
		error_set(error_r, rc, "the ticket is malformed");
	else
		w->sealed = true;
	return rc;
}

int
spool_writer_seal(
    struct spool_writer *w, const struct ticket *t, struct error *error_r)
{
	int rc;

	rc = seal(w, t, error_r);
	if (rc == 0)
		(void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	else if (rc == AG_EIO && w->failed == 0)
		fail(w);
	return rc;
}

void
spool_writer_sync(struct spool_writer *w)
{
	if (w->sealed && !w->spent && w->failed == 0 && sync_file(w) < 0)
		fail(w);
}

/* path: where it goes. */
static int
place(struct spool_writer *w, const struct ticket *t, const char *path,
    bool *new_r, struct error *error_r)
{
	int rc;

	rc = seal(w, t, error_r);
	w->spent = true;
	if (rc < 0)
		return rc;
	rc = sync_file(w);
	if (rc == 0)
		rc = rename_into_place(w, path, t, new_r);
	if (rc == AG_EEXIST)
		error_set(
		    error_r, rc, "%s is there under another ticket", path);
	else if (rc < 0)
		error_set_errno(error_r, rc, "can't write %s", path);
	return rc;
}

static char *
make_path(const char *dest_dir, const struct ticket *t)
{
	char name[SPOOL_NAME_MAX];
	struct spool_name n;

	memset(&n, 0, sizeof(n));
	memcpy(n.id, t->id, sizeof(n.id));
	n.size = t->size;
	spool_name_write(&n, name);
	return file_join(dest_dir, name);
}

int
spool_writer_place(struct spool_writer *w, const struct ticket *t,
    const char *dest_dir, struct error *error_r)
{
	char *path = make_path(dest_dir, t);
	bool is_new;
	int rc;

	rc = place(w, t, path, &is_new, error_r);
	free(path);
	return rc;
}

int
spool_writer_commit(struct spool_writer *w, const struct ticket *t,
    const char *dest_dir, struct error *error_r)
{
	char *path = make_path(dest_dir, t);
	bool is_new;
	int rc;

	rc = place(w, t, path, &is_new, error_r);
	if (rc == 0) {
		rc = file_sync_dir(dest_dir, "spool", error_r);
		/* Not durable: the caller will say so, so it must not stay. */
		if (rc < 0 && is_new)
			unlink(path);
	}
	free(path);
	return rc;
}

void
spool_writer_free(struct spool_writer **w)
{
	if (*w == NULL)
		return;
	if ((*w)->tmp != NULL)
		unlink((*w)->tmp);
	close((*w)->fd);
	free((*w)->tmp);
	free(*w);
	*w = NULL;
}

/* Remove the file if nobody is writing it. */
static void
sweep_file(int dir, const char *name)
{
	int fd;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
	close(fd);
}

int
spool_sweep(const char *tmp_dir, struct error *error_r)
{
	struct dirent *e;
	DIR *d;

	d = opendir(tmp_dir);
	if (d == NULL)
		return error_set_errno(error_r, AG_EIO, "%s", tmp_dir);
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)) == 0)
			sweep_file(dirfd(d), e->d_name);
	}
	closedir(d);
	return 0;
}
