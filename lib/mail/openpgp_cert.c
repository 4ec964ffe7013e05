/* SPDX-License-Identifier: MIT */
/*
 * openpgp_cert - the sealing certificate. See openpgp_cert.h.
 *
 * Written by hand, packet by packet, for neither GPGME nor RNP binds a
 * subkey whose secret is elsewhere: an Ed25519 primary key, a user ID with
 * its self-signature, the peer's subkey packet as it was, its binding
 * signature (RFC 4880 5.2.4; EdDSA as in RFC 9580 5.2.3.3, version 4).
 *
 * SECURITY: whether enc_fpr is a good subkey of the key is not judged
 * here. The throw-away secret is wiped.
 */
#include "mail/openpgp_cert.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "mail/openpgp_packet.h"
#include "util/text.h"

#define CERT_PACKET_MAX 16384

#define ALGO_EDDSA 22
#define HASH_SHA256 8
#define CIPHER_AES256 9

#define SIG_POSITIVE_CERT 0x13
#define SIG_SUBKEY_BINDING 0x18

#define SUB_CREATED 2
#define SUB_CIPHERS 11
#define SUB_ISSUER 16
#define SUB_HASHES 21
#define SUB_COMPRESSION 22
#define SUB_KEY_FLAGS 27
#define SUB_FEATURES 30

#define KEY_MAY_CERTIFY 0x01
#define KEY_MAY_ENCRYPT 0x0c /* communications and storage */
#define FEATURE_MDC 0x01 /* and no bit of AEAD */

static const uint8_t ed25519_oid[] = {
    0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};

/* The primary key while the certificate is being made. */
struct primary {
	unsigned char public[crypto_sign_PUBLICKEYBYTES];
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
	struct buf body; /* of its packet */
	uint8_t fpr[PACKET_SHA1_SIZE];
	uint32_t created;
};

static int
find_subkey(const void *key, size_t len, const char *fpr,
    struct openpgp_packet *packet_r)
{
	uint8_t want[PACKET_SHA1_SIZE], got[PACKET_SHA1_SIZE];
	char lower[2 * PACKET_SHA1_SIZE + 1];
	struct cursor c;
	int rc;

	if (strlen(fpr) != 2 * PACKET_SHA1_SIZE)
		return AG_EINVAL;
	memcpy(lower, fpr, sizeof(lower));
	text_lower(lower);
	if (text_unhex(lower, want, sizeof(want)) < 0)
		return AG_EINVAL;
	cursor_init(&c, key, len);
	while ((rc = openpgp_packet_next(&c, packet_r)) > 0) {
		if (packet_r->tag != PACKET_PUBLIC_SUBKEY ||
		    packet_r->len < 6 || packet_r->len > CERT_PACKET_MAX / 2 ||
		    packet_r->body[0] != 4)
			continue;
		openpgp_packet_fingerprint(packet_r->body, packet_r->len, got);
		if (memcmp(want, got, sizeof(want)) == 0)
			return 0;
	}
	return rc < 0 ? rc : AG_ENOENT;
}

static int
primary_make(struct primary *p, const uint8_t seed[CERT_SEED_SIZE],
    const uint8_t *created)
{
	uint8_t point[1 + sizeof(p->public)];
	int rc;

	crypto_sign_seed_keypair(p->public, p->secret, seed);
	point[0] = 0x40;
	memcpy(point + 1, p->public, sizeof(p->public));
	p->created = (uint32_t)created[0] << 24 | (uint32_t)created[1] << 16 |
	    (uint32_t)created[2] << 8 | created[3];
	if ((rc = buf_putc(&p->body, 4)) < 0 ||
	    (rc = buf_put(&p->body, created, 4)) < 0 ||
	    (rc = buf_putc(&p->body, ALGO_EDDSA)) < 0 ||
	    (rc = buf_put(&p->body, ed25519_oid, sizeof(ed25519_oid))) < 0 ||
	    (rc = openpgp_packet_put_mpi(&p->body, point, sizeof(point))) < 0)
		return rc;
	openpgp_packet_fingerprint(p->body.data, p->body.len, p->fpr);
	return 0;
}

/* What a signature hashes in front of itself for a key (5.2.4). */
static void
hash_key(crypto_hash_sha256_state *hash, const void *body, size_t len)
{
	uint8_t head[3] = {0x99, (uint8_t)(len >> 8), (uint8_t)len};

	crypto_hash_sha256_update(hash, head, sizeof(head));
	crypto_hash_sha256_update(hash, body, len);
}

static void
hash_user_id(crypto_hash_sha256_state *hash, const char *uid)
{
	size_t len = strlen(uid);
	uint8_t head[5] = {0xb4, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
	    (uint8_t)(len >> 8), (uint8_t)len};

	crypto_hash_sha256_update(hash, head, sizeof(head));
	crypto_hash_sha256_update(hash, (const unsigned char *)uid, len);
}

