/* SPDX-License-Identifier: MIT */
/*
 * bsmtp_echo - parses a batch and keeps what came, for unit test and
 * fuzzer: a batch that is accepted must be what the writer makes of it.
 */
#ifndef AGAMID_TEST_BSMTP_ECHO_H
#define AGAMID_TEST_BSMTP_ECHO_H

#include <stddef.h>
#include <stdint.h>

#include "mail/bsmtp.h"
#include "util/buf.h"

struct bsmtp_echo {
	struct buf head; /* written again from the envelope */
	struct buf body;
	unsigned envelopes, dones;
	int head_rc; /* of bsmtp_write_head() */
	/* Which callback is to fail, and how: 'e', 'b', 'd' or 0. */
	char fail_at;
	int fail_rc;
};

void bsmtp_echo_init(struct bsmtp_echo *echo);
void bsmtp_echo_free(struct bsmtp_echo *echo);

/* Parses all of data in pieces of 1 to max_piece bytes, drawn by seed; 0:
 * in one piece. Returns bsmtp_parse()'s or bsmtp_parse_end()'s result. */
int bsmtp_echo_parse(struct bsmtp_echo *echo, const void *data, size_t len,
    size_t max_piece, uint64_t seed, struct error *error_r);

/* The batch that the writer makes of what came. */
int bsmtp_echo_write(const struct bsmtp_echo *echo, struct buf *out);

/* The next pseudo-random number (splitmix64). */
uint64_t bsmtp_echo_random(uint64_t *seed);

#endif
