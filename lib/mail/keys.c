/* SPDX-License-Identifier: MIT */
/*
 * keys - Ed25519 keys of tickets and receipts, through libsodium.
 *
 * Seed files are made and read here, and nowhere else; what a signature
 * is over is decided by ticket.c and receipt.c. No key leaves by a log
 * line or an error text.
 *
 * SECURITY: every copy of a seed that this module makes is wiped before
 * it returns; a seed file that group or others can touch is refused, as
 * ssh(1) does.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "mail/keys.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define SEED_PREFIX "ed25519-seed:"
#define PUBLIC_PREFIX "ed25519:"
#define BASE64_LEN 44 /* of 32 bytes */
/* "ed25519-seed:" base64 "\n" */
#define SEED_FILE_LEN (sizeof(SEED_PREFIX) - 1 + BASE64_LEN + 1)

int
keys_init(void)
{
	return sodium_init() < 0 ? AG_ECRYPTO : 0;
}

/* Write beside, then link: an existing seed is never replaced, and a crash
 * leaves no half a file under the name. */
static int
seed_write(
    const char *path, const char *tmp, const char *text, struct error *error_r)
{
	int fd, rc = 0;

	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "%s", tmp);
	if (fault_point("keys.write") ||
	    file_write_all(fd, text, SEED_FILE_LEN) < 0 ||
	    fault_point("keys.fsync") || fsync(fd) < 0)
		rc = error_set_errno(error_r, AG_EIO, "%s", tmp);
	else if (fault_point("keys.rename") || link(tmp, path) < 0)
		rc = error_set_errno(
		    error_r, errno == EEXIST ? AG_EEXIST : AG_EIO, "%s", path);
	close(fd);
	unlink(tmp);
	return rc;
}

int
keys_seed_create(const char *path, struct error *error_r)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char text[SEED_FILE_LEN + 1] = SEED_PREFIX;
	size_t at = sizeof(SEED_PREFIX) - 1;
	char *tmp = NULL;
	int rc;

	if (asprintf(&tmp, "%s.%ld.tmp", path, (long)getpid()) < 0)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	randombytes_buf(seed, sizeof(seed));
	text_base64(seed, sizeof(seed), text + at, sizeof(text) - at);
	text[SEED_FILE_LEN - 1] = '\n';
	rc = seed_write(path, tmp, text, error_r);
	if (rc == 0)
		rc = file_sync_parent(path, "keys", error_r);
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(text, sizeof(text));
	free(tmp);
	return rc;
}

/* The one line of a seed file into a key pair. */
static int
seed_parse(char *text, struct sign_key *key_r)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	size_t at = sizeof(SEED_PREFIX) - 1;
	int rc = AG_EINVAL;

	if (strlen(text) == SEED_FILE_LEN && text[SEED_FILE_LEN - 1] == '\n' &&
	    memcmp(text, SEED_PREFIX, at) == 0) {
		text[SEED_FILE_LEN - 1] = '\0';
		rc = text_unbase64(text + at, seed, sizeof(seed));
	}
	if (rc == 0)
		crypto_sign_seed_keypair(key_r->public, key_r->secret, seed);
	explicit_bzero(seed, sizeof(seed));
	return rc;
}

static int
seed_read(const char *path, char text[SEED_FILE_LEN + 2], struct error *error_r)
{
	struct stat st;
	ssize_t n;
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(
		    error_r, errno == ENOENT ? AG_ENOENT : AG_EIO, "%s", path);
	if (fstat(fd, &st) < 0)
		rc = error_set_errno(error_r, AG_EIO, "%s", path);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		rc = error_set(error_r, AG_EPERM,
		    "%s: a secret must be a file that only its owner can "
		    "read (mode 0400), but its mode is %04o",
		    path, st.st_mode & 07777);
	else if ((n = file_read_full(fd, text, SEED_FILE_LEN + 1)) < 0)
		rc = error_set_errno(error_r, AG_EIO, "%s", path);
	else
		text[n] = '\0';
	close(fd);
	return rc;
}

int
keys_seed_load(const char *path, struct sign_key *key_r, struct error *error_r)
{
	char text[SEED_FILE_LEN + 2];
	int rc;

	memset(key_r, 0, sizeof(*key_r));
	rc = seed_read(path, text, error_r);
	if (rc == 0 && (rc = seed_parse(text, key_r)) < 0)
		error_set(error_r, rc,
		    "%s: not one line \"" SEED_PREFIX "<base64 of 32 bytes>\"",
		    path);
	explicit_bzero(text, sizeof(text));
	return rc;
}

bool
keys_seed_follow(
    const char *path, const struct verify_key *named, struct sign_key *key)
{
	struct sign_key now;
	struct error why;
	bool is;

	if (memcmp(key->public, named->public, KEYS_PUBLIC_SIZE) == 0 ||
	    keys_seed_load(path, &now, &why) < 0)
		return false;
	is = memcmp(now.public, named->public, KEYS_PUBLIC_SIZE) == 0;
	if (is)
		*key = now;
	keys_wipe(&now);
	return is;
}

void
keys_wipe(struct sign_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

int
keys_public_parse(const char *text, struct verify_key *key_r)
{
	size_t at = sizeof(PUBLIC_PREFIX) - 1;

	memset(key_r, 0, sizeof(*key_r));
	if (strncmp(text, PUBLIC_PREFIX, at) != 0)
		return AG_EINVAL;
	return text_unbase64(text + at, key_r->public, sizeof(key_r->public));
}

void
keys_public_text(const uint8_t *public, char text[KEYS_TEXT_SIZE])
{
	size_t at = sizeof(PUBLIC_PREFIX) - 1;

	memcpy(text, PUBLIC_PREFIX, at);
	text_base64(public, KEYS_PUBLIC_SIZE, text + at, KEYS_TEXT_SIZE - at);
}

void
keys_name(const uint8_t *public, char name[KEYS_NAME_SIZE])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, public, KEYS_PUBLIC_SIZE);
	text_hex(hash, (KEYS_NAME_SIZE - 1) / 2, name);
}

int
keys_sign(const struct sign_key *key, const void *data, size_t len,
    uint8_t sig[KEYS_SIGNATURE_SIZE])
{
	return crypto_sign_detached(sig, NULL, data, len, key->secret) == 0
	    ? 0
	    : AG_ECRYPTO;
}

int
keys_verify(const struct verify_key *key, const void *data, size_t len,
    const uint8_t sig[KEYS_SIGNATURE_SIZE])
{
	return crypto_sign_verify_detached(sig, data, len, key->public) == 0
	    ? 0
	    : AG_ESIG;
}
