/* SPDX-License-Identifier: MIT */
/*
 * yaml_get - typed look-ups in a YAML mapping, and the report of keys that
 * nobody asked for. See yaml.h.
 *
 * Every error says where ("FILE:LINE:COLUMN: path.to.key"), what was
 * expected and what stood there.
 */
#include "util/yaml_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"

#define FOUND_MAX 64 /* bytes of what stood there */
#define LIST_MAX 256 /* bytes of a list of words */

/* At most this many bytes of text, cut between UTF-8 characters. */
static int
cut_length(const char *text, size_t most)
{
	size_t len = strlen(text);

	if (len <= most)
		return (int)len;
	len = most;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return (int)len;
}

void
ynode_describe(const struct ynode *n, char *out, size_t size)
{
	const char *text;
	size_t first;
	int len;

	if (n->kind == YNODE_MAP) {
		snprintf(out, size, "a mapping");
	} else if (n->kind == YNODE_SEQ) {
		snprintf(out, size, "a list");
	} else if (n->text[0] == '\0') {
		snprintf(out, size, n->plain ? "nothing" : "an empty text");
	} else {
		text = n->text;
		first = strcspn(text, "\n");
		len = cut_length(text, size - 8);
		if ((size_t)len > first)
			len = (int)first;
		snprintf(out, size, "\"%.*s%s\"", len, text,
		    text[len] != '\0' ? "..." : "");
	}
}

/* "expected X, found Y" at a value. */
static bool
get_wrong(struct ynode *n, const char *expected)
{
	char found[FOUND_MAX];

	ynode_describe(n, found, sizeof(found));
	yaml_error(n, "%s%sexpected %s, found %s", ynode_path(n),
	    n->parent != NULL ? ": " : "", expected, found);
	return false;
}

static void
ask_remember(struct ynode *map, const char *key)
{
	struct yasked *a;

	for (a = map->asked; a != NULL; a = a->next) {
		if (strcmp(a->key, key) == 0)
			return;
	}
	a = yaml_alloc(map->doc, sizeof(*a));
	if (a == NULL)
		return;
	a->key = yaml_copy(map->doc, key, strlen(key));
	if (a->key == NULL)
		return;
	a->next = map->asked;
	map->asked = a;
}

/* The entry with this key, which becomes known; NULL if there is none.
 * The key is remembered for yaml_finish() either way. */
static struct ynode *
ynode_ask(struct ynode *map, const char *key)
{
	struct yentry *e;
	size_t i;

	ask_remember(map, key);
	for (i = 0; i < map->count; i++) {
		e = &map->entries[i];
		if (strcmp(e->key->text, key) == 0) {
			e->known = true;
			return e->value;
		}
	}
	return NULL;
}

/* The value of key, or NULL: missing (reported if needed), or reported
 * before. */
static struct ynode *
get(struct ynode *map, const char *key, enum yaml_need need,
    const char *expected)
{
	const char *path;
	struct ynode *n;

	if (map->bad)
		return NULL;
	if (map->kind != YNODE_MAP) {
		map->bad = true;
		get_wrong(map, "a mapping");
		return NULL;
	}
	n = ynode_ask(map, key);
	if (n != NULL)
		return n->bad ? NULL : n;
	if (need == YAML_NEED) {
		path = ynode_path(map);
		yaml_error(map, "%s%s%s: missing; expected %s", path,
		    path[0] != '\0' ? "." : "", key, expected);
	}
	return NULL;
}

/* The same, and it is a scalar with something in it. */
static struct ynode *
get_scalar(struct ynode *map, const char *key, enum yaml_need need,
    const char *expected)
{
	struct ynode *n = get(map, key, need, expected);

	if (n == NULL)
		return NULL;
	if (n->kind != YNODE_SCALAR || (n->plain && n->text[0] == '\0')) {
		get_wrong(n, expected);
		return NULL;
	}
	return n;
}

bool
yaml_get_any(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r)
{
	*r = get(map, key, need, "a value");
	return *r != NULL;
}

bool
yaml_get_map(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r)
{
	struct ynode *n = get(map, key, need, "a mapping");

	*r = NULL;
	if (n == NULL)
		return false;
	if (n->kind != YNODE_MAP)
		return get_wrong(n, "a mapping");
	*r = n;
	return true;
}

bool
yaml_get_seq(
    struct ynode *map, const char *key, enum yaml_need need, struct ynode **r)
{
	struct ynode *n = get(map, key, need, "a list");

