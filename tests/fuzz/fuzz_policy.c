/* SPDX-License-Identifier: MIT */
/*
 * fuzz_policy - milter/policy.c: any bytes are a request, an error, or too
 * few; a request's strings end and are clean; the same bytes in a shorter
 * piece never give another request.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_text(const char *s, size_t size)
{
	if (memchr(s, '\0', size) == NULL)
		abort();
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

#define CHECK(member) check_text(r->member, sizeof(r->member))

static void
check_request(const struct policy_request *r)
{
	CHECK(request);
	CHECK(state);
	CHECK(protocol);
	CHECK(client_address);
	CHECK(client_port);
	CHECK(client_name);
	CHECK(reverse_client_name);
	CHECK(recipient);
	CHECK(queue_id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy_request r, again;
	struct error error;
	ssize_t n;

	while ((n = policy_parse(data, len, &r, &error)) > 0) {
		if ((size_t)n > len || data[n - 1] != '\n')
			abort();
		check_request(&r);
		if (policy_parse(data, n - 1, &again, &error) != 0 ||
		    policy_parse(data, n, &again, &error) != n ||
		    memcmp(&r, &again, sizeof(r)) != 0)
			abort();
		data += n;
		len -= n;
	}
	if (n == 0 && len >= POLICY_REQUEST_MAX)
		abort();
	return 0;
}
