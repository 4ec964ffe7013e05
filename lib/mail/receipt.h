/* SPDX-License-Identifier: MIT */
/*
 * receipt - the home's signed statement that it has bundles.
 *
 *	agamid-receipt 1
 *	network friends.example
 *	home bob
 *	time <seconds since 1970, UTC>
 *	key <16 hex digits>
 *	id <64 hex digits>	(1 to RECEIPT_IDS_MAX lines, ascending, no
 *				 two alike)
 *	signature <base64 of 64 bytes>
 *
 * The signature is Ed25519 over all lines before it; the parser accepts
 * only what the writer makes.
 */
#ifndef AGAMID_RECEIPT_H
#define AGAMID_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/keys.h"
#include "mail/ticket.h"

#define RECEIPT_IDS_MAX 256
#define RECEIPT_MAX 20480 /* bytes of text */

struct receipt {
	char network[NETWORK_NAME_MAX + 1];
	char home[NODE_NAME_MAX + 1];
	int64_t time;
	char key[KEYS_NAME_SIZE];
	unsigned count;
	char ids[RECEIPT_IDS_MAX][BUNDLE_ID_LEN + 1];
	uint8_t signature[KEYS_SIGNATURE_SIZE];
};

/* Sorts ids, drops equals, fills key and signature. 0; AG_EINVAL if a
 * field is not as above. */
int receipt_sign(struct receipt *r, const struct sign_key *key);
/* 0 or AG_ESIG. The caller finds the home's key by r->key. */
int receipt_verify(const struct receipt *r, const struct verify_key *key);
/* Append the text to out (nothing on an error). 0, AG_EINVAL, AG_ETOOBIG,
 * AG_ENOMEM. */
int receipt_write(const struct receipt *r, struct buf *out);
/* 0 or AG_EINVAL; the whole of data must be the receipt. */
int receipt_parse(const void *data, size_t len, struct receipt *r_r);

#endif
