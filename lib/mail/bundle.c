/* SPDX-License-Identifier: MIT */
/*
 * bundle - the head of a bundle's plaintext, and the padded length. The
 * batch SMTP transaction behind the head is bsmtp's.
 *
 * Pure functions; the caller streams.
 *
 * SECURITY: all of it was written by the acceptor. The head is well formed
 * when it was parsed, and the acceptor's own word when the ticket agrees;
 * that does not make it true. Errors name the line, never its content.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mail/bundle.h"
#include "mail/statement.h"
#include "util/text.h"

#define MAGIC "agamid-bundle 1 "
#define CLIENT_PREFIX "client-"
#define PADDED_MIN 1024

/* SPEC B-2.4: the known lines, in their order. */
static const struct field {
	const char *key;
	size_t offset, size;
} fields[] = {
#define FIELD(key, member)                                      \
	{                                                       \
		key, offsetof(struct bundle_client, member),    \
		    sizeof(((struct bundle_client *)0)->member) \
	}
    FIELD("client-name", name),
    FIELD("client-reverse-name", reverse_name),
    FIELD("client-address", address),
    FIELD("client-port", port),
    FIELD("client-helo", helo),
    FIELD("client-protocol", protocol),
    FIELD("client-tls", tls),
    FIELD("client-spf", spf),
#undef FIELD
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static bool
is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* One client line with its value cleaned. SPEC B-2.5 */
static int
write_client(const struct field *f, const char *value, struct buf *out)
{
	char clean[BUNDLE_CLIENT_VALUE_MAX + 1];
	size_t i;

	for (i = 0; i < f->size - 1 && value[i] != '\0'; i++)
		clean[i] = is_printable(value[i]) ? value[i] : '?';
	clean[i] = '\0';
	if (i == 0)
		return 0;
	return buf_printf(out, "%s: %s\r\n", f->key, clean);
}

static bool
is_well_formed(const struct bundle_head *h)
{
	return text_is_domain(h->network) && text_is_node_name(h->acceptor) &&
	    text_is_node_name(h->home) && text_is_hex(h->nonce, NONCE_LEN) &&
	    h->time >= 0 && h->time <= STATEMENT_TIME_MAX;
}

int
bundle_head_write(const struct bundle_head *h, struct buf *out)
{
	size_t before = out->len, i;
	int rc;

	if (!is_well_formed(h))
		return AG_EINVAL;
	rc = buf_printf(out, MAGIC "%s %s %s %s %" PRId64 "\r\n", h->network,
	    h->acceptor, h->home, h->nonce, h->time);
	for (i = 0; rc == 0 && i < FIELD_COUNT; i++)
		rc = write_client(&fields[i],
		    (const char *)&h->client + fields[i].offset, out);
	if (rc == 0)
		rc = buf_puts(out, "\r\n");
	if (rc < 0)
		statement_undo(out, before);
	return rc;
}

/* The next line without its CRLF; a CR or LF left in it is no text. */
static bool
next_line(struct cursor *c, const char **line_r, size_t *len_r)
{
	const char *end = memmem(c->p, c->left, "\r\n", 2);

	if (end == NULL)
		return false;
	*line_r = c->p;
	*len_r = (size_t)(end - c->p);
	c->left -= *len_r + 2;
	c->p += *len_r + 2;
	return true;
}

/* A word of the first line up to sep ('\0': to the end). */
static bool
take_word(struct cursor *c, char sep, char *word_r, size_t size)
{
	const char *p = c->p;
	size_t len = c->left;

	if (sep != '\0' && !cursor_until(c, sep, &p, &len))
		return false;
	if (len >= size || memchr(p, '\0', len) != NULL)
		return false;
	memcpy(word_r, p, len);
	word_r[len] = '\0';
	return true;
}

/* SPEC B-2.1, B-2.3 */
static int
parse_first(const char *line, size_t len, struct bundle_head *h)
{
	struct cursor c;
	char text[24];
	uint64_t n;

	cursor_init(&c, line, len);
	if (!cursor_skip(&c, MAGIC) ||
	    !take_word(&c, ' ', h->network, sizeof(h->network)) ||
	    !take_word(&c, ' ', h->acceptor, sizeof(h->acceptor)) ||
	    !take_word(&c, ' ', h->home, sizeof(h->home)) ||
	    !take_word(&c, ' ', h->nonce, sizeof(h->nonce)) ||
	    !take_word(&c, '\0', text, sizeof(text)) ||
	    text_uint(text, STATEMENT_TIME_MAX, &n) < 0)
		return AG_EINVAL;
	h->time = (int64_t)n;
	return is_well_formed(h) ? 0 : AG_EINVAL;
}

/* "client-" and lower-case letters, digits, '-'. */
static bool
is_client_key(const char *key, size_t len)
{
	size_t i, prefix = strlen(CLIENT_PREFIX);

	if (len <= prefix || memcmp(key, CLIENT_PREFIX, prefix) != 0)
		return false;
	for (i = prefix; i < len; i++) {
		if (!(key[i] >= 'a' && key[i] <= 'z') &&
		    !(key[i] >= '0' && key[i] <= '9') && key[i] != '-')
			return false;
	}
	return true;
}

static const struct field *
find_field(const char *key, size_t len)
{
	size_t i;

	for (i = 0; i < FIELD_COUNT; i++) {
		if (strlen(fields[i].key) == len &&
		    memcmp(fields[i].key, key, len) == 0)
			return &fields[i];
	}
	return NULL;
}

/* *last: the known line before this one. SPEC B-2.4, B-2.5, B-2.6 */
static int
parse_client(const char *line, size_t len, const struct field **last,
    struct bundle_client *client)
{
	const char *colon = memmem(line, len, ": ", 2);
	const struct field *f;
	size_t i;
	char *to;

	if (colon == NULL || !is_client_key(line, (size_t)(colon - line)))
		return AG_EINVAL;
	f = find_field(line, (size_t)(colon - line));
	len -= (size_t)(colon + 2 - line);
	if (len == 0 || len > BUNDLE_CLIENT_VALUE_MAX)
		return AG_EINVAL;
	for (i = 0; i < len; i++) {
		if (!is_printable(colon[2 + i]))
			return AG_EINVAL;
	}
	if (f == NULL)
		return 0;
	if (len >= f->size || (*last != NULL && f <= *last))
		return AG_EINVAL;
	*last = f;
	to = (char *)client + f->offset;
	memcpy(to, colon + 2, len);
	to[len] = '\0';
	return 0;
}

/* c: the head without its empty line. */
static int
parse_lines(struct cursor *c, struct bundle_head *h, struct error *error_r)
{
	const struct field *last = NULL;
	const char *line;
	unsigned number;
	size_t len;

	if (!next_line(c, &line, &len) || parse_first(line, len, h) < 0)
		return error_set(
		    error_r, AG_EINVAL, "line 1 of the bundle is malformed");
	for (number = 2; next_line(c, &line, &len); number++) {
		if (parse_client(line, len, &last, &h->client) < 0)
			return error_set(error_r, AG_EINVAL,
			    "line %u of the bundle is malformed", number);
	}
	return 0;
}

ssize_t
bundle_head_parse(const void *data, size_t len, struct bundle_head *h_r,
    struct error *error_r)
{
	const char *end;
	struct cursor c;
	int rc;

	memset(h_r, 0, sizeof(*h_r));
	if (len == 0)
		return 0;
	end = memmem(
	    data, len < BUNDLE_HEAD_MAX ? len : BUNDLE_HEAD_MAX, "\r\n\r\n", 4);
	if (end == NULL && len < BUNDLE_HEAD_MAX)
		return 0;
	if (end == NULL)
		return error_set(error_r, AG_EINVAL,
		    "the head of the bundle has no end within %d bytes",
		    BUNDLE_HEAD_MAX);
	cursor_init(&c, data, (size_t)(end + 2 - (const char *)data));
	rc = parse_lines(&c, h_r, error_r);
	if (rc < 0) {
		memset(h_r, 0, sizeof(*h_r));
		return rc;
	}
	return end + 4 - (const char *)data;
}

int
bundle_head_agrees(const struct bundle_head *h, const struct ticket *t)
{
	return strcmp(h->network, t->network) == 0 &&
		strcmp(h->acceptor, t->acceptor) == 0 &&
		strcmp(h->home, t->home) == 0 &&
		strcmp(h->nonce, t->nonce) == 0 && h->time == t->time
	    ? 0
	    : AG_ESIG;
}

static unsigned
log2_floor(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n);
}

/* SPEC B-4.2: as many low bits are zero as the exponent's length allows. */
uint64_t
bundle_padded(uint64_t len)
{
	unsigned exponent;
	uint64_t mask;

	if (len <= PADDED_MIN)
		return PADDED_MIN;
	exponent = log2_floor(len);
	mask = (UINT64_C(1) << (exponent - log2_floor(exponent) - 1)) - 1;
	return len > UINT64_MAX - mask ? len : (len + mask) & ~mask;
}
