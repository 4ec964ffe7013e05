/* SPDX-License-Identifier: MIT */
/*
 * opened - the session's opened mails. See opened.h.
 */
#include "dovecot-plugin/opened.h"

#include <sys/mman.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_MAX (4U << 20) /* of one mail; the limit is often 8 MB in all */

int
opened_memfd(void)
{
	return memfd_create("agamid", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* Nobody changes it any more; not swapped where that is granted. */
static void
protect(struct opened *o)
{
	(void)fcntl(o->fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	if (o->size == 0 || o->size > LOCK_MAX)
		return;
	o->locked = mmap(NULL, o->size, PROT_READ, MAP_PRIVATE, o->fd, 0);
	if (o->locked == MAP_FAILED) {
		o->locked = NULL;
	} else if (mlock(o->locked, o->size) < 0) {
		munmap(o->locked, o->size);
		o->locked = NULL;
	}
}

void
opened_unref(struct opened **op)
{
	struct opened *o = *op;

	*op = NULL;
	if (o == NULL || --o->refs > 0)
		return;
	if (o->parked != NULL)
		o->parked_free(o->parked);
	if (o->locked != NULL)
		munmap(o->locked, o->size);
	if (o->fd >= 0)
		close(o->fd);
	free(o->box);
	free(o);
}

static void
take_out(struct opened_cache *c, struct opened *o)
{
	*(o->prev != NULL ? &o->prev->next : &c->first) = o->next;
	*(o->next != NULL ? &o->next->prev : &c->last) = o->prev;
	o->prev = o->next = NULL;
	c->bytes -= o->size;
	c->count--;
}

static void
put_first(struct opened_cache *c, struct opened *o)
{
	o->next = c->first;
	*(c->first != NULL ? &c->first->prev : &c->last) = o;
	c->first = o;
	c->bytes += o->size;
	c->count++;
}

static void
drop_last(struct opened_cache *c)
{
	struct opened *o = c->last;

	take_out(c, o);
	opened_unref(&o);
}

static bool
is_it(const struct opened *o, const struct opened_key *key)
{
	return o->uid == key->uid && o->uidvalidity == key->uidvalidity &&
	    strcmp(o->box, key->box) == 0;
}

struct opened *
opened_find(struct opened_cache *c, const struct opened_key *key)
{
	struct opened *o;

	for (o = c->first; o != NULL; o = o->next) {
		if (!is_it(o, key))
			continue;
		take_out(c, o);
		put_first(c, o);
		o->refs++;
		return o;
	}
	return NULL;
}

struct opened *
opened_add(
    struct opened_cache *c, const struct opened_key *key, int fd, size_t size)
{
	struct opened *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->box = strdup(key->box)) == NULL) {
		free(o);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	o->uidvalidity = key->uidvalidity;
	o->uid = key->uid;
	o->fd = fd;
	o->size = size;
	o->refs = 1;
	if (fd >= 0)
		protect(o);
	if (o->uid == 0)
		return o;
	o->refs++;
	put_first(c, o);
	while (c->count > 1 &&
	    (c->bytes > c->bytes_max || c->count > c->count_max))
		drop_last(c);
	return o;
}

void
opened_clear(struct opened_cache *c)
{
	while (c->last != NULL)
		drop_last(c);
}
