/* SPDX-License-Identifier: MIT */
/*
 * yaml - a YAML document (libyaml) as a tree whose nodes know their place,
 * and typed look-ups that collect errors as "file:line:column: ...".
 *
 * Accepted: one document of mappings, sequences and scalars. Refused, each
 * with its place: anchors and aliases, tags, duplicate keys, more than
 * 16 levels, more than YAML_NODES_MAX nodes, a second document, bytes
 * that are not UTF-8.
 *
 * Use: get each key that is known (which marks it), then yaml_finish(),
 * which reports every key that nobody asked for. All errors of a file are
 * collected, not only the first.
 */
#ifndef AGAMID_YAML_H
#define AGAMID_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define YAML_NODES_MAX 10000

struct yaml; /* a document */
struct ynode; /* borrowed from its document */

/* name is what errors call the file (copied). The tree, or NULL; errors
 * are appended to errors, a line each, either way: a tree may come with
 * errors (see yaml_errors()), so that all others can be found too. errors
 * must outlive the document. */
struct yaml *yaml_parse(
    const char *name, const void *data, size_t len, struct buf *errors);
/* (libyaml itself exports a yaml_free().) */
void yaml_doc_free(struct yaml **doc);
struct ynode *yaml_root(struct yaml *doc);

/* How many errors were reported on this document so far. */
unsigned yaml_errors(const struct yaml *doc);
/* Report an error at a node's place ("NAME:L:C: text"), escaped; say what
 * was expected and what stood there. */
void yaml_error(struct ynode *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

bool ynode_is_map(const struct ynode *n);
unsigned ynode_line(const struct ynode *n);
unsigned ynode_column(const struct ynode *n);
/* A scalar's text; NULL for others. Borrowed. */
const char *ynode_text(const struct ynode *n);
/* Where a node is, in words ("node.ssh.port"); borrowed. */
const char *ynode_path(const struct ynode *n);

/* A mapping's entries in order; a sequence's items. NULL past the end. */
size_t ynode_count(const struct ynode *n);
struct ynode *ynode_item(struct ynode *seq, size_t i);
const char *ynode_key(struct ynode *map, size_t i);
struct ynode *ynode_value(struct ynode *map, size_t i);

/*
 * Typed look-ups in a mapping. All mark the key as known. A missing key
 * yields false, and is an error ("missing; expected ...") if need is
 * YAML_NEED. A wrong type or value is an error at its place. Text is
 * borrowed from the document.
 */
enum yaml_need { YAML_MAY, YAML_NEED };

bool yaml_get_map(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r);
bool yaml_get_seq(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r);
bool yaml_get_any(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r);
bool yaml_get_text(
    struct ynode *map, const char *key, enum yaml_need need, const char **r);
/* The same for an item of a list: a scalar with something in it. */
bool ynode_need_text(struct ynode *n, const char **r);
bool yaml_get_uint(struct ynode *map, const char *key, enum yaml_need need,
    uint64_t min, uint64_t max, uint64_t *r);
bool yaml_get_size(
    struct ynode *map, const char *key, enum yaml_need need, uint64_t *bytes_r);
bool yaml_get_duration(struct ynode *map, const char *key, enum yaml_need need,
    uint64_t *seconds_r);
/* One of a NULL-ended list of words; its index. */
bool yaml_get_word(struct ynode *map, const char *key, enum yaml_need need,
    const char *const *words, unsigned *index_r);
/* Report every key of map (deep) that no look-up asked for. A mapping
 * with free keys is walked with ynode_key(), which marks them. */
void yaml_finish(struct yaml *doc);

#endif
