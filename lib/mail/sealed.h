/* SPDX-License-Identifier: MIT */
/*
 * sealed - mail that stays sealed at home: the field X-Agamid-Sealed, and
 * the sealed part of a PGP/MIME message (doc/spec/dovecot.md).
 *
 * agamid-deliver signs, the Dovecot plugin checks: (the bundle's ID, the
 * mailbox, the SHA-256 of the sealed part). So the plugin opens what this
 * node's own agamid-deliver let in, and nothing that anybody else encrypted
 * to the owner's key. The public half may be read by every mail user.
 *
 * Pure: bytes in, struct out; of the project it needs the error codes
 * only, so that it also lives inside Dovecot.
 *
 * SECURITY: both ends read strangers' mail with this. Buffers are fixed; a
 * line too long for them is only looked at where it may be.
 */
#ifndef AGAMID_SEALED_H
#define AGAMID_SEALED_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEALED_FIELD "X-Agamid-Sealed"
#define SEALED_ID_LEN 64
#define SEALED_MAILBOX_MAX 64
#define SEALED_HASH_SIZE 32
#define SEALED_SIG_SIZE 64
#define SEALED_MARK_MAX 512 /* a mark as text, with its NUL */

struct sealed_mark {
	char id[SEALED_ID_LEN + 1];
	char mailbox[SEALED_MAILBOX_MAX + 1];
	uint8_t hash[SEALED_HASH_SIZE];
	uint8_t sig[SEALED_SIG_SIZE];
};

/* The field's value, unfolded or not; 0 or AG_EINVAL. */
int sealed_mark_parse(const char *value, struct sealed_mark *m_r);
/* The value, folded with CR LF; AG_ETOOBIG. */
int sealed_mark_write(const struct sealed_mark *m, char *out, size_t size);
/* sig over the rest of it, by crypto_sign's 64-byte secret key. */
int sealed_mark_sign(struct sealed_mark *m, const uint8_t *secret);
/* 0 or AG_ESIG. */
int sealed_mark_verify(const struct sealed_mark *m, const uint8_t *public);
/* "ed25519:..." lines, any of which may have signed: 0 or AG_ESIG. */
int sealed_mark_verify_any(const struct sealed_mark *m, const char *keys);

#define SEALED_LINE_MAX 1024
#define SEALED_BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */

enum sealed_state {
	SEALED_HEADER, /* the message's */
	SEALED_PREAMBLE,
	SEALED_CONTROL_HEADER, /* application/pgp-encrypted */
	SEALED_CONTROL,
	SEALED_DATA_HEADER, /* application/octet-stream */
	SEALED_DATA, /* the sealed part: these lines are hashed */
	SEALED_DONE,
	SEALED_BAD, /* it is no such message */
};

/* Where the sealed part goes, a line or more at a time; negative ends. */
typedef int sealed_output(void *ctx, const void *data, size_t len);

struct sealed_part {
	enum sealed_state state;
	char boundary[SEALED_BOUNDARY_MAX + 1];
	/* the rest is its own */
	crypto_hash_sha256_state hash;
	char line[SEALED_LINE_MAX];
	size_t len;
	bool too_long;
	char type[SEALED_LINE_MAX]; /* Content-Type of this header */
	bool in_type, has_type;
	sealed_output *out;
	void *ctx;
};

/* out may be NULL. */
void sealed_part_init(struct sealed_part *p, sealed_output *out, void *ctx);
/* The message, in pieces of any size: 0; AG_EINVAL once it is bad; what
 * out said. */
int sealed_part_put(struct sealed_part *p, const void *data, size_t len);
/* Its end: the hash of the sealed part's lines, each without its line end
 * and followed by LF. AG_EINVAL. */
int sealed_part_end(struct sealed_part *p, uint8_t hash_r[SEALED_HASH_SIZE]);

#endif
