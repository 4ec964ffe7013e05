/* SPDX-License-Identifier: MIT */
/*
 * fuzz_yaml - lib/util/yaml.c: any bytes give a tree within its bounds or
 * errors, each error one clean line with its place; no look-up on the tree
 * does harm.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "util/yaml.h"

#define ERRORS_MAX (8U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Every typed look-up, at every key. */
static void
look_up(struct ynode *map, const char *key)
{
	static const char *const words[] = {"debug", "info", NULL};
	struct ynode *n;
	const char *text;
	unsigned index;
	uint64_t u;

	yaml_get_any(map, key, YAML_MAY, &n);
	yaml_get_map(map, key, YAML_MAY, &n);
	yaml_get_seq(map, key, YAML_MAY, &n);
	yaml_get_text(map, key, YAML_MAY, &text);
	if (yaml_get_uint(map, key, YAML_MAY, 1, 100, &u) && (u < 1 || u > 100))
		abort();
	yaml_get_size(map, key, YAML_MAY, &u);
	yaml_get_duration(map, key, YAML_MAY, &u);
	if (yaml_get_word(map, key, YAML_MAY, words, &index) && index > 1)
		abort();
	yaml_get_text(map, "missing", YAML_NEED, &text);
}

static size_t
walk(struct ynode *n, unsigned depth)
{
	const char *text;
	size_t i, nodes = 1;

	if (depth > 16 || ynode_line(n) < 1 || ynode_column(n) < 1 ||
	    ynode_path(n) == NULL)
		abort();
	ynode_need_text(n, &text);
	for (i = 0; i < ynode_count(n); i++) {
		if (!ynode_is_map(n)) {
			nodes += walk(ynode_item(n, i), depth + 1);
			continue;
		}
		/* Leave some for yaml_finish(). */
		if (i % 3 != 2)
			look_up(n, ynode_key(n, i));
		nodes += walk(ynode_value(n, i), depth + 1);
	}
	if (ynode_item(n, i) != NULL || ynode_value(n, i) != NULL)
		abort();
	return nodes;
}

/* The lines are clean, begin with their place, and are as many as said. */
static void
check_errors(const struct buf *errors, unsigned count)
{
	struct cursor c;
	const char *line;
	char copy[1024];
	uint64_t n;
	size_t len;

	cursor_init(&c, errors->data, errors->len);
	for (; cursor_line(&c, &line, &len); count--) {
		struct cursor l;

		cursor_init(&l, line, len);
		if (count == 0 || len >= sizeof(copy) ||
		    !cursor_skip(&l, "fuzz:") ||
		    !cursor_uint(&l, UINT32_MAX, &n) || n < 1 ||
		    !cursor_skip(&l, ":") || !cursor_uint(&l, UINT32_MAX, &n) ||
		    n < 1 || !cursor_skip(&l, ": "))
			abort();
		memcpy(copy, line, len);
		copy[len] = '\0';
		if (strlen(copy) != len || !text_is_line(copy))
			abort();
	}
	if (c.left != 0 || count != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf errors;
	struct yaml *doc;

	if (len > 65536)
		return 0;
	buf_init(&errors, ERRORS_MAX);
	doc = yaml_parse("fuzz", data, len, &errors);
	if (doc == NULL) {
		if (errors.len == 0)
			abort();
	} else {
		if (walk(yaml_root(doc), 1) > YAML_NODES_MAX)
			abort();
		yaml_finish(doc);
		if (errors.len < ERRORS_MAX / 2)
			check_errors(&errors, yaml_errors(doc));
	}
	yaml_doc_free(&doc);
	buf_free(&errors);
	return 0;
}
