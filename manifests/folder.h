/* SPDX-License-Identifier: MIT */
/*
 * folder - the manifests of several files, which are to be in force
 * together.
 *
 * A file that is not good (it can't be read, breaks a rule, isn't signed
 * by its own key, or claims a name, host, domain or key that a manifest
 * added before has) is reported and left out; the others stay. Who comes
 * first therefore decides: add the own manifest first, then those that
 * are pinned.
 */
#ifndef AGAMID_FOLDER_H
#define AGAMID_FOLDER_H

#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"
#include "manifests/manifest.h"

struct folder;

struct folder *folder_new(void); /* NULL: no memory */
void folder_free(struct folder **f);

/* What checks signatures, sign_verify() that is; not every program that
 * reads manifests links OpenPGP. Say it before a file is added with a
 * scratch directory. */
typedef int folder_verify_fn(
    struct manifest *m, const char *scratch, struct error *error_r);
void folder_verify(struct folder *f, folder_verify_fn *fn);

/*
 * Add a file. Errors are appended to errors, a line each with
 * file:line:column. scratch is a private directory for sign_verify();
 * NULL: signatures are not looked at. 0; AG_EINVAL, AG_ETOOBIG, AG_ESIG,
 * AG_ECRYPTO, AG_EEXIST for a file that is left out; AG_ENOENT, AG_EIO,
 * AG_ENOMEM where nothing can be said about it.
 */
int folder_add_file(struct folder *f, const char *path, const char *scratch,
    struct buf *errors);
/* The same with all *.yaml of a directory, in the order of their names,
 * but for files that were added before. *refused_r: how many were left
 * out. 0, also where files are not good; AG_ENOENT, AG_EIO, AG_ENOMEM where
 * the directory or one of its files could not be read (the others are
 * there all the same). */
int folder_add_dir(struct folder *f, const char *dir, const char *scratch,
    struct buf *errors, size_t *refused_r);

/* Signatures that were found good before are taken from known, and new
 * ones added to it (borrowed; NULL: none is). */
struct verified;
void folder_remember(struct folder *f, struct verified *known);

/* In the order in which they were added; borrowed. */
size_t folder_count(const struct folder *f);
struct manifest *folder_manifest(const struct folder *f, size_t i);
const char *folder_path(const struct folder *f, size_t i);
/* Hands all manifests over: an array of folder_count() of them, which the
 * caller frees, each one and the array. The folder may only be freed then.
 * NULL if there are none, or no memory. */
struct manifest **folder_take(struct folder *f, size_t *count_r);

/* ---- parts of it, for those that know better ---- */

/* Read and parse one file, and nothing more. */
int folder_read(const char *path, struct manifest **m_r, struct buf *errors);
/* The paths of all *.yaml of a directory, sorted; a NULL-ended list that
 * folder_list_free() frees. */
int folder_list(const char *dir, char ***paths_r, struct error *error_r);
void folder_list_free(char ***paths);

#endif
