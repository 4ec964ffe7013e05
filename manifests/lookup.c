/* SPDX-License-Identifier: MIT */
/*
 * lookup - a table from text to pointer. See lookup.h.
 *
 * Open addressing with linear steps, never more than half full.
 *
 * SECURITY: the keys are strangers' choice; a keyed hash with a secret of
 * the table's own keeps them from making it slow.
 */
#include "manifests/lookup.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"

#define LOOKUP_FIRST 64 /* a power of 2, as every later size */

struct slot {
	const char *key;
	const void *value; /* NULL: free */
};

struct lookup {
	struct slot *slots;
	size_t size, used;
	uint8_t secret[crypto_shorthash_KEYBYTES];
};

struct lookup *
lookup_new(void)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->size = LOOKUP_FIRST;
	l->slots = calloc(l->size, sizeof(*l->slots));
	if (l->slots == NULL)
		lookup_free(&l);
	else
		randombytes_buf(l->secret, sizeof(l->secret));
	return l;
}

void
lookup_free(struct lookup **l)
{
	if (*l == NULL)
		return;
	free((*l)->slots);
	free(*l);
	*l = NULL;
}

/* Where the key is, or the free slot where it would be. */
static struct slot *
lookup_slot(const struct lookup *l, const char *key)
{
	uint64_t hash;
	size_t i;

	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key,
	    strlen(key), l->secret);
	i = (size_t)hash & (l->size - 1);
	while (l->slots[i].value != NULL && strcmp(l->slots[i].key, key) != 0)
		i = (i + 1) & (l->size - 1);
	return &l->slots[i];
}

static int
lookup_grow(struct lookup *l)
{
	struct slot *old = l->slots;
	size_t i, old_size = l->size;

	l->slots = calloc(2 * old_size, sizeof(*l->slots));
	if (l->slots == NULL) {
		l->slots = old;
		return AG_ENOMEM;
	}
	l->size = 2 * old_size;
	for (i = 0; i < old_size; i++) {
		if (old[i].value != NULL)
			*lookup_slot(l, old[i].key) = old[i];
	}
	free(old);
	return 0;
}

int
lookup_add(
    struct lookup *l, const char *key, const void *value, const void **there_r)
{
	struct slot *s;

	if (2 * (l->used + 1) > l->size && lookup_grow(l) != 0)
		return AG_ENOMEM;
	s = lookup_slot(l, key);
	if (s->value != NULL) {
		if (there_r != NULL)
			*there_r = s->value;
		return AG_EEXIST;
	}
	s->key = key;
	s->value = value;
	l->used++;
	return 0;
}

const void *
lookup_get(const struct lookup *l, const char *key)
{
	return lookup_slot(l, key)->value;
}
