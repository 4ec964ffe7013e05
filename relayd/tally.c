/* SPDX-License-Identifier: MIT */
/*
 * tally - digests and marks of what is held. See tally.h.
 */
#include "relayd/tally.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define DIGEST_AT 8 /* in the ID */

static uint64_t
get_u64(const uint8_t *p)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		n = n << 8 | p[i];
	return n;
}

void
tally_add(struct tally *t, const uint8_t id[TALLY_ID], uint64_t size)
{
	t->count++;
	t->bytes += size;
	t->digests[id[0]] ^= get_u64(id + DIGEST_AT);
}

void
tally_write(const struct tally *t, uint8_t out[TALLY_SIZE])
{
	unsigned i, k;

	for (i = 0; i < TALLY_BUCKETS; i++) {
		for (k = 0; k < 8; k++)
			*out++ = (uint8_t)(t->digests[i] >> (56 - 8 * k));
	}
}

void
tally_read(const uint8_t in[TALLY_SIZE], struct tally *t_r)
{
	unsigned i;

	for (i = 0; i < TALLY_BUCKETS; i++)
		t_r->digests[i] = get_u64(in + (size_t)8 * i);
}

void
tally_mark(const uint8_t nonce[TALLY_NONCE], const uint8_t id[TALLY_ID],
    uint8_t out[TALLY_MARK])
{
	uint8_t in[TALLY_NONCE + TALLY_ID], hash[crypto_hash_sha256_BYTES];

	memcpy(in, nonce, TALLY_NONCE);
	memcpy(in + TALLY_NONCE, id, TALLY_ID);
	crypto_hash_sha256(hash, in, sizeof(in));
	memcpy(out, hash, TALLY_MARK);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, TALLY_MARK);
}

void
tally_sort(uint8_t *marks, size_t count)
{
	qsort(marks, count, TALLY_MARK, compare);
}

bool
tally_has(const uint8_t *marks, size_t count, const uint8_t mark[TALLY_MARK])
{
	return count > 0 &&
	    bsearch(mark, marks, count, TALLY_MARK, compare) != NULL;
}
