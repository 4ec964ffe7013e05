/* SPDX-License-Identifier: MIT */
/*
 * key_body - a mailbox's entry in the manifest's YAML. See key_body.h.
 *
 * Like body.c it knows lines and indentation. What it makes is parsed
 * again by its callers.
 */
#include "cli/key_body.h"

#include <string.h>

#include "cli/body.h"
#include "util/error.h"

struct place {
	size_t from, to; /* the entry's lines, as offsets */
	size_t indent;
};

/* "NAME:", "'NAME':" or "\"NAME\":" at the line's beginning. */
static bool
is_named(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);
	char quote = '\0';

	if (len > 0 && (*line == '\'' || *line == '"')) {
		quote = *line++;
		len--;
	}
	if (len < n || memcmp(line, name, n) != 0)
		return false;
	line += n;
	len -= n;
	if (quote != '\0') {
		if (len == 0 || *line != quote)
			return false;
		line++;
		len--;
	}
	return len > 0 && *line == ':';
}

/* From behind "mailboxes:", which is indented by above. */
static bool
find_entry(const struct buf *body, struct cursor *c, size_t above,
    const char *mailbox, struct place *p)
{
	const char *line;
	bool found = false;
	size_t n, indent;

	while (cursor_line(c, &line, &n)) {
		indent = body_indent(line, n);
		if (indent == n)
			continue;
		p->to = (size_t)(line - buf_str(body));
		if (found && indent <= p->indent)
			return true;
		if (indent <= above)
			return false;
		if (!found && is_named(line + indent, n - indent, mailbox)) {
			p->from = p->to;
			p->indent = indent;
			found = true;
		}
	}
	p->to = body->len;
	return found;
}

static bool
find(const struct buf *body, const char *mailbox, struct place *p)
{
	struct cursor c;
	const char *line;
	size_t n, indent;

	cursor_init(&c, buf_str(body), body->len);
	while (cursor_line(&c, &line, &n)) {
		indent = body_indent(line, n);
		if (indent > 0 &&
		    is_named(line + indent, n - indent, "mailboxes"))
			return find_entry(body, &c, indent, mailbox, p);
	}
	return false;
}

/* In single quotes, which YAML takes as they are. */
static int
put_quoted(struct buf *out, const char *text)
{
	int rc = buf_putc(out, '\'');

	for (; rc == 0 && *text != '\0'; text++) {
		if (*text == '\'')
			rc = buf_putc(out, '\'');
		if (rc == 0)
			rc = buf_putc(out, *text);
	}
	return rc == 0 ? buf_putc(out, '\'') : rc;
}

static int
put_entry(struct buf *out, size_t indent, const char *mailbox,
    const char *matches, const char *key)
{
	int rc;

	rc = buf_printf(out, "%*s'%s':%s\n", (int)indent, "", mailbox,
	    matches == NULL && key == NULL ? " {}" : "");
	if (rc == 0 && matches != NULL) {
		rc = buf_printf(out, "%*smatches: ", (int)indent + 2, "");
		if (rc == 0)
			rc = put_quoted(out, matches);
		if (rc == 0)
			rc = buf_putc(out, '\n');
	}
	return rc == 0 && key != NULL
	    ? body_put_block(out, indent + 2, "openpgp", key)
	    : rc;
}

int
key_body_set(const struct buf *body, const char *mailbox, const char *matches,
    const char *key, struct buf *out)
{
	struct place p = {0, 0, 0};
	int rc;

	buf_reset(out);
	if (!find(body, mailbox, &p))
		return AG_ENOENT;
	rc = buf_put(out, buf_str(body), p.from);
	if (rc == 0)
		rc = put_entry(out, p.indent, mailbox, matches, key);
	return rc == 0 ? buf_put(out, buf_str(body) + p.to, body->len - p.to)
		       : rc;
}
