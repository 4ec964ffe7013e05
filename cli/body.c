/* SPDX-License-Identifier: MIT */
/*
 * body - a manifest's YAML as text. See body.h.
 */
#include "cli/body.h"

#include <string.h>

#include "cli/serial.h"
#include "manifests/manifest.h"
#include "util/error.h"

#define END "..."

int
body_take(const void *data, size_t len, struct buf *out)
{
	const char *line;
	struct cursor c;
	size_t n;
	int rc = 0;

	buf_reset(out);
	cursor_init(&c, data, len);
	while (rc == 0 && cursor_line(&c, &line, &n)) {
		rc = buf_put(out, line, n + 1);
		if (n == strlen(END) && memcmp(line, END, n) == 0)
			return rc;
	}
	if (rc == 0 && c.left > 0) {
		rc = buf_put(out, c.p, c.left);
		if (rc == 0)
			rc = buf_putc(out, '\n');
	}
	return rc == 0 ? buf_puts(out, END "\n") : rc;
}

int
body_set_serial(const struct buf *body, uint64_t serial, struct buf *out)
{
	static const char version[] = "version:";
	const char *line;
	struct cursor c;
	bool done = false;
	size_t n;
	int rc;

	buf_reset(out);
	rc = serial_set(buf_str(body), body->len, serial, out);
	if (rc != AG_ENOENT)
		return rc;
	rc = 0;
	cursor_init(&c, buf_str(body), body->len);
	while (rc == 0 && cursor_line(&c, &line, &n)) {
		rc = buf_put(out, line, n + 1);
		if (rc != 0 || done || n < strlen(version) ||
		    memcmp(line, version, strlen(version)) != 0)
			continue;
		rc = buf_printf(
		    out, "serial: %llu\n", (unsigned long long)serial);
		done = true;
	}
	return rc == 0 && !done ? AG_ENOENT : rc;
}

bool
body_is_same(const struct buf *a, const struct buf *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, MANIFEST_MAX + 64);
	buf_init(&y, MANIFEST_MAX + 64);
	same = body_set_serial(a, 1, &x) == 0 &&
	    body_set_serial(b, 1, &y) == 0 && x.len == y.len &&
	    memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
	buf_free(&y);
	buf_free(&x);
	return same;
}

size_t
body_indent(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] == ' ')
		n++;
	return n;
}

/* Nothing, or a comment. */
static bool
is_empty(const char *line, size_t len)
{
	size_t n = body_indent(line, len);

	return n == len || line[n] == '#';
}

/* Where node's keys stand: the offset of the first one's line, and how
 * far it is indented. */
static bool
find_children(const struct buf *body, size_t *at_r, size_t *indent_r)
{
	static const char node[] = "node:";
	const char *line;
	struct cursor c;
	bool inside = false;
	size_t n, skip = strlen(node);

	cursor_init(&c, buf_str(body), body->len);
	while (cursor_line(&c, &line, &n)) {
		if (inside && !is_empty(line, n)) {
			*at_r = (size_t)(line - buf_str(body));
			*indent_r = body_indent(line, n);
			return *indent_r > 0;
		}
		if (!inside && n >= skip && memcmp(line, node, skip) == 0) {
			if (!is_empty(line + skip, n - skip))
				return false;
			inside = true;
		}
	}
	return false;
}

/* The lines of node.KEY: from, to. */
static bool
find_key(const struct buf *body, const char *key, size_t first, size_t indent,
    size_t *from_r, size_t *to_r)
{
	size_t n, len = strlen(key);
	const char *line;
	struct cursor c;
	bool found = false;

	cursor_init(&c, buf_str(body) + first, body->len - first);
	while (cursor_line(&c, &line, &n)) {
		if (body_indent(line, n) == n)
			continue; /* an empty line ends nothing */
		*to_r = (size_t)(line - buf_str(body));
		if (body_indent(line, n) > indent)
			continue;
		if (found)
			return true;
		if (body_indent(line, n) < indent)
			return false;
		if (n > indent + len && memcmp(line + indent, key, len) == 0 &&
		    line[indent + len] == ':') {
			*from_r = *to_r;
			found = true;
		}
	}
	*to_r = body->len;
	return found;
}

int
body_put_block(
    struct buf *out, size_t indent, const char *key, const char *text)
{
	const char *line;
	struct cursor c;
	size_t n;
	int rc;

	rc = buf_printf(out, "%*s%s: |\n", (int)indent, "", key);
	cursor_init(&c, text, strlen(text));
	while (rc == 0 && cursor_line(&c, &line, &n)) {
		if (n > 0 && line[n - 1] == '\r')
			n--;
		rc = n == 0 ? buf_putc(out, '\n')
			    : buf_printf(out, "%*s%.*s\n", (int)indent + 2, "",
				  (int)n, line);
	}
	return rc;
}

static int
put_value(struct buf *out, size_t indent, const char *key, const char *value)
{
	if (strchr(value, '\n') != NULL)
		return body_put_block(out, indent, key, value);
	return buf_printf(out, "%*s%s: %s\n", (int)indent, "", key, value);
}

int
body_set(
    const struct buf *body, const char *key, const char *value, struct buf *out)
{
	size_t first, indent, from, to;
	int rc;

	buf_reset(out);
	if (!find_children(body, &first, &indent))
		return AG_EINVAL;
	if (!find_key(body, key, first, indent, &from, &to))
		from = to = first;
	rc = buf_put(out, buf_str(body), from);
	if (rc == 0)
		rc = put_value(out, indent, key, value);
	return rc == 0 ? buf_put(out, buf_str(body) + to, body->len - to) : rc;
}

int
body_change(struct buf *body, const char *key, const char *value)
{
	struct buf out;
	int rc;

	buf_init(&out, MANIFEST_MAX + 64);
	rc = body_set(body, key, value, &out);
	if (rc == 0) {
		buf_reset(body);
		rc = buf_put(body, buf_str(&out), out.len);
	}
	buf_free(&out);
	return rc;
}
