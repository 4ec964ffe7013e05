/* SPDX-License-Identifier: MIT */
/*
 * tree - what the derived directory is to hold, in memory. See tree.h.
 */
#include "cli/tree.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

void
tree_init(struct tree *t)
{
	memset(t, 0, sizeof(*t));
}

void
tree_free(struct tree *t)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		free(t->files[i].path);
		free(t->files[i].data);
	}
	free(t->files);
	free(t->keys);
	tree_init(t);
}

void
tree_put(struct tree *t, const char *path, const void *data, size_t len)
{
	struct tree_file *f;

	if (t->count == t->room) {
		t->room = t->room * 2 + 16;
		t->files = reallocarray(t->files, t->room, sizeof(*t->files));
		if (t->files == NULL)
			abort();
	}
	f = &t->files[t->count++];
	f->path = xstrdup(path);
	f->data = xcalloc(1, len + 1);
	if (len > 0)
		memcpy(f->data, data, len);
	f->len = len;
}

void
tree_put_buf(struct tree *t, const char *path, const struct buf *b)
{
	tree_put(t, path, buf_str(b), b->len);
}

void
tree_put_key(struct tree *t, const char *key)
{
	if (t->key_count == t->key_room) {
		t->key_room = t->key_room * 2 + 16;
		t->keys = reallocarray(t->keys, t->key_room, sizeof(*t->keys));
		if (t->keys == NULL)
			abort();
	}
	t->keys[t->key_count++] = key;
}

static int
by_path(const void *a, const void *b)
{
	const struct tree_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void
tree_sort(struct tree *t)
{
	if (t->count > 0)
		qsort(t->files, t->count, sizeof(*t->files), by_path);
}

const struct tree_file *
tree_find(const struct tree *t, const char *path)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (strcmp(t->files[i].path, path) == 0)
			return &t->files[i];
	}
	return NULL;
}
