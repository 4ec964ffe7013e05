/* SPDX-License-Identifier: MIT */
/*
 * fuzz_lmtp - milter/lmtp.c: the bytes are what a client sends: commands
 * (XFORWARD's attributes too), and after DATA a message. Nothing is taken
 * beyond the input, a message has no stuffed dots left, and cutting it in
 * two changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/lmtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
read_message(
    const char *in, size_t len, size_t cut, char *out, size_t *n_r, bool *end_r)
{
	struct lmtp_data d = {0};
	size_t taken, n;

	taken = lmtp_data(&d, in, cut, out, n_r, end_r);
	if (taken > cut || *n_r > cut + 1)
		abort();
	if (*end_r)
		return taken;
	if (taken != cut)
		abort();
	taken += lmtp_data(&d, in + cut, len - cut, out + *n_r, &n, end_r);
	*n_r += n;
	return taken;
}

static size_t
take_message(const char *in, size_t len)
{
	char *a = malloc(len + 2), *b = malloc(len + 2);
	size_t taken, a_len, b_len;
	bool end, b_end;

	if (a == NULL || b == NULL)
		abort();
	taken = read_message(in, len, len, a, &a_len, &end);
	if (taken > len || a_len > taken || (!end && taken != len) ||
	    (end && memcmp(in + taken - 3, ".\r\n", 3) != 0))
		abort();
	if (read_message(in, len, len / 2, b, &b_len, &b_end) != taken ||
	    b_end != end || b_len != a_len || memcmp(a, b, a_len) != 0)
		abort();
	free(a);
	free(b);
	return taken;
}

static void
check_client(const struct lmtp_xforward *x)
{
	const char *values[] = {x->client.name, x->client.address,
	    x->client.port, x->client.helo, x->client.protocol, x->ident};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strpbrk(values[i], "\r\n") != NULL)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lmtp_xforward x = {.local = false};
	const char *p = (const char *)data;
	struct lmtp_command c;
	size_t len = size, skip;
	ssize_t n;

	for (; len > 0; p += skip, len -= skip) {
		n = lmtp_parse_command(p, len, &c, &skip);
		if (n == 0 || skip == 0)
			break;
		if (skip > len || p[skip - 1] != '\n' ||
		    strpbrk(c.arg, "\r\n") != NULL)
			abort();
		if (n > 0 && c.verb == LMTP_XFORWARD &&
		    lmtp_parse_xforward(c.arg, &x) == 0)
			check_client(&x);
		if (n > 0 && c.verb == LMTP_DATA)
			skip += take_message(p + skip, len - skip);
	}
	return 0;
}
