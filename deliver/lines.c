/* SPDX-License-Identifier: MIT */
/*
 * lines - a message's bytes as lines that end in CRLF and nothing else.
 * See lines.h.
 *
 * SECURITY: what leaves here has no LF without a CR and no CR without an
 * LF. inject.c relies on it.
 */
#include "deliver/lines.h"

#include <string.h>

/* CRs that no LF followed. */
static int
lines_flush(struct lines *l, struct buf *out)
{
	int rc = 0;

	for (; rc == 0 && l->crs > 0; l->crs--) {
		rc = buf_putc(out, ' ');
		l->in_line = true;
	}
	return rc;
}

static int
lines_text(struct lines *l, const char *text, size_t len, struct buf *out)
{
	int rc;

	if (len == 0)
		return 0;
	rc = lines_flush(l, out);
	l->in_line = true;
	return rc < 0 ? rc : buf_put(out, text, len);
}

/* The length of what is neither CR nor LF. */
static size_t
lines_span(const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len), *cr;

	if (lf != NULL)
		len = (size_t)(lf - p);
	cr = memchr(p, '\r', len);
	return cr != NULL ? (size_t)(cr - p) : len;
}

int
lines_put(struct lines *l, const void *data, size_t len, struct buf *out)
{
	const char *p = data;
	size_t n;
	int rc = 0;

	while (rc == 0 && len > 0) {
		n = lines_span(p, len);
		rc = lines_text(l, p, n, out);
		p += n;
		len -= n;
		if (rc < 0 || len == 0)
			break;
		if (*p == '\n') {
			rc = buf_put(out, "\r\n", 2);
			l->crs = 0;
			l->in_line = false;
		} else if (++l->crs > LINES_CRS_MAX) {
			rc = lines_flush(l, out);
		}
		p++;
		len--;
	}
	return rc;
}

int
lines_end(struct lines *l, struct buf *out)
{
	if (!l->in_line && l->crs == 0)
		return 0;
	l->crs = 0;
	l->in_line = false;
	return buf_put(out, "\r\n", 2);
}
