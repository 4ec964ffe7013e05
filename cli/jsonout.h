/* SPDX-License-Identifier: MIT */
/*
 * jsonout - what is common to all JSON that agamid(8) prints (Jansson).
 */
#ifndef AGAMID_JSONOUT_H
#define AGAMID_JSONOUT_H

#include <jansson.h>
#include <stdbool.h>

#include "util/buf.h"

/* A string; bytes that are no UTF-8 become '?'. */
json_t *jsonout_text(const char *text);
/* "carol,dave" as an array of strings; "" is an empty one. */
json_t *jsonout_names(const char *names);
/* The value and "\n": in one line if compact; keys in the order in which
 * they were set. */
int jsonout_write(const json_t *value, bool compact, struct buf *out);
/* The same to standard output, with line breaks. */
void jsonout_print(const json_t *value);
/* {"version": 1, "bundles": list}, likewise. */
void jsonout_print_bundles(json_t *list);

#endif
