/* SPDX-License-Identifier: MIT */
/*
 * openpgp_cert - the sealing certificate: what the engines really seal to.
 *
 * A peer's key says more than "seal to this": dates of expiry, ciphers,
 * AEAD, several subkeys, other people's signatures; and GnuPG and RNP
 * obey it, each in its own way, by the clock of this machine. What may be
 * sealed to is settled by the manifest and by revocation. So, once a key
 * has been checked by GnuPG and its encryption subkey chosen, a small
 * certificate of our own is made around that subkey: a throw-away primary
 * key binds it without expiry, with AES-256, no compression and no AEAD.
 * A subkey's ID and fingerprint come from its own packet alone (RFC 4880
 * 12.2), so what is sealed by way of it is sealed to the peer's subkey,
 * and is opened by the peer's secret key as any other message.
 *
 * These certificates stay in the derived directory of sealing keys, which
 * root writes; they are shown to nobody and prove nothing.
 */
#ifndef AGAMID_OPENPGP_CERT_H
#define AGAMID_OPENPGP_CERT_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

#define CERT_SEED_SIZE 32

/* Append the sealing certificate for the subkey enc_fpr (hex) of the
 * public key in key (packets). seed: fresh random bytes; nothing else
 * keeps them. uid: for whoever looks at it with gpg. 0; AG_ENOENT: no such
 * subkey; AG_EINVAL. */
int openpgp_cert_make(const void *key, size_t len, const char *enc_fpr,
    const char *uid, const uint8_t seed[CERT_SEED_SIZE], struct buf *out,
    struct error *error_r);

/* The same with the secret halves: secret is the secret key (packets) that
 * has the subkey's, without a passphrase; AG_EINVAL: it has not. For
 * openpgp_subkey_alone(). */
int openpgp_cert_make_secret(const void *key, size_t len, const void *secret,
    size_t secret_len, const char *enc_fpr, const char *uid,
    const uint8_t seed[CERT_SEED_SIZE], struct buf *out, struct error *error_r);

#endif
