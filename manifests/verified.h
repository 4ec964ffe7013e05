/* SPDX-License-Identifier: MIT */
/*
 * verified - which manifests' signatures were already found good, by the
 * SHA-256 of the whole file, with the fingerprints that were found: so
 * that `agamid apply` and agamid-zone need not check a thousand unchanged
 * ones again.
 *
 * It is the file `verified` in the state directory, written by root, or one
 * in a user's own cache, and void for another version of the program:
 *
 *	agamid-verified 1 VERSION
 *	SHA256 PRIMARY RECOVERY [MAILBOX=FPR]...
 */
#ifndef AGAMID_VERIFIED_H
#define AGAMID_VERIFIED_H

#include <stdbool.h>

#include "manifests/manifest.h"
#include "util/buf.h"

#define VERIFIED_SHA256 65 /* hex with its NUL */
#define VERIFIED_MAX (64U << 20) /* bytes of the file */

struct verified;

/* What is in data; empty if that is of another version or damaged. */
struct verified *verified_parse(const void *data, size_t len);
void verified_free(struct verified **v);

/* Fills m's fingerprints if the file with this hash is known. */
bool verified_fill(struct verified *v, const char *sha256, struct manifest *m);
/* m was verified; its fingerprints are filled. */
void verified_add(
    struct verified *v, const char *sha256, const struct manifest *m);
/* All that verified_fill() found and verified_add() added, sorted. */
int verified_write(const struct verified *v, struct buf *out);

/* The fingerprints of m as text: "PRIMARY RECOVERY [MAILBOX=FPR]...". */
int verified_fingerprints(const struct manifest *m, struct buf *out);

#endif
