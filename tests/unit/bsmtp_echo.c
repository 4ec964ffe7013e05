/* SPDX-License-Identifier: MIT */
/*
 * bsmtp_echo - parses a batch and keeps what came.
 */
#include "bsmtp_echo.h"

#include <string.h>

#define ECHO_MAX (8U << 20)

uint64_t
bsmtp_echo_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void
bsmtp_echo_init(struct bsmtp_echo *echo)
{
	memset(echo, 0, sizeof(*echo));
	buf_init(&echo->head, ECHO_MAX);
	buf_init(&echo->body, ECHO_MAX);
}

void
bsmtp_echo_free(struct bsmtp_echo *echo)
{
	buf_free(&echo->head);
	buf_free(&echo->body);
}

static int
on_envelope(void *ctx, const char *ehlo, const struct bsmtp_envelope *e)
{
	struct bsmtp_echo *echo = ctx;

	echo->envelopes++;
	echo->head_rc = bsmtp_write_head(e, ehlo, &echo->head);
	return echo->fail_at == 'e' ? echo->fail_rc : 0;
}

static int
on_body(void *ctx, const void *data, size_t len)
{
	struct bsmtp_echo *echo = ctx;

	/* Nothing before the envelope, nothing after the end. */
	if (len == 0 || echo->envelopes != 1 || echo->dones != 0)
		return AG_EPERM;
	if (echo->fail_at == 'b')
		return echo->fail_rc;
	return buf_put(&echo->body, data, len);
}

static int
on_done(void *ctx)
{
	struct bsmtp_echo *echo = ctx;

	echo->dones++;
	return echo->fail_at == 'd' ? echo->fail_rc : 0;
}

int
bsmtp_echo_parse(struct bsmtp_echo *echo, const void *data, size_t len,
    size_t max_piece, uint64_t seed, struct error *error_r)
{
	const struct bsmtp_handler handler = {
	    on_envelope, on_body, on_done, echo};
	struct bsmtp_parser *p = bsmtp_parser_new(&handler);
	const char *at = data;
	size_t n;
	int rc = 0;

	if (p == NULL)
		return AG_ENOMEM;
	for (; rc == 0 && len > 0; at += n, len -= n) {
		n = max_piece == 0 ? len
				   : 1 + bsmtp_echo_random(&seed) % max_piece;
		if (n > len)
			n = len;
		rc = bsmtp_parse(p, at, n, error_r);
	}
	if (rc == 0)
		rc = bsmtp_parse_end(p, error_r);
	bsmtp_parser_free(&p);
	return rc;
}

int
bsmtp_echo_write(const struct bsmtp_echo *echo, struct buf *out)
{
	struct bsmtp_stuff s = {false, false};
	int rc;

	rc = buf_put(out, echo->head.data, echo->head.len);
	if (rc == 0)
		rc = bsmtp_write_data(&s, echo->body.data, echo->body.len, out);
	if (rc == 0)
		rc = bsmtp_write_tail(&s, out);
	return rc;
}
