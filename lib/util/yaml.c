/* SPDX-License-Identifier: MIT */
/*
 * yaml - a YAML document as a tree whose nodes know their place. See
 * yaml.h; the typed look-ups are in yaml_get.c.
 *
 * A pure parser: bytes in, a tree and error lines out; no I/O, no log.
 *
 * SECURITY: this reads peers' manifests. Depth and number of nodes are
 * bounded; without anchors a document can't grow beyond its own size; an
 * error line never holds a control character of the input.
 */
#include "util/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"

#define DEPTH_MAX 16
#define CHUNK_SIZE 8000
#define ERROR_TEXT 400 /* bytes of one error's text */
#define PATH_MAX_BYTES 128 /* a longer path is cut at its front */

struct ychunk {
	struct ychunk *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

void *
yaml_alloc(struct yaml *doc, size_t size)
{
	struct ychunk *c = doc->chunks;
	size_t room;
	void *p;

	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (c == NULL || c->size - c->used < size) {
		room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		c = calloc(1, sizeof(*c) + room);
		if (c == NULL)
			return NULL;
		c->size = room;
		c->next = doc->chunks;
		doc->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += size;
	return p;
}

char *
yaml_copy(struct yaml *doc, const char *text, size_t len)
{
	char *copy = yaml_alloc(doc, len + 1);

	if (copy != NULL && len > 0)
		memcpy(copy, text, len);
	return copy;
}

/* text without control characters, as one line. */
static void
yaml_put_safe(struct buf *b, const char *text)
{
	const char *p;
	char one[5];

	if (text_is_line(text)) {
		buf_puts(b, text);
		return;
	}
	for (p = text; *p != '\0'; p++) {
		if (*p >= ' ' && *p <= '~') {
			buf_putc(b, *p);
		} else {
			snprintf(one, sizeof(one), "\\x%02x",
			    (unsigned)(unsigned char)*p);
			buf_puts(b, one);
		}
	}
}

static void yaml_verror(struct yaml *doc, size_t line, size_t column,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static void
yaml_verror(
    struct yaml *doc, size_t line, size_t column, const char *fmt, va_list ap)
{
	char text[ERROR_TEXT];

	doc->error_count++;
	vsnprintf(text, sizeof(text), fmt, ap);
	yaml_put_safe(doc->errors, doc->name);
	buf_printf(doc->errors, ":%zu:%zu: ", line, column);
	yaml_put_safe(doc->errors, text);
	buf_putc(doc->errors, '\n');
}

void
yaml_error_at(
    struct yaml *doc, size_t line, size_t column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	yaml_verror(doc, line, column, fmt, ap);
	va_end(ap);
}

void
yaml_error(struct ynode *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	yaml_verror(n->doc, n->line, n->column, fmt, ap);
	va_end(ap);
}

/* Building the tree ---------------------------------------------------- */

/* What building goes on with. */
struct builder {
	struct yaml *doc;
	yaml_parser_t parser;
	const char *data;
	size_t len;
};

static int build_node(struct builder *b, const yaml_event_t *e, unsigned depth,
    struct ynode **n_r);

static int
build_nomem(struct builder *b, const yaml_event_t *e)
{
	yaml_error_at(b->doc, e->start_mark.line + 1, e->start_mark.column + 1,
	    "out of memory");
	return AG_ENOMEM;
}

static int
build_next(struct builder *b, yaml_event_t *e)
{
	if (yaml_parser_parse(&b->parser, e))
		return 0;
	yaml_report_problem(b->doc, &b->parser, b->data, b->len);
	return AG_EINVAL;
}

/* Anchors and tags are reported, and the rest is read on. */
static bool
build_refuse(struct ynode *n, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		yaml_error(n,
		    "anchors (&%.40s) are not allowed; write the "
		    "value out",
		    (const char *)anchor);
	if (tag != NULL)
		yaml_error(
		    n, "tags (%.40s) are not allowed", (const char *)tag);
	return anchor != NULL || tag != NULL;
}

static int
build_scalar(struct builder *b, const yaml_event_t *e, struct ynode *n)
{
	const char *value = (const char *)e->data.scalar.value;
	const size_t len = e->data.scalar.length;

	n->kind = YNODE_SCALAR;
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->bad = build_refuse(n, e->data.scalar.anchor, e->data.scalar.tag);
	if (memchr(value, '\0', len) != NULL) {
		yaml_error(n, "a NUL character is not allowed in text");
		n->bad = true;
	}
	n->text = yaml_copy(b->doc, value, len);
	return n->text != NULL ? 0 : build_nomem(b, e);
}

static uint32_t
key_hash(const char *s)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

/* Is key fit to be one of map's? Reports it if not. */
static bool
build_key_ok(struct ynode *map, struct ynode *key, uint32_t hash)
{
	const struct ynode *other;
	char found[64];
	size_t i;

	if (key->bad)
		return false;
	if (key->kind != YNODE_SCALAR || key->text[0] == '\0') {
		ynode_describe(key, found, sizeof(found));
		yaml_error(key, "expected a key, found %s", found);
		return false;
	}
	for (i = 0; i < map->count; i++) {
		other = map->entries[i].key;
		if (map->entries[i].hash == hash &&
		    strcmp(other->text, key->text) == 0) {
			yaml_error(key,
			    "duplicate key \"%.60s\"; the first is in line %u",
			    key->text, other->line);
			return false;
		}
	}
	return true;
}

static int
build_add(struct builder *b, const yaml_event_t *e, struct ynode *parent,
    struct yentry entry)
{
	struct yentry *more;
	size_t room;

	if (parent->count == parent->room) {
		room = parent->room > 0 ? 2 * parent->room : 8;
		more = yaml_alloc(b->doc, room * sizeof(*more));
		if (more == NULL)
			return build_nomem(b, e);
		if (parent->count > 0)
			memcpy(more, parent->entries,
			    parent->count * sizeof(*more));
		parent->entries = more;
		parent->room = room;
	}
	entry.value->parent = parent;
	entry.value->index = parent->count;
	parent->entries[parent->count++] = entry;
	return 0;
}

static int
build_seq(struct builder *b, const yaml_event_t *start, struct ynode *n,
    unsigned depth)
{
	struct yentry entry = {.known = true};
	yaml_event_t e;
	int rc;

	n->kind = YNODE_SEQ;
	n->bad = build_refuse(n, start->data.sequence_start.anchor,
	    start->data.sequence_start.tag);
	for (;;) {
		rc = build_next(b, &e);
		if (rc < 0)
			return rc;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return 0;
		}
		rc = build_node(b, &e, depth + 1, &entry.value);
		if (rc == 0)
			rc = build_add(b, &e, n, entry);
		yaml_event_delete(&e);
		if (rc < 0)
			return rc;
	}
}

/* The value that follows a key, and both into the mapping. */
static int
build_pair(
    struct builder *b, struct ynode *map, struct ynode *key, unsigned depth)
{
	struct yentry entry = {.key = key};
	yaml_event_t e;
	int rc;

	entry.hash = key->kind == YNODE_SCALAR ? key_hash(key->text) : 0;
	rc = build_next(b, &e);
	if (rc < 0)
		return rc;
	rc = build_node(b, &e, depth + 1, &entry.value);
	if (rc == 0 && build_key_ok(map, key, entry.hash))
		rc = build_add(b, &e, map, entry);
	yaml_event_delete(&e);
	return rc;
}

static int
build_map(struct builder *b, const yaml_event_t *start, struct ynode *n,
    unsigned depth)
{
	struct ynode *key;
	yaml_event_t e;
	int rc;

	n->kind = YNODE_MAP;
	n->bad = build_refuse(
	    n, start->data.mapping_start.anchor, start->data.mapping_start.tag);
	for (;;) {
		rc = build_next(b, &e);
		if (rc < 0)
			return rc;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			return 0;
		}
		rc = build_node(b, &e, depth + 1, &key);
		yaml_event_delete(&e);
		if (rc == 0)
			rc = build_pair(b, n, key, depth);
		if (rc < 0)
			return rc;
	}
}

/* The node that event e begins, with all that belongs to it. */
static int
build_node(struct builder *b, const yaml_event_t *e, unsigned depth,
    struct ynode **n_r)
{
	const size_t line = e->start_mark.line + 1;
	const size_t column = e->start_mark.column + 1;
	struct ynode *n;

