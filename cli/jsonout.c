/* SPDX-License-Identifier: MIT */
/*
 * jsonout - what is common to all JSON that agamid(8) prints. See
 * jsonout.h.
 */
#include "cli/jsonout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"

json_t *
jsonout_text(const char *text)
{
	json_t *value = json_string(text);
	char *clean, *p;

	if (value != NULL)
		return value;
	clean = strdup(text);
	if (clean == NULL)
		abort();
	for (p = clean; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	value = json_string(clean);
	free(clean);
	return value;
}

json_t *
jsonout_names(const char *names)
{
	json_t *list = json_array();
	char name[256];
	size_t len;

	for (; *names != '\0'; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		json_array_append_new(list, jsonout_text(name));
	}
	return list;
}

static int
put(const char *data, size_t len, void *ctx)
{
	return buf_put(ctx, data, len) < 0 ? -1 : 0;
}

int
jsonout_write(const json_t *value, bool compact, struct buf *out)
{
	size_t flags =
	    JSON_ENSURE_ASCII | (compact ? JSON_COMPACT : JSON_INDENT(2));

	if (json_dump_callback(value, put, out, flags) < 0)
		return AG_ETOOBIG;
	return buf_putc(out, '\n');
}

void
jsonout_print(const json_t *value)
{
	json_dumpf(value, stdout, JSON_ENSURE_ASCII | JSON_INDENT(2));
	putchar('\n');
}

void
jsonout_print_bundles(json_t *list)
{
	json_t *all = json_pack("{s:i, s:O}", "version", 1, "bundles", list);

	jsonout_print(all);
	json_decref(all);
}
