/* SPDX-License-Identifier: MIT */
/*
 * ticket - what the acceptor signs about a bundle (doc/spec/bundle.md).
 *
 * Text, exactly these lines in this order, each ending in "\n":
 *
 *	agamid-ticket 1
 *	network friends.example
 *	acceptor carol
 *	home bob
 *	nonce <32 hex digits>
 *	sha256 <64 hex digits of the ciphertext>
 *	size <its bytes>
 *	time <seconds since 1970, UTC>
 *	copies <1-8>
 *	key <16 hex digits: keys_name() of the signing key>
 *	signature <base64 of 64 bytes>
 *
 * The signature is Ed25519 (RFC 8032) over all lines before it. The
 * parser accepts only what the writer makes, byte for byte. size is 1 to
 * BUNDLE_SIZE_MAX, time 0 to the year 9999.
 */
#ifndef AGAMID_TICKET_H
#define AGAMID_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/keys.h"

#define TICKET_MAX 1000 /* bytes of text */
#define BUNDLE_ID_LEN 64 /* hex digits */
#define NONCE_LEN 32 /* hex digits */
#define NETWORK_NAME_MAX 253
#define NODE_NAME_MAX 32
#define TICKET_COPIES_MAX 8
#define BUNDLE_SIZE_MAX (UINT64_C(1) << 40) /* bytes; sums never overflow */

struct ticket {
	char network[NETWORK_NAME_MAX + 1];
	char acceptor[NODE_NAME_MAX + 1];
	char home[NODE_NAME_MAX + 1];
	char nonce[NONCE_LEN + 1];
	char id[BUNDLE_ID_LEN + 1]; /* SHA-256 of the ciphertext */
	uint64_t size;
	int64_t time;
	unsigned copies;
	char key[KEYS_NAME_SIZE];
	uint8_t signature[KEYS_SIGNATURE_SIZE];
};

/* Fill key and signature. 0; AG_EINVAL if a field is not as above. */
int ticket_sign(struct ticket *t, const struct sign_key *key);
/* 0 or AG_ESIG. The caller finds the acceptor's key by t->key. */
int ticket_verify(const struct ticket *t, const struct verify_key *key);
/* The very same, field for field and in its signature? */
bool ticket_is_same(const struct ticket *a, const struct ticket *b);
/* Append the text to out (nothing on an error). 0, AG_EINVAL, AG_ETOOBIG,
 * AG_ENOMEM. */
int ticket_write(const struct ticket *t, struct buf *out);
/* 0 or AG_EINVAL; the whole of data must be the ticket. */
int ticket_parse(const void *data, size_t len, struct ticket *t_r);

#endif
