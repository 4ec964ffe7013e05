/* SPDX-License-Identifier: MIT */
/*
 * openpgp - sealing, opening, signing and checking with OpenPGP, behind
 * one interface with two engines: GPGME (GnuPG; always there) and RNP (in
 * process; where configure found it). Both make the same: version 4 keys,
 * SEIPD version 1 with AES-256, one literal packet of type 'b' without a
 * name, no compression, never AEAD (RFC 4880), and each opens what the
 * other sealed.
 *
 * Engines pull: they read plaintext from a source and write to a sink,
 * streaming; memory does not grow with the message. An engine object
 * serves one thread at a time and is kept for many messages.
 *
 * SECURITY: openpgp_open() tells only at its end whether the integrity
 * protection held; until then nothing that reached the sink may be acted
 * on. No plaintext reaches a file.
 */
#ifndef AGAMID_OPENPGP_H
#define AGAMID_OPENPGP_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

#define OPENPGP_FPR_LEN 40 /* hex digits of a v4 fingerprint */
#define OPENPGP_KEY_MAX 65536 /* bytes of an armored key */
#define OPENPGP_SECRETS_MAX 1048576 /* of a file of secret keys */

enum openpgp_engine {
	OPENPGP_AUTO, /* RNP where built, else GPGME */
	OPENPGP_GPGME,
	OPENPGP_RNP,
};

struct openpgp;

/* read: up to len bytes; 0 at the end, negative (an ag_err) to give up. */
struct openpgp_source {
	ssize_t (*read)(void *ctx, void *data, size_t len);
	void *ctx;
};

/* write: all of it; 0, or a negative ag_err to give up. */
struct openpgp_sink {
	int (*write)(void *ctx, const void *data, size_t len);
	void *ctx;
};

/* "gpgme" or "rnp". */
const char *openpgp_engine_name(const struct openpgp *pgp);
bool openpgp_engine_built(enum openpgp_engine engine);
/* Does it start processes (gpg)? */
bool openpgp_engine_forks(enum openpgp_engine engine);
/* Version line of engine and library, for status and bug reports. */
const char *openpgp_engine_version(enum openpgp_engine engine);

/*
 * For sealing: keys is the derived directory of sealing keys that
 * openpgp_keyring_write() made. Read only. If it is a symbolic link, the
 * object stays with what the link names now.
 *
 * A process's first call in here starts the libraries and sets LC_ALL=C
 * (for gpg): make it before there are threads.
 */
int openpgp_new_public(enum openpgp_engine engine, const char *keys,
    struct openpgp **pgp_r, struct error *error_r);

/*
 * For opening and signing: secret_path is one armored file of secret keys,
 * one or several behind each other (a passphrase: AG_ECRYPTO). scratch is
 * a directory of the caller's own, on a file system in memory where there
 * is one, in which GPGME makes its home: 0700, with a gpg-agent of its
 * own, both gone after openpgp_free(). A process that was killed leaves
 * them: its successor removes what is in scratch, and the agent then ends
 * by itself. The path of scratch has at most 86 bytes (AG_ETOOBIG): the
 * agent's socket has to fit in.
 */
int openpgp_new_secret(enum openpgp_engine engine, const char *secret_path,
    const char *scratch, struct openpgp **pgp_r, struct error *error_r);
/* The same with the keys of a second file, where there is one. */
int openpgp_new_secrets(enum openpgp_engine engine, const char *secret_path,
    const char *more_path, const char *scratch, struct openpgp **pgp_r,
    struct error *error_r);

void openpgp_free(struct openpgp **pgp);

/*
 * Seal to the encryption subkeys of one or two keys, given by their
 * primary fingerprints; to each of them, or nothing: AG_ECRYPTO where one
 * has no usable encryption subkey. fpr2 may be NULL. armor: ASCII armor
 * (for PGP/MIME), else binary.
 */
int openpgp_seal(struct openpgp *pgp, const char *fpr1, const char *fpr2,
    bool armor, const struct openpgp_source *in, const struct openpgp_sink *out,
    struct error *error_r);

/* Can this key be sealed to at all (known, has an encryption subkey, not
 * revoked)? 0 or AG_ECRYPTO with the reason. Neither its expiry nor the
 * clock is looked at, here or in sealing, by either engine: whether a key
 * may be sealed to is settled by the manifest and by revocation. */
