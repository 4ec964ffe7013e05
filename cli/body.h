/* SPDX-License-Identifier: MIT */
/*
 * body - a manifest's YAML as text: what is signed, and what the operator
 * edits (the draft). It is changed in place, so that his comments and his
 * order stay. Pure. What it makes is parsed again by its callers: this
 * knows lines and indentation, not YAML.
 */
#ifndef AGAMID_BODY_H
#define AGAMID_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

/* ---- for those that change a line themselves ---- */

/* How many blanks the line begins with. */
size_t body_indent(const char *line, size_t len);
/* "KEY: |" and text's lines behind it, indented; CRLF becomes LF. */
int body_put_block(
    struct buf *out, size_t indent, const char *key, const char *text);

/* ---- the whole ---- */

/* Up to and including the first line "..."; where there is none it is
 * added. What stands behind it (a signature) is dropped. */
int body_take(const void *data, size_t len, struct buf *out);

/* Are they the same but for the serial? */
bool body_is_same(const struct buf *a, const struct buf *b);

/* body with its line "serial: ..." set; it is added where it lacks. */
int body_set_serial(const struct buf *body, uint64_t serial, struct buf *out);

/*
 * body with the value of node.KEY set to this text, which is on one line,
 * or is put as a block ("|") where it has several. Added at node's
 * beginning where it lacks. AG_EINVAL: node is not written a key a line.
 */
int body_set(const struct buf *body, const char *key, const char *value,
    struct buf *out);
/* The same in body itself, which may become MANIFEST_MAX + 64 bytes
 * long. It stays as it was on AG_EINVAL. */
int body_change(struct buf *body, const char *key, const char *value);

#endif
