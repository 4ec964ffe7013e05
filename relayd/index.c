/* SPDX-License-Identifier: MIT */
/*
 * index - held bundles in memory. See index.h.
 *
 * Entries lie in one array; a free one is all zeros but for the number of
 * the next free one. Over it lies an open-addressed table of slots, whose
 * hash is keyed, so that nobody can choose IDs that collide in it.
 */
#include "relayd/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "util/text.h"

static_assert(sizeof(struct held) == 48, "an entry has 48 bytes");

#define NONE UINT32_MAX
#define SLOTS_FIRST 64

struct index {
	struct held *held;
	size_t slots; /* used or once used */
	size_t room; /* allocated */
	uint32_t free; /* the first free slot */
	size_t count;
	uint32_t *table; /* slot + 1; 0: empty */
	size_t mask; /* its size - 1 */
	uint8_t key[crypto_shorthash_KEYBYTES];
};

struct index *
index_new(void)
{
	struct index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL)
		return NULL;
	ix->free = NONE;
	ix->mask = SLOTS_FIRST * 2 - 1;
	ix->table = calloc(ix->mask + 1, sizeof(*ix->table));
	if (ix->table == NULL) {
		free(ix);
		return NULL;
	}
	randombytes_buf(ix->key, sizeof(ix->key));
	return ix;
}

void
index_free(struct index **ixp)
{
	struct index *ix = *ixp;

	if (ix == NULL)
		return;
	free(ix->held);
	free(ix->table);
	free(ix);
	*ixp = NULL;
}

size_t
index_count(const struct index *ix)
{
	return ix->count;
}

size_t
index_slot(const struct index *ix, const struct held *h)
{
	return (size_t)(h - ix->held);
}

static size_t
hash(const struct index *ix, const uint8_t *id)
{
	uint64_t h;
	uint8_t out[crypto_shorthash_BYTES];

	crypto_shorthash(out, id, BUNDLE_ID_LEN / 2, ix->key);
	memcpy(&h, out, sizeof(h));
	return (size_t)h & ix->mask;
}

/* Where in the table this ID is, or would go. */
static size_t
place_of(const struct index *ix, const uint8_t *id)
{
	size_t at = hash(ix, id);

	while (ix->table[at] != 0 &&
	    memcmp(ix->held[ix->table[at] - 1].id, id, BUNDLE_ID_LEN / 2) != 0)
		at = (at + 1) & ix->mask;
	return at;
}

static int
grow_table(struct index *ix)
{
	uint32_t *old = ix->table;
	size_t i, old_size = ix->mask + 1;

	ix->table = calloc(old_size * 2, sizeof(*ix->table));
	if (ix->table == NULL) {
		ix->table = old;
		return AG_ENOMEM;
	}
	ix->mask = old_size * 2 - 1;
	for (i = 0; i < old_size; i++) {
		if (old[i] != 0)
			ix->table[place_of(ix, ix->held[old[i] - 1].id)] =
			    old[i];
	}
	free(old);
	return 0;
}

static int
grow_held(struct index *ix)
{
	size_t room = ix->room == 0 ? SLOTS_FIRST : ix->room + ix->room / 4;
	struct held *held;

	if (room >= NONE)
		return AG_ETOOBIG;
	held = reallocarray(ix->held, room, sizeof(*held));
	if (held == NULL)
		return AG_ENOMEM;
	ix->held = held;
	ix->room = room;
	return 0;
}

/* A free entry's memory holds the number of the next free slot. */
static uint32_t
take_slot(struct index *ix)
{
	uint32_t slot = ix->free;

	if (slot == NONE)
		return (uint32_t)ix->slots++;
	memcpy(&ix->free, ix->held[slot].id, sizeof(ix->free));
	return slot;
}

struct held *
index_add(struct index *ix, const char *id)
{
	uint8_t bin[BUNDLE_ID_LEN / 2];
	struct held *h;
	uint32_t slot;
	size_t at;

	if (text_unhex(id, bin, sizeof(bin)) < 0)
		return NULL;
	if (ix->free == NONE && ix->slots == ix->room && grow_held(ix) < 0)
		return NULL;
	/* At most two thirds full. */
	if ((ix->count + 1) * 3 > (ix->mask + 1) * 2 && grow_table(ix) < 0)
		return NULL;
	at = place_of(ix, bin);
	if (ix->table[at] != 0)
		return NULL;
	slot = take_slot(ix);
	h = &ix->held[slot];
	memset(h, 0, sizeof(*h));
	memcpy(h->id, bin, sizeof(bin));
	h->size = 1; /* in use; the caller sets it */
	ix->table[at] = slot + 1;
	ix->count++;
	return h;
}

struct held *
index_find(struct index *ix, const char *id)
{
	uint8_t bin[BUNDLE_ID_LEN / 2];
	size_t at;

	if (text_unhex(id, bin, sizeof(bin)) < 0)
		return NULL;
	at = place_of(ix, bin);
	return ix->table[at] == 0 ? NULL : &ix->held[ix->table[at] - 1];
}

/* Close the gap at `at`: move up what was pushed behind it. */
static void
table_del(struct index *ix, size_t at)
{
	size_t next = at, want;

	for (;;) {
		ix->table[at] = 0;
		do {
			next = (next + 1) & ix->mask;
			if (ix->table[next] == 0)
				return;
			want = hash(ix, ix->held[ix->table[next] - 1].id);
		} while (((next - want) & ix->mask) < ((next - at) & ix->mask));
		ix->table[at] = ix->table[next];
		at = next;
	}
}

void
index_del(struct index *ix, struct held *h)
{
	uint32_t slot = (uint32_t)index_slot(ix, h);

	table_del(ix, place_of(ix, h->id));
	memset(h, 0, sizeof(*h)); /* size 0: free */
	memcpy(h->id, &ix->free, sizeof(ix->free));
	ix->free = slot;
	ix->count--;
}

struct held *
index_from(struct index *ix, size_t *slot)
{
	for (; *slot < ix->slots; (*slot)++) {
		if (ix->held[*slot].size != 0)
			return &ix->held[*slot];
	}
	return NULL;
}

void
held_id(const struct held *h, char id_r[BUNDLE_ID_LEN + 1])
{
	text_hex(h->id, sizeof(h->id), id_r);
}
