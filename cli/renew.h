/* SPDX-License-Identifier: MIT */
/*
 * renew - changes of this node's OpenPGP key: another encryption subkey,
 * or a revocation. By GnuPG, in a home in the scratch directory.
 *
 * SECURITY: the secret key is in that home, in memory where there is
 * some, until the call ends.
 */
#ifndef AGAMID_RENEW_H
#define AGAMID_RENEW_H

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

enum renew_how {
	RENEW_SUBKEY, /* a new one is added; old ones can still open */
	RENEW_REVOKE_SUBKEYS,
	RENEW_REVOKE_PRIMARY,
};

/* The changed key, both halves armored. Nothing is written. A revocation
 * changes the public half alone: the secret one is left as it is, so that
 * it still signs the manifest that tells of it. */
int renew_key(const struct conf *conf, const char *fpr, enum renew_how how,
    const char *scratch, struct buf *public_r, struct buf *secret_r,
    struct error *error_r);

#endif
