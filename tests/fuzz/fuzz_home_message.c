/* SPDX-License-Identifier: MIT */
/*
 * fuzz_home_message - what a message goes through on its way into the
 * home's Postfix: deliver/lines.c, deliver/headers.c, dot-stuffing. No
 * line ends but in CRLF, none of its lines is a lone dot, no X-Agamid-
 * field is left, and pieces of any size give the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deliver/content.h"
#include "deliver/headers.h"
#include "deliver/lines.h"
#include "mail/bsmtp.h"

#define IN_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct way {
	struct lines lines;
	struct headers headers;
	struct bsmtp_stuff stuff;
	struct content content;
	struct buf lined, filtered, out;
};

static void
way_begin(struct way *w)
{
	memset(w, 0, sizeof(*w));
	buf_init(&w->lined, 2 * IN_MAX + LINES_CRS_MAX + 2);
	buf_init(&w->filtered, 2 * IN_MAX + 2 * LINES_CRS_MAX);
	buf_init(&w->out, 8 * IN_MAX);
	content_init(&w->content);
}

static void
way_flow(struct way *w)
{
	buf_reset(&w->filtered);
	if (headers_put(&w->headers, buf_str(&w->lined), w->lined.len,
		&w->filtered) < 0 ||
	    bsmtp_write_data(
		&w->stuff, buf_str(&w->filtered), w->filtered.len, &w->out) < 0)
		abort();
	buf_reset(&w->lined);
}

static void
way_put(struct way *w, const void *data, size_t len)
{
	content_put(&w->content, data, len);
	if (lines_put(&w->lines, data, len, &w->lined) < 0)
		abort();
	way_flow(w);
}

static void
way_end(struct way *w)
{
	if (lines_end(&w->lines, &w->lined) < 0)
		abort();
	way_flow(w);
	buf_reset(&w->filtered);
	if (headers_end(&w->headers, &w->filtered) < 0 ||
	    bsmtp_write_data(
		&w->stuff, buf_str(&w->filtered), w->filtered.len, &w->out) < 0)
		abort();
}

static void
way_free(struct way *w)
{
	buf_free(&w->lined);
	buf_free(&w->filtered);
	buf_free(&w->out);
}

/* As Postfix reads it: lines end at an LF, CRs before it don't count. */
static void
check_out(const char *p, size_t len)
{
	bool header = true;
	const char *lf;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		lf = memchr(p, '\n', len);
		if (lf == NULL || lf == p || lf[-1] != '\r')
			abort();
		n = (size_t)(lf - p) + 1;
		if (memchr(p, '\r', n - 2) != NULL || (n == 3 && *p == '.'))
			abort();
		header = header && n > 2;
		if (header && n >= 9 && strncasecmp(p, "X-Agamid-", 9) == 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t hash[CONTENT_SIZE], again[CONTENT_SIZE];
	struct way whole, pieces;
	size_t i, n;

	if (len > IN_MAX)
		return 0;
	way_begin(&whole);
	way_put(&whole, data, len);
	way_end(&whole);
	check_out(buf_str(&whole.out), whole.out.len);
	way_begin(&pieces);
	for (i = 0; i < len; i += n) {
		n = 1 + data[i] % 7;
		if (n > len - i)
			n = len - i;
		way_put(&pieces, data + i, n);
	}
	way_end(&pieces);
	content_end(&whole.content, hash);
	content_end(&pieces.content, again);
	if (pieces.out.len != whole.out.len ||
	    memcmp(buf_str(&pieces.out), buf_str(&whole.out), whole.out.len) !=
		0 ||
	    memcmp(hash, again, sizeof(hash)) != 0 ||
	    whole.content.message_id != pieces.content.message_id)
		abort();
	way_free(&whole);
	way_free(&pieces);
	return 0;
}
