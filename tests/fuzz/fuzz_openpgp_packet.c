/* SPDX-License-Identifier: MIT */
/*
 * fuzz_openpgp_packet - lib/mail/openpgp_packet.c and openpgp_cert.c: the
 * bytes are a key in a manifest, armored or not. Packets follow each other
 * without a gap, to the end; a certificate that is made of one is itself
 * packets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp_cert.h"
#include "mail/openpgp_packet.h"
#include "util/text.h"

#define KEY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The fingerprint of the last subkey; "" if there is none. */
static int
walk(const void *data, size_t len, char fpr[2 * PACKET_SHA1_SIZE + 1])
{
	uint8_t sha1[PACKET_SHA1_SIZE];
	struct openpgp_packet p;
	const char *end = data;
	struct cursor c;
	int rc;

	fpr[0] = '\0';
	cursor_init(&c, data, len);
	while ((rc = openpgp_packet_next(&c, &p)) > 0) {
		if ((const char *)p.body < end ||
		    (const char *)p.body + p.len != c.p)
			abort();
		end = c.p;
		if (p.tag == PACKET_PUBLIC_SUBKEY) {
			openpgp_packet_fingerprint(p.body, p.len, sha1);
			text_hex(sha1, sizeof(sha1), fpr);
		}
	}
	if (rc == 0 && c.left != 0)
		abort();
	return rc;
}

static void
certify(const void *data, size_t len, const char *fpr)
{
	static const uint8_t seed[CERT_SEED_SIZE] = {1};
	char again[2 * PACKET_SHA1_SIZE + 1];
	struct buf cert;

	buf_init(&cert, KEY_MAX);
	if (openpgp_cert_make(data, len, fpr, "fuzz", seed, &cert, NULL) == 0 &&
	    (walk(cert.data, cert.len, again) != 0 || strcmp(fpr, again) != 0))
		abort();
	buf_free(&cert);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char fpr[2 * PACKET_SHA1_SIZE + 1], *text;
	struct buf key;

	walk(data, len, fpr);
	if (len > KEY_MAX || (text = malloc(len + 1)) == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	buf_init(&key, KEY_MAX);
	if (openpgp_packet_dearmor(text, "PUBLIC KEY BLOCK", &key, NULL) == 0 &&
	    walk(key.data, key.len, fpr) == 0 && fpr[0] != '\0')
		certify(key.data, key.len, fpr);
	buf_free(&key);
	free(text);
	return 0;
}
