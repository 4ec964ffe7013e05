/* SPDX-License-Identifier: MIT */
/*
 * statement - the lines that tickets and receipts are made of.
 *
 * Pure functions on a cursor; nothing here knows what a line means.
 */
#include <string.h>

#include "mail/statement.h"
#include "util/text.h"

#define SIGNATURE_KEY "signature "
#define SIGNATURE_TEXT_SIZE 89 /* base64 of 64 bytes, and its NUL */

int
statement_get_text(
    struct cursor *c, const char *key, char *value_r, size_t size)
{
	const char *line;
	size_t len;

	if (!cursor_skip(c, key) || !cursor_line(c, &line, &len))
		return AG_EINVAL;
	if (len == 0 || len >= size || memchr(line, '\0', len) != NULL)
		return AG_EINVAL;
	memcpy(value_r, line, len);
	value_r[len] = '\0';
	return 0;
}

int
statement_get_uint(
    struct cursor *c, const char *key, uint64_t max, uint64_t *value_r)
{
	char text[24];

	if (statement_get_text(c, key, text, sizeof(text)) < 0 ||
	    text_uint(text, max, value_r) < 0)
		return AG_EINVAL;
	return 0;
}

int
statement_get_time(struct cursor *c, int64_t *value_r)
{
	uint64_t n;

	if (statement_get_uint(c, "time ", STATEMENT_TIME_MAX, &n) < 0)
		return AG_EINVAL;
	*value_r = (int64_t)n;
	return 0;
}

int
statement_get_signature(
    struct cursor *c, uint8_t signature_r[KEYS_SIGNATURE_SIZE])
{
	char text[SIGNATURE_TEXT_SIZE];

	if (statement_get_text(c, SIGNATURE_KEY, text, sizeof(text)) < 0 ||
	    c->left != 0)
		return AG_EINVAL;
	return text_unbase64(text, signature_r, KEYS_SIGNATURE_SIZE);
}

int
statement_put_signature(
    struct buf *out, const uint8_t signature[KEYS_SIGNATURE_SIZE])
{
	char text[SIGNATURE_TEXT_SIZE];

	text_base64(signature, KEYS_SIGNATURE_SIZE, text, sizeof(text));
	return buf_printf(out, SIGNATURE_KEY "%s\n", text);
}

void
statement_undo(struct buf *out, size_t len)
{
	if (out->len > len) {
		out->len = len;
		out->data[len] = '\0';
	}
}

int
statement_is(const struct buf *b, const void *data, size_t len)
{
	return b->len == len && memcmp(buf_str(b), data, len) == 0 ? 0
								   : AG_EINVAL;
}