int openpgp_usable(struct openpgp *pgp, const char *fpr, struct error *error_r);

/*
 * Open a binary message. 0 only if the whole message was read, was one
 * SEIPD packet with integrity protection that holds, and nothing follows
 * it. AG_ESIG: damaged, cut off, without protection, not sealed, or more
 * inside than outside (compressed: never more reaches the sink than was
 * read); AG_ECRYPTO: not sealed to one of our keys; AG_EIO, AG_ENOMEM: the
 * engine failed, the message may be good; else the source's or the sink's
 * own error, which ends it at once.
 */
int openpgp_open(struct openpgp *pgp, const struct openpgp_source *in,
    const struct openpgp_sink *out, struct error *error_r);

/* ---- keys and detached signatures; these always use GPGME ----
 *
 * They make a home in scratch for the call, and remove it. */

struct openpgp_keyinfo {
	char fpr[OPENPGP_FPR_LEN + 1]; /* primary, upper case */
	char enc_fpr[OPENPGP_FPR_LEN + 1]; /* newest encryption subkey */
	char uid[256];
	bool can_certify, can_sign, revoked, expired, has_encryption;
	int64_t enc_created;
	int64_t expires; /* primary or enc_fpr, the earlier; 0 never */
};

/* Read one armored public key; AG_EINVAL if it is none, or more than one,
 * or holds secrets. What its primary key has not signed is not there. */
int openpgp_key_info(const char *armored, const char *scratch,
    struct openpgp_keyinfo *info_r, struct error *error_r);

/* Make an Ed25519 primary key (certifies and signs) with a Curve25519
 * encryption subkey, no passphrase, no expiry, no AEAD preference; both
 * halves armored. */
int openpgp_key_generate(const char *uid, const char *scratch,
    struct buf *public_r, struct buf *secret_r, struct error *error_r);

/*
 * What opens messages, and nothing else: the secret half of a key's newest
 * encryption subkey (the key: public, armored) out of the armored secret
 * key, under a throw-away primary key, armored. The primary key's secret
 * is not in it. AG_EINVAL: the secret is another key's, or has a
 * passphrase.
 */
int openpgp_subkey_alone(const char *public, const char *secret,
    const char *scratch, struct buf *armored_r, struct error *error_r);

/* An armored detached signature over data by the primary key of the first
 * secret key in secret_path. */
int openpgp_sign_detached(const char *secret_path, const char *scratch,
    const void *data, size_t len, struct buf *sig_r, struct error *error_r);

/* Is sig one good signature over these bytes by the armored public key's
 * primary key? 0, AG_ESIG. It may have expired since, but not be revoked.
 * The key's fingerprint goes to fpr_r (OPENPGP_FPR_LEN + 1 bytes; may be
 * NULL). */
int openpgp_verify_detached(const char *armored_key, const char *scratch,
    const void *data, size_t len, const char *sig, char *fpr_r,
    struct error *error_r);

/* The same, also where the key says that it was revoked: did it make this
 * signature, whenever that was? */
int openpgp_verify_detached_ever(const char *armored_key, const char *scratch,
    const void *data, size_t len, const char *sig, char *fpr_r,
    struct error *error_r);

/* Is there a revocation of the key or of a subkey in it? Whether it is a
 * good one is not judged. */
bool openpgp_key_says_revoked(const char *armored);

/*
 * Write what openpgp_new_public() reads into the directory dir (made if it
 * is not there; an older content is replaced): a GNUPGHOME for GPGME,
 * read-only for its users, and a file a key for RNP. keys: count armored
 * public keys, copies allowed. One that is revoked or has no encryption
 * subkey is only noted, for openpgp_usable(); one that can't be read is
 * AG_EINVAL. What is written holds the peers' encryption subkeys in
 * certificates of our own (openpgp_cert.h). Not yet durable.
 */
int openpgp_keyring_write(const char *dir, const char *const *keys,
    size_t count, struct error *error_r);

/* The same, where old is such a directory already, on the same file
 * system, and same[i] says that it was made of this very armored key: what
 * GnuPG found about it then is kept, and its files are linked. */
int openpgp_keyring_update(const char *dir, const char *old,
    const char *const *keys, const bool *same, size_t count,
    struct error *error_r);

#endif
