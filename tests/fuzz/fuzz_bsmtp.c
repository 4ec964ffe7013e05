/* SPDX-License-Identifier: MIT */
/*
 * fuzz_bsmtp - lib/mail/bsmtp_parse.c: how the bytes are cut into pieces
 * changes nothing; a batch that is accepted is what the writer makes of
 * it, byte for byte, but for the zeros behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bsmtp.h"
#include "tests/unit/bsmtp_echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_written(const struct bsmtp_echo *echo, const uint8_t *data, size_t len)
{
	struct buf b;

	if (echo->envelopes != 1 || echo->dones != 1)
		abort();
	while (len > 0 && data[len - 1] == '\0')
		len--;
	buf_init(&b, 8U << 20);
	if (bsmtp_echo_write(echo, &b) < 0 || b.len != len ||
	    memcmp(b.data, data, len) != 0)
		abort();
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bsmtp_echo whole, cut;
	size_t piece;
	int rc;

	bsmtp_echo_init(&whole);
	rc = bsmtp_echo_parse(&whole, data, len, 0, 0, NULL);
	for (piece = 1; piece <= 25; piece += 8) {
		bsmtp_echo_init(&cut);
		if (bsmtp_echo_parse(&cut, data, len, piece, len, NULL) != rc ||
		    cut.envelopes != whole.envelopes ||
		    cut.dones != whole.dones ||
		    strcmp(buf_str(&cut.head), buf_str(&whole.head)) != 0 ||
		    cut.body.len != whole.body.len ||
		    memcmp(buf_str(&cut.body), buf_str(&whole.body),
			whole.body.len) != 0)
			abort();
		bsmtp_echo_free(&cut);
	}
	if (whole.head_rc < 0)
		abort();
	if (rc == 0)
		check_written(&whole, data, len);
	bsmtp_echo_free(&whole);
	return 0;
}
