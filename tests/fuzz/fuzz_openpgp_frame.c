/* SPDX-License-Identifier: MIT */
/*
 * fuzz_openpgp_frame - lib/mail/openpgp_frame.c: the bytes are a message
 * that a peer sent. Cutting it in two changes nothing; what was refused
 * stays refused; what is whole ends where its last length says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
feed(struct openpgp_frame *f, const uint8_t *data, size_t len, size_t cut)
{
	openpgp_frame_init(f);
	if (openpgp_frame_feed(f, data, cut) == 0)
		openpgp_frame_feed(f, data + cut, len - cut);
	return openpgp_frame_finish(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct openpgp_frame whole, cut;
	int rc = feed(&whole, data, len, len);

	if (whole.recipients > FRAME_RECIPIENTS_MAX)
		abort();
	if (feed(&cut, data, len, len / 3) != rc ||
	    cut.recipients != whole.recipients || cut.why != whole.why)
		abort();
	if (rc < 0) {
		if (whole.why == NULL ||
		    openpgp_frame_feed(&whole, "\0", 1) == 0 ||
		    openpgp_frame_finish(&whole) == 0)
			abort();
	} else if (whole.recipients == 0 ||
	    feed(&cut, data, len - 1, len / 2) == 0 ||
	    openpgp_frame_feed(&whole, "\0", 1) == 0)
		abort();
	return 0;
}
