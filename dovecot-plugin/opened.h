/* SPDX-License-Identifier: MIT */
/*
 * opened - mails that were opened in this session, in memory only: each in
 * a memfd of its own, which behaves like the files that Dovecot's streams
 * were written for. The last ones are kept for the next command; the very
 * last one always, whatever its size, for it may be read in parts. That
 * one could not be opened is remembered as well.
 *
 * SECURITY: a memfd is sealed against change once it is full, and locked
 * against swapping as far as RLIMIT_MEMLOCK goes.
 *
 * Knows nothing of Dovecot.
 */
#ifndef AGAMID_PLUGIN_OPENED_H
#define AGAMID_PLUGIN_OPENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct opened_key {
	const char *box; /* copied */
	uint32_t uidvalidity, uid;
};

struct opened {
	struct opened *prev, *next;
	char *box;
	uint32_t uidvalidity, uid;
	int fd; /* -1: it could not be opened */
	size_t size;
	void *locked; /* mapped for the lock only, or NULL */
	/* What the plugin has made of it and leaves here for the next
	 * command, or NULL; freed with it. */
	void *parked;
	void (*parked_free)(void *parked);
	unsigned refs;
};

struct opened_cache {
	struct opened *first, *last; /* the newest first */
	size_t bytes, bytes_max;
	unsigned count, count_max;
};

/* An empty memfd; -1 with errno. */
int opened_memfd(void);

/* With a reference for the caller, or NULL. */
struct opened *opened_find(
    struct opened_cache *c, const struct opened_key *key);
/* Takes fd (which may be -1), also when memory is out and it returns NULL.
 * A mail with UID 0 is not kept. */
struct opened *opened_add(
    struct opened_cache *c, const struct opened_key *key, int fd, size_t size);
void opened_unref(struct opened **o);
void opened_clear(struct opened_cache *c);

#endif
