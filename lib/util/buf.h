/* SPDX-License-Identifier: MIT */
/*
 * buf - a byte buffer with a maximum, and a checked reading cursor.
 *
 * A buf never grows over its maximum: a put that would returns AG_ETOOBIG
 * and leaves it unchanged. There is always a NUL behind the last byte, so
 * that text in it can be used as a C string.
 */
#ifndef AGAMID_BUF_H
#define AGAMID_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until the first put */
	size_t len;
	size_t size; /* allocated */
	size_t max; /* len never exceeds it */
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b); /* safe twice; keeps max */
void buf_wipe(struct buf *b); /* explicit_bzero, then free */
void buf_reset(struct buf *b); /* empty, memory kept */
const char *buf_str(const struct buf *b); /* "" when empty */

/* 0, AG_ETOOBIG or AG_ENOMEM. */
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Make room for len more bytes and return where they go, or NULL; then
 * say with buf_commit() how many were written. */
char *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

/* Remove len bytes at the front (len <= b->len). */
void buf_consume(struct buf *b, size_t len);

/* A cursor borrows bytes and never reads behind their end. */
struct cursor {
	const char *p;
	size_t left;
};

void cursor_init(struct cursor *c, const void *data, size_t len);

/* The next line without its "\n"; false if there is no whole line. */
bool cursor_line(struct cursor *c, const char **line_r, size_t *len_r);

/* Skip exactly this text; false (and no move) if it isn't next. */
bool cursor_skip(struct cursor *c, const char *text);

/* The next len bytes; false if fewer are left. */
bool cursor_take(struct cursor *c, size_t len, const char **p_r);

/* Up to sep, which is skipped; false if sep doesn't come. */
bool cursor_until(struct cursor *c, char sep, const char **p_r, size_t *len_r);

/* A decimal without sign, leading zeros (but "0") or blanks, <= max. */
bool cursor_uint(struct cursor *c, uint64_t max, uint64_t *n_r);

#endif
