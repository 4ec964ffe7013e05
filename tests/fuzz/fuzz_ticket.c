/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ticket - lib/mail/ticket.c: a text that is accepted is what the
 * writer makes of it, byte for byte, its fields are within their bounds,
 * and it does not verify with a key of zeros.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/ticket.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct verify_key key;
	struct ticket t;
	struct buf b;

	if (keys_init() < 0)
		abort();
	buf_init(&b, TICKET_MAX);
	if (ticket_parse(data, len, &t) == 0) {
		if (ticket_write(&t, &b) < 0 || b.len != len ||
		    memcmp(b.data, data, len) != 0)
			abort();
		if (!text_is_domain(t.network) ||
		    !text_is_node_name(t.acceptor) ||
		    !text_is_node_name(t.home) || t.size == 0 ||
		    t.size > BUNDLE_SIZE_MAX || t.copies == 0 ||
		    t.copies > TICKET_COPIES_MAX || t.time < 0)
			abort();
		if (ticket_verify(&t, &key) == 0)
			abort();
	}
	buf_free(&b);
	return 0;
}
