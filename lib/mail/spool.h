/* SPDX-License-Identifier: MIT */
/*
 * spool - bundles as files (doc/spec/bundle.md, doc/spec/node.md).
 *
 * A file is a head of SPOOL_HEAD bytes (the ticket's text, then blanks,
 * then "\n"; written last) and the OpenPGP message. In new/ and
 * incoming/PEER/ it is named "ID.SIZE", in held/HOME/ "ID.SIZE.DAY": ID
 * the SHA-256 of the OpenPGP message, SIZE its bytes, DAY the node's own
 * count of days seen when it came.
 *
 * Written in tmp/, fsync, renamed into place, fsync of the directory.
 * Fault points: spool.create, spool.write, spool.head, spool.fsync,
 * spool.rename, spool.dirsync, spool.unlink.
 */
#ifndef AGAMID_SPOOL_H
#define AGAMID_SPOOL_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "mail/ticket.h"

#define SPOOL_HEAD 1024

/* A bundle being written. */
struct spool_writer;

/* A temporary file in tmp_dir, mode 0640, locked while the writer lives. */
int spool_writer_new(
    const char *tmp_dir, struct spool_writer **w_r, struct error *error_r);
/* Append ciphertext; hashed on the way. 0, AG_EIO. */
int spool_write(struct spool_writer *w, const void *data, size_t len);
/* What is there now: bytes so far; and the ID (after the last byte). */
uint64_t spool_writer_size(const struct spool_writer *w);
void spool_writer_id(struct spool_writer *w, char id_r[BUNDLE_ID_LEN + 1]);
/*
 * Write the head, fsync, rename to dest_dir/ID.SIZE, fsync dest_dir.
 * AG_ESIG if the ticket's id or size is not what was written. The same
 * bundle with the same ticket there already is success; the same bytes
 * under another ticket stay as they are: AG_EEXIST (two acceptors can
 * sign for the same bytes). AG_EIO: nothing is left behind. After it the
 * writer is spent.
 */
int spool_writer_commit(struct spool_writer *w, const struct ticket *t,
    const char *dest_dir, struct error *error_r);
/* The same without the last step (fsync of dest_dir), for group commit:
 * the caller calls file_sync_dir() for many. */
int spool_writer_place(struct spool_writer *w, const struct ticket *t,
    const char *dest_dir, struct error *error_r);
/*
 * For group commit, before: write the head and have the kernel begin to
 * write the file out, without waiting. When that was done for many, the
 * first that is placed takes the journal's commit for all. Errors as above;
 * what failed can't be placed.
 */
int spool_writer_seal(
    struct spool_writer *w, const struct ticket *t, struct error *error_r);
/* And fsync, of one that was sealed; several threads may do that at once,
 * each with writers of its own. That it failed, spool_writer_place() says. */
void spool_writer_sync(struct spool_writer *w);
/* Discards what was not committed. */
void spool_writer_free(struct spool_writer **w);
/* Remove from tmp_dir what writers left that died (by lock, not by age:
 * safe while others write). At start-up. 0 or AG_EIO. */
int spool_sweep(const char *tmp_dir, struct error *error_r);

/* Parsed name of a spool file. */
struct spool_name {
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	uint32_t day; /* 0 if the name has none */
	bool has_day;
};
int spool_name_parse(const char *name, struct spool_name *n_r);
/* out: at least SPOOL_NAME_MAX bytes. */
#define SPOOL_NAME_MAX 128
void spool_name_write(const struct spool_name *n, char *out);

/* Read and parse a file's head; leaves the offset at SPOOL_HEAD. 0,
 * AG_EINVAL, AG_EIO. */
int spool_read_head(int fd, struct ticket *t_r, struct error *error_r);
/* Is the ciphertext (from SPOOL_HEAD to the end) of the ticket's size and
 * SHA-256? 0, AG_ESIG, AG_EIO. Leaves the offset at SPOOL_HEAD. */
int spool_verify(int fd, const struct ticket *t, struct error *error_r);

/* unlink and fsync of the directory. A missing file is success. */
int spool_remove(const char *dir, const char *name, struct error *error_r);

/* Call fn for each well-named file in dir (no stat), in no order. fn's
 * negative result ends the walk and is returned. Other names are left
 * alone. AG_ENOENT: no such dir. fn may remove or move the file. */
typedef int spool_each_fn(
    const struct spool_name *n, const char *file, void *ctx);
int spool_each(
    const char *dir, spool_each_fn *fn, void *ctx, struct error *error_r);

/* Bytes free on dir's file system for ordinary users; 0 on error. */
uint64_t spool_free_bytes(const char *dir);

#endif
