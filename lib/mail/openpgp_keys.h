/* SPDX-License-Identifier: MIT */
/*
 * openpgp_keys - reading a public key in two steps, for who reads many.
 * Only for the files openpgp*.c; others call openpgp_key_info().
 */
#ifndef AGAMID_OPENPGP_KEYS_H
#define AGAMID_OPENPGP_KEYS_H

#include <gpgme.h>

#include "mail/openpgp.h"

/* The packets of one armored public key; AG_EINVAL if it is none, or more
 * than one, or holds secrets. key_r is initialised, and the caller's to
 * free, either way. */
int openpgp_key_dearmor(
    const char *armored, struct buf *key_r, struct error *error_r);

/* Let gpg look at the key's packets, without importing them. */
int openpgp_key_list(gpgme_ctx_t ctx, const struct buf *key,
    struct openpgp_keyinfo *info_r, struct error *error_r);

/* Let gpg look at the packets of many keys in one go, where one process
 * for each would take long: found is called for those that gpg lists. The
 * others, and keys that are there twice, are for openpgp_key_list(). */
typedef void openpgp_key_fn(const struct openpgp_keyinfo *info, void *arg);
void openpgp_key_list_all(
    gpgme_ctx_t ctx, const struct buf *keys, openpgp_key_fn *found, void *arg);

#endif
