/* SPDX-License-Identifier: MIT */
/*
 * yaml_tree - what a document looks like inside. Only for yaml*.c; all
 * others use yaml.h.
 *
 * Nodes, their text and their paths live in the document's arena and go
 * with it. Errors are counted in the document and written to the caller's
 * buffer at once.
 */
#ifndef AGAMID_YAML_TREE_H
#define AGAMID_YAML_TREE_H

#include "util/yaml.h"

#include <yaml.h>

enum ynode_kind { YNODE_SCALAR, YNODE_SEQ, YNODE_MAP };

/* A name that a look-up asked a mapping for. */
struct yasked {
	struct yasked *next;
	const char *key;
};

struct yentry {
	struct ynode *key; /* NULL in a sequence */
	struct ynode *value;
	uint32_t hash; /* of the key's text */
	bool known; /* somebody asked for it */
};

struct ynode {
	struct yaml *doc;
	struct ynode *parent;
	size_t index; /* which entry of parent this is */
	enum ynode_kind kind;
	unsigned line, column; /* from 1 */
	bool bad; /* reported already: look-ups fail silently */
	bool plain; /* a scalar without quotes */
	char *text; /* of a scalar */
	char *path; /* NULL until somebody wants it */
	struct yentry *entries;
	size_t count, room;
	struct yasked *asked; /* of a mapping; newest first */
};

struct ychunk; /* of the arena */

struct yaml {
	char *name;
	struct buf *errors;
	unsigned error_count;
	size_t node_count;
	struct ynode *root;
	struct ychunk *chunks;
};

/* Memory of the document, zeroed; NULL if there is none. */
void *yaml_alloc(struct yaml *doc, size_t size);
char *yaml_copy(struct yaml *doc, const char *text, size_t len);

/* Report at a place that is no node. */
void yaml_error_at(struct yaml *doc, size_t line, size_t column,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Report in words what libyaml's parser stumbled over. */
void yaml_report_problem(
    struct yaml *doc, const yaml_parser_t *p, const char *data, size_t len);

/* What stands at n, for "..., found X": a mapping, a list, nothing, or the
 * text in quotes (cut short). */
void ynode_describe(const struct ynode *n, char *out, size_t size);

#endif