static int
put_subpacket(struct buf *b, unsigned type, const void *data, size_t len)
{
	int rc;

	if ((rc = buf_putc(b, (char)(len + 1))) < 0 ||
	    (rc = buf_putc(b, (char)type)) < 0)
		return rc;
	return buf_put(b, data, len);
}

static int
put_byte_subpacket(struct buf *b, unsigned type, uint8_t value)
{
	return put_subpacket(b, type, &value, 1);
}

static int
put_hashed_subpackets(struct buf *b, const struct primary *p, unsigned type)
{
	static const uint8_t hashes[] = {HASH_SHA256, 10}; /* and SHA-512 */
	uint8_t created[4] = {(uint8_t)(p->created >> 24),
	    (uint8_t)(p->created >> 16), (uint8_t)(p->created >> 8),
	    (uint8_t)p->created};
	int rc;

	rc = put_subpacket(b, SUB_CREATED, created, sizeof(created));
	if (rc < 0 || type == SIG_SUBKEY_BINDING)
		return rc < 0
		    ? rc
		    : put_byte_subpacket(b, SUB_KEY_FLAGS, KEY_MAY_ENCRYPT);
	if ((rc = put_byte_subpacket(b, SUB_KEY_FLAGS, KEY_MAY_CERTIFY)) < 0 ||
	    (rc = put_byte_subpacket(b, SUB_CIPHERS, CIPHER_AES256)) < 0 ||
	    (rc = put_subpacket(b, SUB_HASHES, hashes, sizeof(hashes))) < 0 ||
	    (rc = put_byte_subpacket(b, SUB_COMPRESSION, 0)) < 0)
		return rc;
	return put_byte_subpacket(b, SUB_FEATURES, FEATURE_MDC);
}

/* The part of a signature packet that is hashed: up to and with its
 * hashed subpackets. */
static int
put_signature_head(struct buf *b, const struct primary *p, unsigned type)
{
	struct buf sub;
	int rc;

	buf_init(&sub, 256);
	if ((rc = put_hashed_subpackets(&sub, p, type)) < 0 ||
	    (rc = buf_putc(b, 4)) < 0 || (rc = buf_putc(b, (char)type)) < 0 ||
	    (rc = buf_putc(b, ALGO_EDDSA)) < 0 ||
	    (rc = buf_putc(b, HASH_SHA256)) < 0 ||
	    (rc = openpgp_packet_put_uint(b, (uint32_t)sub.len, 2)) < 0 ||
	    (rc = buf_put(b, sub.data, sub.len)) < 0)
		goto out;
out:
	buf_free(&sub);
	return rc;
}

/* hash has what is signed; append the signature packet. */
static int
put_signature(struct buf *out, const struct primary *p, unsigned type,
    crypto_hash_sha256_state *hash)
{
	uint8_t trailer[6] = {4, 0xff, 0, 0, 0, 0};
	unsigned char digest[crypto_hash_sha256_BYTES];
	unsigned char sig[crypto_sign_BYTES];
	struct buf b;
	int rc;

	buf_init(&b, 1024);
	if ((rc = put_signature_head(&b, p, type)) < 0)
		goto out;
	trailer[4] = (uint8_t)(b.len >> 8);
	trailer[5] = (uint8_t)b.len;
	crypto_hash_sha256_update(hash, (unsigned char *)b.data, b.len);
	crypto_hash_sha256_update(hash, trailer, sizeof(trailer));
	crypto_hash_sha256_final(hash, digest);
	crypto_sign_detached(sig, NULL, digest, sizeof(digest), p->secret);
	if ((rc = openpgp_packet_put_uint(&b, 2 + 8, 2)) < 0 ||
	    (rc = put_subpacket(&b, SUB_ISSUER, p->fpr + 12, 8)) < 0 ||
	    (rc = buf_put(&b, digest, 2)) < 0 ||
	    (rc = openpgp_packet_put_mpi(&b, sig, 32)) < 0 ||
	    (rc = openpgp_packet_put_mpi(&b, sig + 32, 32)) < 0)
		goto out;
	rc = openpgp_packet_put(out, PACKET_SIGNATURE, b.data, b.len);
out:
	buf_free(&b);
	return rc;
}

