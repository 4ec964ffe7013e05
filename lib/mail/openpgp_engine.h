/* SPDX-License-Identifier: MIT */
/*
 * openpgp_engine - what openpgp.c asks of an engine. Private to the files
 * openpgp*.c.
 *
 * openpgp.c does what is the same for both engines: it finds the subkeys,
 * checks the message's frame, keeps the first error of source or sink, and
 * stops everything at it. An engine makes and undoes the cryptography.
 */
#ifndef AGAMID_OPENPGP_ENGINE_H
#define AGAMID_OPENPGP_ENGINE_H

#include <stdint.h>

#include "mail/openpgp.h"
#include "mail/openpgp_frame.h"

/* The two ends of one operation, as an engine sees them. */
struct openpgp_io {
	const struct openpgp_source *in;
	const struct openpgp_sink *out;
	struct openpgp_frame *check_in; /* or NULL */
	struct openpgp_frame *check_out;
	bool no_growth; /* out may not get longer than in */
	bool at_end; /* the source has ended */
	uint64_t in_bytes, out_bytes;
	int err; /* the first; nothing is read or written after it */
	const char *why; /* err is our own: a few words */
};

/* As openpgp_source.read and openpgp_sink.write. */
ssize_t openpgp_io_read(struct openpgp_io *io, void *data, size_t len);
int openpgp_io_write(struct openpgp_io *io, const void *data, size_t len);

/* A key of the directory that openpgp_keyring_write() made. */
struct openpgp_recipient {
	char fpr[OPENPGP_FPR_LEN + 1]; /* of the peer's primary key */
	char enc_fpr[OPENPGP_FPR_LEN + 1]; /* of the subkey to seal to */
	char why[64]; /* why it can't be sealed to; "" if it can */
};

/* The list in dir; *list_r is sorted by fpr and freed with free(). */
int openpgp_keyring_load(const char *dir, struct openpgp_recipient **list_r,
    size_t *count_r, struct error *error_r);

#define KEYRING_GNUPG "gnupg" /* a GNUPGHOME */
#define KEYRING_CERTS "certs" /* SUBKEY.pgp */
#define KEYRING_LIST "recipients"

struct openpgp_ops {
	const char *name;
	const char *(*version)(void);
	/* dir: absolute, without symbolic links. */
	int (*new_public)(
	    const char *dir, void **state_r, struct error *error_r);
	/* keys: armored secret keys; what: where they came from, for errors */
	int (*new_secret)(const struct buf *keys, const char *what,
	    const char *scratch, void **state_r, struct error *error_r);
	void (*free)(void *state);
	/* Seal to exactly these; the whole source, to its end. */
	int (*seal)(void *state, const struct openpgp_recipient *const *to,
	    size_t count, bool armor, struct openpgp_io *io,
	    struct error *error_r);
	/* Open; 0 only if integrity was found protected and good. AG_ESIG:
	 * it was not; AG_ECRYPTO: no session key was had; AG_EIO, AG_ENOMEM:
	 * the engine failed, and the message may be good. */
	int (*open)(void *state, struct openpgp_io *io, struct error *error_r);
	/* Is this key ID (16 hex digits) one of our secret keys? */
	bool (*owns)(void *state, const char *keyid);
};

extern const struct openpgp_ops openpgp_gpgme_ops;
#ifdef HAVE_RNP
extern const struct openpgp_ops openpgp_rnp_ops;
#endif

#endif
