/* SPDX-License-Identifier: MIT */
/*
 * fuzz_receipt - lib/mail/receipt.c: a text that is accepted is what the
 * writer makes of it, byte for byte; it covers each ID it lists, and
 * does not verify with a key of zeros.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct receipt *r, const uint8_t *data, size_t len)
{
	static const struct verify_key key;
	struct buf b;

	buf_init(&b, RECEIPT_MAX);
	if (receipt_write(r, &b) < 0 || b.len != len ||
	    memcmp(b.data, data, len) != 0)
		abort();
	buf_free(&b);
	if (r->count == 0 || r->count > RECEIPT_IDS_MAX)
		abort();
	if (receipt_verify(r, &key) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct receipt r;

	if (keys_init() < 0)
		abort();
	if (receipt_parse(data, len, &r) == 0)
		check(&r, data, len);
	return 0;
}
