/* SPDX-License-Identifier: MIT */
/*
 * sign - a manifest's OpenPGP signature, and its keys' fingerprints.
 */
#ifndef AGAMID_SIGN_H
#define AGAMID_SIGN_H

#include "util/buf.h"
#include "util/error.h"
#include "manifests/manifest.h"

/*
 * Is m signed by its own primary key, are its keys usable (openpgp and
 * recovery: distinct, with encryption subkeys, the primary certifies and
 * signs)? Fills m->fpr, recovery_fpr and mailboxes' fpr. 0, AG_ESIG,
 * AG_ECRYPTO, with the reason. scratch: a private directory.
 */
int sign_verify(struct manifest *m, const char *scratch, struct error *error_r);

/* Body (up to and including "...\n"; added where missing) + signature by
 * secret_path, appended to out. */
int sign_make(const void *body, size_t len, const char *secret_path,
    const char *scratch, struct buf *out, struct error *error_r);

/*
 * SPEC M-13: what a recovery key signs when it replaces a node's keys, for
 * this primary key (fpr) and these SSH client keys.
 */
int sign_succession_text(const struct manifest *m, const char *fpr,
    uint64_t serial, struct buf *out);
/* Did m's recovery key sign m's succession? m's fpr is filled. AG_ENOENT:
 * it has none; AG_ESIG. */
int sign_succession_verify(
    const struct manifest *m, const char *scratch, struct error *error_r);

#endif