	*n_r = NULL;
	if (depth > DEPTH_MAX) {
		yaml_error_at(b->doc, line, column,
		    "nested more than %d levels deep", DEPTH_MAX);
		return AG_ETOOBIG;
	}
	if (++b->doc->node_count > YAML_NODES_MAX) {
		yaml_error_at(b->doc, line, column,
		    "more than %d values in one file", YAML_NODES_MAX);
		return AG_ETOOBIG;
	}
	n = yaml_alloc(b->doc, sizeof(*n));
	if (n == NULL)
		return build_nomem(b, e);
	n->doc = b->doc;
	n->line = (unsigned)line;
	n->column = (unsigned)column;
	*n_r = n;
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(b, e, n);
	case YAML_SEQUENCE_START_EVENT:
		return build_seq(b, e, n, depth);
	case YAML_MAPPING_START_EVENT:
		return build_map(b, e, n, depth);
	default:
		/* An alias; the parser lets nothing else stand here. */
		yaml_error(n,
		    "aliases (*%.40s) are not allowed; write the "
		    "value out",
		    e->type == YAML_ALIAS_EVENT
			? (const char *)e->data.alias.anchor
			: "");
		n->bad = true;
		n->text = yaml_copy(b->doc, "", 0);
		return n->text != NULL ? 0 : build_nomem(b, e);
	}
}

