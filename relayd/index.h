/* SPDX-License-Identifier: MIT */
/*
 * index - what is in held/, in memory: 48 bytes a bundle, found by ID.
 *
 * Made from names alone at start-up. Knows no files: store.h keeps it and
 * the directory in step. Homes and bringers are numbers of peers.h.
 */
#ifndef AGAMID_RELAYD_INDEX_H
#define AGAMID_RELAYD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "mail/ticket.h"

#define INDEX_SHORT 0x01 /* fewer holders than wanted could be drawn */
#define INDEX_OWN 0x02 /* accepted by this node */
#define INDEX_GONE 0x04 /* receipted: its file goes at the next flush */

struct held {
	uint8_t id[BUNDLE_ID_LEN / 2];
	uint64_t size : 41; /* up to BUNDLE_SIZE_MAX; 0: not in use */
	uint64_t flags : 7;
	uint64_t from : 16; /* who brought it; 0: not known */
	uint32_t day;
	uint16_t home;
	uint16_t round; /* of offers to its home; see offer.c */
};

struct index;

struct index *index_new(void); /* NULL when memory is out */
void index_free(struct index **ix);
size_t index_count(const struct index *ix);

/*
 * A new entry, zero but for the ID (64 hex digits); NULL if it is there
 * already or memory is out. Any pointer to an entry is good until the
 * next index_add(); its slot is good until index_del().
 */
struct held *index_add(struct index *ix, const char *id);
struct held *index_find(struct index *ix, const char *id);
void index_del(struct index *ix, struct held *h);

size_t index_slot(const struct index *ix, const struct held *h);
/* The entry at slot *slot or the first behind it; *slot becomes its slot.
 * NULL at the end. To go on, add one. */
struct held *index_from(struct index *ix, size_t *slot);

/* The ID as text. */
void held_id(const struct held *h, char id_r[BUNDLE_ID_LEN + 1]);

#endif
