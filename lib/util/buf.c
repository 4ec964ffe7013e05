/* SPDX-License-Identifier: MIT */
/*
 * buf - a byte buffer with a maximum, and a checked reading cursor. See
 * buf.h.
 *
 * It does no I/O and logs nothing. A put must not point into the buffer
 * that it goes to.
 *
 * SECURITY: a buffer that grows moves; the bytes left behind are wiped,
 * so that buf_wipe() really leaves no copy of a secret.
 */
#include "util/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"

#define BUF_FIRST 256 /* the first allocation, where max allows it */

void
buf_init(struct buf *b, size_t max)
{
	assert(max < SIZE_MAX / 2);
	b->data = NULL;
	b->len = b->size = 0;
	b->max = max;
}

void
buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->size);
	buf_free(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

/* Room for len more bytes and the NUL. */
static int
buf_grow(struct buf *b, size_t len)
{
	size_t need, size;
	char *data;

	if (len > b->max - b->len)
		return AG_ETOOBIG;
	need = b->len + len + 1;
	if (need <= b->size)
		return 0;
	size = b->size != 0 ? b->size : BUF_FIRST;
	while (size < need)
		size *= 2;
	if (size > b->max + 1)
		size = b->max + 1;
	data = malloc(size);
	if (data == NULL)
		return AG_ENOMEM;
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->size);
		free(b->data);
	}
	data[b->len] = '\0';
	b->data = data;
	b->size = size;
	return 0;
}

int
buf_put(struct buf *b, const void *data, size_t len)
{
	int rc = buf_grow(b, len);

	if (rc < 0)
		return rc;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	buf_commit(b, len);
	return 0;
}

int
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

int
buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len, rc;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return AG_EINVAL;
	rc = buf_grow(b, (size_t)len);
	if (rc < 0)
		return rc;
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	b->len += (size_t)len;
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

char *
buf_reserve(struct buf *b, size_t len)
{
	return buf_grow(b, len) < 0 ? NULL : b->data + b->len;
}

void
buf_commit(struct buf *b, size_t len)
{
	assert(len < b->size - b->len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_consume(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

void
cursor_init(struct cursor *c, const void *data, size_t len)
{
	c->p = data;
	c->left = len;
}

static void
cursor_move(struct cursor *c, size_t len)
{
	c->p += len;
	c->left -= len;
}

bool
cursor_until(struct cursor *c, char sep, const char **p_r, size_t *len_r)
{
	const char *end = NULL;

	*p_r = NULL;
	*len_r = 0;
	if (c->left > 0)
		end = memchr(c->p, sep, c->left);
	if (end == NULL)
		return false;
	*p_r = c->p;
	*len_r = (size_t)(end - c->p);
	cursor_move(c, *len_r + 1);
	return true;
}

bool
cursor_line(struct cursor *c, const char **line_r, size_t *len_r)
{
	return cursor_until(c, '\n', line_r, len_r);
}

bool
cursor_skip(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if (len > c->left || (len > 0 && memcmp(c->p, text, len) != 0))
		return false;
	cursor_move(c, len);
	return true;
}

bool
cursor_take(struct cursor *c, size_t len, const char **p_r)
{
	*p_r = NULL;
	if (len > c->left)
		return false;
	*p_r = c->p;
	cursor_move(c, len);
	return true;
}

bool
cursor_uint(struct cursor *c, uint64_t max, uint64_t *n_r)
{
	uint64_t n = 0, digit;
	size_t i;

	*n_r = 0;
	for (i = 0; i < c->left && c->p[i] >= '0' && c->p[i] <= '9'; i++) {
		digit = (uint64_t)(c->p[i] - '0');
		if (digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (i == 0 || (i > 1 && c->p[0] == '0'))
		return false;
	cursor_move(c, i);
	*n_r = n;
	return true;
}