/* The next event, which has to be of this type, or is deleted again. */
static int
build_expect(struct builder *b, yaml_event_type_t type, const char *otherwise)
{
	yaml_event_t e;
	int rc;

	rc = build_next(b, &e);
	if (rc < 0)
		return rc;
	if (e.type != type) {
		yaml_error_at(b->doc, e.start_mark.line + 1,
		    e.start_mark.column + 1, "%s", otherwise);
		rc = AG_EINVAL;
	} else if (type == YAML_DOCUMENT_START_EVENT &&
	    e.data.document_start.tag_directives.start !=
		e.data.document_start.tag_directives.end) {
		yaml_error_at(b->doc, e.start_mark.line + 1,
		    e.start_mark.column + 1, "%%TAG is not allowed");
		rc = AG_EINVAL;
	}
	yaml_event_delete(&e);
	return rc;
}

static int
build_document(struct builder *b)
{
	yaml_event_t e;
	int rc;

	rc = build_expect(b, YAML_STREAM_START_EVENT, "no YAML");
	if (rc == 0)
		rc = build_expect(b, YAML_DOCUMENT_START_EVENT,
		    "the file is empty; expected settings");
	if (rc == 0)
		rc = build_next(b, &e);
	if (rc < 0)
		return rc;
	rc = build_node(b, &e, 1, &b->doc->root);
	yaml_event_delete(&e);
	if (rc == 0)
		rc = build_expect(b, YAML_DOCUMENT_END_EVENT, "no end");
	if (rc == 0)
		rc = build_expect(b, YAML_STREAM_END_EVENT,
		    "a second document begins here; expected the end of the "
		    "file");
	return rc;
}

struct yaml *
yaml_parse(const char *name, const void *data, size_t len, struct buf *errors)
{
	struct builder b = {.data = data, .len = len};
	struct yaml *doc = calloc(1, sizeof(*doc));
	int rc = AG_ENOMEM;

	if (doc != NULL)
		doc->name = strdup(name);
	if (doc == NULL || doc->name == NULL ||
	    !yaml_parser_initialize(&b.parser)) {
		buf_printf(errors, "%s:1:1: out of memory\n", name);
		goto out;
	}
	doc->errors = errors;
	b.doc = doc;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &b.parser, len > 0 ? data : (const void *)"", len);
	rc = build_document(&b);
	yaml_parser_delete(&b.parser);
out:
	if (rc < 0)
		yaml_doc_free(&doc);
	return doc;
}

void
yaml_doc_free(struct yaml **docp)
{
	struct yaml *doc = *docp;
	struct ychunk *c;

	*docp = NULL;
	if (doc == NULL)
		return;
	while ((c = doc->chunks) != NULL) {
		doc->chunks = c->next;
		free(c);
	}
	free(doc->name);
	free(doc);
}

/* Looking at the tree --------------------------------------------------- */

struct ynode *
yaml_root(struct yaml *doc)
{
	return doc->root;
}

unsigned
yaml_errors(const struct yaml *doc)
{
	return doc->error_count;
}

bool
ynode_is_map(const struct ynode *n)
{
	return n->kind == YNODE_MAP;
}

unsigned
ynode_line(const struct ynode *n)
{
	return n->line;
}

unsigned
ynode_column(const struct ynode *n)
{
	return n->column;
}

const char *
ynode_text(const struct ynode *n)
{
	return n->kind == YNODE_SCALAR ? n->text : NULL;
}

size_t
ynode_count(const struct ynode *n)
{
	return n->count;
}

struct ynode *
ynode_item(struct ynode *seq, size_t i)
{
	if (seq->kind != YNODE_SEQ || i >= seq->count)
		return NULL;
	return seq->entries[i].value;
}

const char *
ynode_key(struct ynode *map, size_t i)
{
	if (map->kind != YNODE_MAP || i >= map->count)
		return NULL;
	map->entries[i].known = true;
	return map->entries[i].key->text;
}

struct ynode *
ynode_value(struct ynode *map, size_t i)
{
	if (map->kind != YNODE_MAP || i >= map->count)
		return NULL;
	return map->entries[i].value;
}

/* The path of n from its end to its front; the first byte's place. */
static size_t
path_write(const struct ynode *n, char *out, size_t at)
{
	const struct yentry *e;
	char part[PATH_MAX_BYTES];
	size_t len;

	for (; n->parent != NULL; n = n->parent) {
		e = &n->parent->entries[n->index];
		if (e->key != NULL)
			snprintf(part, sizeof(part), ".%s", e->key->text);
		else
			snprintf(part, sizeof(part), "[%zu]", n->index + 1);
		len = strlen(part);
		if (len > at)
			break;
		at -= len;
		memcpy(out + at, part, len);
	}
	return at;
}

const char *
ynode_path(const struct ynode *n)
{
	char path[PATH_MAX_BYTES];
	/* Filled in when it is first asked for; not part of its value. */
	struct ynode *self = (struct ynode *)(uintptr_t)n;
	size_t at;

	if (n->path != NULL)
		return n->path;
	path[sizeof(path) - 1] = '\0';
	at = path_write(n, path, sizeof(path) - 1);
	if (path[at] == '.')
		at++;
	self->path = yaml_copy(n->doc, path + at, strlen(path + at));
	return self->path != NULL ? self->path : "?";
}