	*r = NULL;
	if (n == NULL)
		return false;
	if (n->kind != YNODE_SEQ)
		return get_wrong(n, "a list");
	*r = n;
	return true;
}

bool
yaml_get_text(
    struct ynode *map, const char *key, enum yaml_need need, const char **r)
{
	struct ynode *n = get_scalar(map, key, need, "text");

	*r = n != NULL ? n->text : NULL;
	return n != NULL;
}

bool
ynode_need_text(struct ynode *n, const char **r)
{
	*r = NULL;
	if (n->bad)
		return false;
	if (n->kind != YNODE_SCALAR || (n->plain && n->text[0] == '\0'))
		return get_wrong(n, "text");
	*r = n->text;
	return true;
}

bool
yaml_get_uint(struct ynode *map, const char *key, enum yaml_need need,
    uint64_t min, uint64_t max, uint64_t *r)
{
	char expected[FOUND_MAX];
	struct ynode *n;

	*r = 0;
	snprintf(expected, sizeof(expected),
	    "a number from %" PRIu64 " to %" PRIu64, min, max);
	n = get_scalar(map, key, need, expected);
	if (n == NULL)
		return false;
	if (!n->plain || text_uint(n->text, max, r) < 0 || *r < min) {
		*r = 0;
		return get_wrong(n, expected);
	}
	return true;
}

bool
yaml_get_size(
    struct ynode *map, const char *key, enum yaml_need need, uint64_t *bytes_r)
{
	static const char expected[] =
	    "a size such as 500K, 25M or 1G (powers of 1,024)";
	struct ynode *n = get_scalar(map, key, need, expected);

	*bytes_r = 0;
	if (n == NULL)
		return false;
	return text_size(n->text, bytes_r) == 0 || get_wrong(n, expected);
}

bool
yaml_get_duration(struct ynode *map, const char *key, enum yaml_need need,
    uint64_t *seconds_r)
{
	static const char expected[] = "a time such as 10s, 5m, 2h or 60d";
	struct ynode *n = get_scalar(map, key, need, expected);

	*seconds_r = 0;
	if (n == NULL)
		return false;
	return text_duration(n->text, seconds_r) == 0 || get_wrong(n, expected);
}

/* "a", "a or b", "a, b or c" */
static void
list_words(const char *const *words, char *out, size_t size)
{
	const char *between;
	size_t i, at = 0;
	int n;

	out[0] = '\0';
	for (i = 0; words[i] != NULL && at < size; i++) {
		between = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
		n = snprintf(out + at, size - at, "%s%s", between, words[i]);
		at += n > 0 ? (size_t)n : 0;
	}
}

bool
yaml_get_word(struct ynode *map, const char *key, enum yaml_need need,
    const char *const *words, unsigned *index_r)
{
	char expected[LIST_MAX];
	struct ynode *n;
	unsigned i;

	*index_r = 0;
	list_words(words, expected, sizeof(expected));
	n = get_scalar(map, key, need, expected);
	if (n == NULL)
		return false;
	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], n->text) == 0) {
			*index_r = i;
			return true;
		}
	}
	return get_wrong(n, expected);
}

/* An unknown key, and which ones would be known here. */
static void
finish_unknown(struct ynode *map, struct ynode *key)
{
	const char *path = ynode_path(map);
	char known[LIST_MAX] = "";
	const struct yasked *a;
	size_t len;

	/* The list is newest first; people read in the order asked. */
	for (a = map->asked; a != NULL; a = a->next) {
		len = strlen(known) + strlen(a->key) + 2;
		if (len >= sizeof(known))
			break;
		memmove(known + strlen(a->key) + 2, known, strlen(known) + 1);
		memcpy(known, a->key, strlen(a->key));
		memcpy(known + strlen(a->key), ", ", 2);
	}
	len = strlen(known);
	if (len > 2)
		known[len - 2] = '\0';
	yaml_error(key, "%s%sunknown key \"%.*s\"%s%s", path,
	    path[0] != '\0' ? ": " : "", cut_length(key->text, 60), key->text,
	    known[0] != '\0' ? "; expected one of " : "", known);
}

static void
finish_node(struct ynode *n)
{
	struct yentry *e;
	size_t i;

	if (n->bad)
		return;
	for (i = 0; i < n->count; i++) {
		e = &n->entries[i];
		if (e->known)
			finish_node(e->value);
		else
			finish_unknown(n, e->key);
	}
}

void
yaml_finish(struct yaml *doc)
{
	if (doc->root != NULL)
		finish_node(doc->root);
}
