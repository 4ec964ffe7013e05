/* SPDX-License-Identifier: MIT */
/*
 * fuzz_bundle - lib/mail/bundle.c: a head that is accepted says the same
 * when it is written again, is not accepted cut short, and does not depend
 * on what follows it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const struct bundle_head *h, const uint8_t *data, size_t n)
{
	struct bundle_head again;
	struct buf b;

	if (n > BUNDLE_HEAD_MAX ||
	    bundle_head_parse(data, n - 1, &again, NULL) != 0 ||
	    bundle_head_parse(data, n / 2, &again, NULL) != 0 ||
	    bundle_head_parse(data, n, &again, NULL) != (ssize_t)n ||
	    memcmp(h, &again, sizeof(again)) != 0)
		abort();
	buf_init(&b, BUNDLE_HEAD_MAX);
	if (bundle_head_write(h, &b) < 0 || b.len > n ||
	    bundle_head_parse(b.data, b.len, &again, NULL) != (ssize_t)b.len ||
	    memcmp(h, &again, sizeof(again)) != 0)
		abort();
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bundle_head h;
	ssize_t n;

	n = bundle_head_parse(data, len, &h, NULL);
	if (n > 0 && (size_t)n > len)
		abort();
	if (n > 0)
		check(&h, data, (size_t)n);
	return 0;
}
