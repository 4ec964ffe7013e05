/* SPDX-License-Identifier: MIT */
/*
 * tree - what the derived directory is to hold, in memory: files by path,
 * and the OpenPGP keys of its sealing/ directory. publish.h compares it
 * with what is in force and writes it.
 */
#ifndef AGAMID_TREE_H
#define AGAMID_TREE_H

#include <stddef.h>

#include "util/buf.h"

#define TREE_FILE_MAX (64U << 20)

struct tree_file {
	char *path; /* "postfix/transport" */
	char *data;
	size_t len;
};

struct tree {
	struct tree_file *files;
	size_t count, room;
	const char **keys; /* armored, borrowed from the manifests */
	size_t key_count, key_room;
};

void tree_init(struct tree *t);
void tree_free(struct tree *t);
/* Copies data. */
void tree_put(struct tree *t, const char *path, const void *data, size_t len);
void tree_put_buf(struct tree *t, const char *path, const struct buf *b);
/* Borrows key. */
void tree_put_key(struct tree *t, const char *key);
/* In order of path; publish and tests rely on it. */
void tree_sort(struct tree *t);
/* NULL if there is none. */
const struct tree_file *tree_find(const struct tree *t, const char *path);

#endif
