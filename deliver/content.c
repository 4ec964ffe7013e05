/* SPDX-License-Identifier: MIT */
/*
 * content - what makes two mails the same one. See content.h.
 *
 * A line ends with an LF. A field begins where a line of the header begins
 * with neither blank nor tab; the header ends at the first empty line.
 */
#include "deliver/content.h"

#include <string.h>
#include <strings.h>

void
content_init(struct content *c)
{
	memset(c, 0, sizeof(*c));
	crypto_hash_sha256_init(&c->hash);
	c->first = true;
}

static void
content_hash(struct content *c, const char *p, size_t len)
{
	crypto_hash_sha256_update(&c->hash, (const uint8_t *)p, len);
}

/* Which field begins here? Its name is complete, or is none of ours. */
static void
content_decide(struct content *c)
{
	c->name[c->name_len] = '\0';
	c->leaving_out = c->first && strcasecmp(c->name, "received:") == 0;
	c->in_message_id = strcasecmp(c->name, "message-id:") == 0;
	if (!c->leaving_out)
		content_hash(c, c->name, c->name_len);
	c->first = false;
	c->name_len = 0;
	c->state = CONTENT_LINE;
}

/* One byte at the front of a line: false if it belongs to what follows. */
static bool
content_name(struct content *c, char ch)
{
	if (c->name_len == 0 && (ch == ' ' || ch == '\t')) {
		c->first = false;
		c->state = CONTENT_LINE; /* continues the field */
		return false;
	}
	if (c->name_len == 0 && (ch == '\r' || ch == '\n')) {
		c->leaving_out = false;
		c->state = CONTENT_BODY;
		return false;
	}
	if (ch == '\r' || ch == '\n') {
		content_decide(c);
		return false;
	}
	c->name[c->name_len++] = ch;
	if (ch == ':' || c->name_len == sizeof(c->name) - 1)
		content_decide(c);
	return true;
}

/* A line's rest, its LF included; how many bytes. */
static size_t
content_line(struct content *c, const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t i, n = lf != NULL ? (size_t)(lf - p) + 1 : len;

	for (i = 0; c->in_message_id && !c->message_id && i < n; i++)
		c->message_id = (unsigned char)p[i] > ' ';
	if (!c->leaving_out)
		content_hash(c, p, n);
	if (lf != NULL)
		c->state = CONTENT_NAME;
	return n;
}

void
content_put(struct content *c, const void *data, size_t len)
{
	const char *p = data;
	size_t n;

	while (len > 0) {
		n = len;
		if (c->state == CONTENT_NAME)
			n = content_name(c, *p) ? 1 : 0;
		else if (c->state == CONTENT_LINE)
			n = content_line(c, p, len);
		else
			content_hash(c, p, len);
		p += n;
		len -= n;
	}
}

void
content_end(struct content *c, uint8_t data_r[CONTENT_SIZE])
{
	if (c->name_len > 0)
		content_decide(c);
	crypto_hash_sha256_final(&c->hash, data_r);
}

void
content_key(const char *mail, const char *rcpt,
    const uint8_t data[CONTENT_SIZE], uint8_t key_r[CONTENT_SIZE])
{
	crypto_hash_sha256_state st;

	/* With their NULs, so that no two pairs read the same. */
	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, (const uint8_t *)mail, strlen(mail) + 1);
	crypto_hash_sha256_update(&st, (const uint8_t *)rcpt, strlen(rcpt) + 1);
	crypto_hash_sha256_update(&st, data, CONTENT_SIZE);
	crypto_hash_sha256_final(&st, key_r);
}
