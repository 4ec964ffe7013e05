/* SPDX-License-Identifier: MIT */
/*
 * openpgp_alone - an encryption subkey without its key (openpgp.h): for a
 * restored node, which has to open what was sealed to its recovery key
 * too, and must not keep the secret that may replace it.
 *
 * SECURITY: the primary key's secret passes through memory here, and is
 * wiped.
 */
#include "mail/openpgp_keys.h"

#include <sodium.h>
#include <string.h>

#include "mail/openpgp_cert.h"
#include "mail/openpgp_packet.h"

#define SECRET_BLOCK "PRIVATE KEY BLOCK"
#define LINE 48 /* bytes, 64 characters of base64 */
#define CRC24_INIT 0xb704ceU
#define CRC24_POLY 0x1864cfbU

/* RFC 4880 6.1 */
static uint32_t
crc24(const uint8_t *p, size_t len)
{
	uint32_t crc = CRC24_INIT;
	int i;

	for (; len > 0; len--) {
		crc ^= (uint32_t)*p++ << 16;
		for (i = 0; i < 8; i++) {
			crc <<= 1;
			if ((crc & 0x1000000) != 0)
				crc ^= CRC24_POLY;
		}
	}
	return crc & 0xffffff;
}

static int
put_base64(struct buf *out, const char *before, const uint8_t *p, size_t len)
{
	char text[sodium_base64_ENCODED_LEN(
	    LINE, sodium_base64_VARIANT_ORIGINAL)];
	int rc;

	sodium_bin2base64(
	    text, sizeof(text), p, len, sodium_base64_VARIANT_ORIGINAL);
	rc = buf_printf(out, "%s%s\n", before, text);
	sodium_memzero(text, sizeof(text));
	return rc;
}

static int
armor(const struct buf *packets, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)packets->data;
	uint32_t crc = crc24(p, packets->len);
	const uint8_t sum[3] = {
	    (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
	size_t at, n;
	int rc;

	rc = buf_puts(out, "-----BEGIN PGP " SECRET_BLOCK "-----\n\n");
	for (at = 0; rc == 0 && at < packets->len; at += n) {
		n = packets->len - at < LINE ? packets->len - at : LINE;
		rc = put_base64(out, "", p + at, n);
	}
	if (rc == 0)
		rc = put_base64(out, "=", sum, sizeof(sum));
	if (rc == 0)
		rc = buf_puts(out, "-----END PGP " SECRET_BLOCK "-----\n");
	return rc;
}

int
openpgp_subkey_alone(const char *public, const char *secret,
    const char *scratch, struct buf *armored_r, struct error *error_r)
{
	struct buf key, packets, made;
	uint8_t seed[CERT_SEED_SIZE];
	struct openpgp_keyinfo info;
	int rc;

	buf_init(&packets, OPENPGP_KEY_MAX);
	buf_init(&made, OPENPGP_KEY_MAX);
	randombytes_buf(seed, sizeof(seed));
	if ((rc = openpgp_key_dearmor(public, &key, error_r)) == 0 &&
	    (rc = openpgp_key_info(public, scratch, &info, error_r)) == 0 &&
	    (rc = openpgp_packet_dearmor(
		 secret, SECRET_BLOCK, &packets, error_r)) == 0)
		rc = openpgp_cert_make_secret(key.data, key.len, packets.data,
		    packets.len, info.enc_fpr, info.uid, seed, &made, error_r);
	if (rc == 0 && (rc = armor(&made, armored_r)) < 0)
		error_set(error_r, rc, "the key is too long");
	sodium_memzero(seed, sizeof(seed));
	buf_wipe(&made);
	buf_wipe(&packets);
	buf_free(&key);
	return rc;
}
