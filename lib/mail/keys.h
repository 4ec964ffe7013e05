/* SPDX-License-Identifier: MIT */
/*
 * keys - Ed25519 keys (RFC 8032) of tickets and receipts, through
 * libsodium.
 *
 * A seed file is one line "ed25519-seed:<base64 of 32 bytes>", mode 0400;
 * a public key is written "ed25519:<base64 of 32 bytes>".
 */
#ifndef AGAMID_KEYS_H
#define AGAMID_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define KEYS_PUBLIC_SIZE 32
#define KEYS_SIGNATURE_SIZE 64
#define KEYS_TEXT_SIZE 64 /* "ed25519:..." with its NUL */
#define KEYS_NAME_SIZE 17 /* with its NUL */

struct sign_key { /* wipe with keys_wipe() */
	uint8_t public[KEYS_PUBLIC_SIZE];
	uint8_t secret[64];
};

struct verify_key {
	uint8_t public[KEYS_PUBLIC_SIZE];
};

/* libsodium's start; once, before threads. 0 or AG_ECRYPTO. */
int keys_init(void);

/* Make a seed file (0400; never over an existing one: AG_EEXIST). Fault
 * points: keys.write, keys.fsync, keys.rename, keys.dirsync. */
int keys_seed_create(const char *path, struct error *error_r);
/* AG_ENOENT; AG_EPERM if group or others have any right on it; AG_EINVAL,
 * AG_EIO. */
int keys_seed_load(
    const char *path, struct sign_key *key_r, struct error *error_r);
/* If key is not the one that the manifest names, read the seed file again;
 * true if it holds that one, and key is now it. While a rotation is under way
 * the two differ, and what is there stays. */
bool keys_seed_follow(
    const char *path, const struct verify_key *named, struct sign_key *key);
void keys_wipe(struct sign_key *key); /* explicit_bzero */

/* "ed25519:..." to and from; 0 or AG_EINVAL. */
int keys_public_parse(const char *text, struct verify_key *key_r);
void keys_public_text(const uint8_t *public, char text[KEYS_TEXT_SIZE]);

/* A key's name in tickets: the first 16 hex digits of the SHA-256 of its
 * 32 bytes. */
void keys_name(const uint8_t *public, char name[KEYS_NAME_SIZE]);

/* Over these bytes, without a hash before it (not Ed25519ph). 0;
 * AG_ECRYPTO for sign, AG_ESIG for verify. */
int keys_sign(const struct sign_key *key, const void *data, size_t len,
    uint8_t sig[KEYS_SIGNATURE_SIZE]);
int keys_verify(const struct verify_key *key, const void *data, size_t len,
    const uint8_t sig[KEYS_SIGNATURE_SIZE]);

#endif
