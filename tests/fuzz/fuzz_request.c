/* SPDX-License-Identifier: MIT */
/*
 * fuzz_request - deliver/request.c: any bytes are a request or an error; a
 * request's words end, each ID is one, and each name may be one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "deliver/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_id(const char *id)
{
	if (strnlen(id, BUNDLE_ID_LEN + 1) != BUNDLE_ID_LEN ||
	    strspn(id, "0123456789abcdef") != BUNDLE_ID_LEN)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct request r;
	bool named;
	size_t i;

	if (request_parse((const char *)data, len, &r) < 0)
		return 0;
	if (len == 0 || data[len - 1] != '\n' || r.count > RECEIPT_IDS_MAX)
		abort();
	named = r.kind == REQUEST_CONFIRM || r.kind == REQUEST_AWAY;
	if (named && (r.count != 1 || !text_is_node_name(r.ids[0])))
		abort();
	for (i = 0; i < r.count && !named; i++)
		check_id(r.ids[i]);
	if (r.kind == REQUEST_MARK &&
	    memchr(r.mailbox, '\0', sizeof(r.mailbox)) == NULL)
		abort();
	return 0;
}
