/* SPDX-License-Identifier: MIT */
/*
 * tally - what a node holds for one home, in few bytes: so that two nodes
 * find out what both hold without naming it (doc/spec/relay.md, chapter
 * 15). Pure.
 *
 * IDs are sorted into buckets by their first byte. A bucket's digest is
 * the exclusive or of bytes 8 to 15 of its IDs: two nodes with the same
 * digest hold the same, but for what somebody made on purpose. Where
 * digests differ marks are sent: a hash of each ID under a nonce of who
 * asks, which says something only to who has the ID itself.
 */
#ifndef AGAMID_RELAYD_TALLY_H
#define AGAMID_RELAYD_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/ticket.h"

#define TALLY_BUCKETS 256
#define TALLY_SIZE (TALLY_BUCKETS * 8) /* bytes on the wire */
#define TALLY_NONCE 16 /* bytes */
#define TALLY_MARK 8 /* bytes */
#define TALLY_MARKS_MAX 8192 /* of one bucket; others are not told */
#define TALLY_MARKS_SIZE (TALLY_MARKS_MAX * TALLY_MARK)
#define TALLY_ID (BUNDLE_ID_LEN / 2) /* bytes */

struct tally {
	uint64_t count, bytes; /* bundles, and their sizes in all */
	uint64_t digests[TALLY_BUCKETS];
};

void tally_add(struct tally *t, const uint8_t id[TALLY_ID], uint64_t size);

/* The digests as they go over the wire, 8 bytes each, the highest first. */
void tally_write(const struct tally *t, uint8_t out[TALLY_SIZE]);
void tally_read(const uint8_t in[TALLY_SIZE], struct tally *t_r);

/* The mark of an ID under this nonce. */
void tally_mark(const uint8_t nonce[TALLY_NONCE], const uint8_t id[TALLY_ID],
    uint8_t out[TALLY_MARK]);
/* Sort marks, so that tally_has() finds them. */
void tally_sort(uint8_t *marks, size_t count);
bool tally_has(
    const uint8_t *marks, size_t count, const uint8_t mark[TALLY_MARK]);

#endif