/* RFC 4880 5.5.3: no passphrase, the secret as an MPI, a checksum. */
static int
put_secret_primary(struct buf *out, const struct primary *p)
{
	uint32_t sum = 0;
	struct buf b, mpi;
	size_t i;
	int rc;

	buf_init(&b, 1024);
	buf_init(&mpi, 64);
	if ((rc = buf_put(&b, p->body.data, p->body.len)) < 0 ||
	    (rc = buf_putc(&b, 0)) < 0 ||
	    (rc = openpgp_packet_put_mpi(&mpi, p->secret, CERT_SEED_SIZE)) <
		0 ||
	    (rc = buf_put(&b, mpi.data, mpi.len)) < 0)
		goto out;
	for (i = 0; i < mpi.len; i++)
		sum += (uint8_t)mpi.data[i];
	if ((rc = openpgp_packet_put_uint(&b, sum, 2)) == 0)
		rc = openpgp_packet_put(out, PACKET_SECRET_KEY, b.data, b.len);
out:
	buf_wipe(&mpi);
	buf_wipe(&b);
	return rc;
}

static int
put_primary(struct buf *out, const struct primary *p, bool secret)
{
	if (secret)
		return put_secret_primary(out, p);
	return openpgp_packet_put(
	    out, PACKET_PUBLIC_KEY, p->body.data, p->body.len);
}

/* half: the subkey's secret half, or NULL. */
static int
cert_put(struct buf *out, const struct primary *p, const char *uid,
    const struct openpgp_packet *sub, const struct openpgp_packet *half)
{
	const struct openpgp_packet *put = half != NULL ? half : sub;
	crypto_hash_sha256_state hash;
	int rc;

	if ((rc = put_primary(out, p, half != NULL)) < 0 ||
	    (rc = openpgp_packet_put(out, PACKET_USER_ID, uid, strlen(uid))) <
		0)
		return rc;
	crypto_hash_sha256_init(&hash);
	hash_key(&hash, p->body.data, p->body.len);
	hash_user_id(&hash, uid);
	if ((rc = put_signature(out, p, SIG_POSITIVE_CERT, &hash)) < 0 ||
	    (rc = openpgp_packet_put(out, put->tag, put->body, put->len)) < 0)
		return rc;
	crypto_hash_sha256_init(&hash);
	hash_key(&hash, p->body.data, p->body.len);
	hash_key(&hash, sub->body, sub->len);
	return put_signature(out, p, SIG_SUBKEY_BINDING, &hash);
}

/* half may be NULL. */
static int
make(const struct openpgp_packet *sub, const struct openpgp_packet *half,
    const char *uid, const uint8_t seed[CERT_SEED_SIZE], struct buf *out,
    struct error *error_r)
{
	struct primary p;
	int rc;

	memset(&p, 0, sizeof(p));
	buf_init(&p.body, 256);
	if ((rc = primary_make(&p, seed, sub->body + 1)) < 0 ||
	    (rc = cert_put(out, &p, uid, sub, half)) < 0)
		error_set(error_r, rc, "can't write a sealing certificate");
	explicit_bzero(p.secret, sizeof(p.secret));
	buf_free(&p.body);
	return rc;
}

int
openpgp_cert_make(const void *key, size_t len, const char *enc_fpr,
    const char *uid, const uint8_t seed[CERT_SEED_SIZE], struct buf *out,
    struct error *error_r)
{
	struct openpgp_packet sub;
	int rc;

	if ((rc = find_subkey(key, len, enc_fpr, &sub)) < 0)
		return error_set(
		    error_r, rc, "subkey %s not found in its key", enc_fpr);
	return make(&sub, NULL, uid, seed, out, error_r);
}

/* The secret packet that begins with the public one's body, and goes on
 * with a zero: no passphrase. */
static int
find_half(const void *secret, size_t len, const struct openpgp_packet *sub,
    struct openpgp_packet *half_r)
{
	struct cursor c;
	int rc;

	cursor_init(&c, secret, len);
	while ((rc = openpgp_packet_next(&c, half_r)) > 0) {
		if (half_r->tag == PACKET_SECRET_SUBKEY &&
		    half_r->len > sub->len &&
		    memcmp(half_r->body, sub->body, sub->len) == 0)
			return half_r->body[sub->len] == 0 ? 0 : AG_EINVAL;
	}
	return AG_EINVAL;
}

int
openpgp_cert_make_secret(const void *key, size_t len, const void *secret,
    size_t secret_len, const char *enc_fpr, const char *uid,
    const uint8_t seed[CERT_SEED_SIZE], struct buf *out, struct error *error_r)
{
	struct openpgp_packet sub, half;
	int rc;

	if ((rc = find_subkey(key, len, enc_fpr, &sub)) < 0)
		return error_set(
		    error_r, rc, "subkey %s not found in its key", enc_fpr);
	if ((rc = find_half(secret, secret_len, &sub, &half)) < 0)
		return error_set(error_r, rc,
		    "the secret key is another one, or has a passphrase");
	return make(&sub, &half, uid, seed, out, error_r);
}
