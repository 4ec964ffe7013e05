/* SPDX-License-Identifier: MIT */
/*
 * refused - manifests that were not taken. See refused.h.
 */
#include "cli/refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/store.h"
#include "util/file.h"
#include "util/text.h"

#define MAGIC "agamid-refused 1\n"
#define HASH_DIGITS (REFUSED_SHA256 - 1)

void
refused_begin(const struct buf *b, struct cursor *c)
{
	cursor_init(c, buf_str(b), b->len);
	if (!cursor_skip(c, MAGIC))
		cursor_init(c, "", 0);
}

/* "SHA256 SERIAL TIME REASON" */
static bool
parse_line(const char *line, size_t len, struct refusal *r)
{
	const char *sha256;
	struct cursor c;
	uint64_t time;

	memset(r, 0, sizeof(*r));
	cursor_init(&c, line, len);
	if (!cursor_take(&c, HASH_DIGITS, &sha256))
		return false;
	memcpy(r->sha256, sha256, HASH_DIGITS);
	if (!text_is_hex(r->sha256, HASH_DIGITS) || !cursor_skip(&c, " ") ||
	    !cursor_uint(&c, UINT64_MAX, &r->serial) || !cursor_skip(&c, " ") ||
	    !cursor_uint(&c, INT64_MAX, &time) || !cursor_skip(&c, " "))
		return false;
	r->time = (int64_t)time;
	snprintf(r->reason, sizeof(r->reason), "%.*s", (int)c.left, c.p);
	return true;
}

bool
refused_next(struct cursor *c, struct refusal *r)
{
	const char *line;
	size_t len;

	while (cursor_line(c, &line, &len)) {
		if (parse_line(line, len, r))
			return true;
	}
	return false;
}

bool
refused_has(const struct buf *b, const char *sha256)
{
	struct refusal r;
	struct cursor c;

	refused_begin(b, &c);
	while (refused_next(&c, &r)) {
		if (strcmp(r.sha256, sha256) == 0)
			return true;
	}
	return false;
}

/* One printable line, whatever came. */
static void
put_record(struct buf *b, const struct refusal *r)
{
	char reason[REFUSED_REASON_MAX + 1];
	size_t i;

	snprintf(reason, sizeof(reason), "%s", r->reason);
	for (i = 0; reason[i] != '\0'; i++) {
		if (reason[i] < ' ' || reason[i] > '~')
			reason[i] = '?';
	}
	(void)buf_printf(b, "%s %llu %lld %s\n", r->sha256,
	    (unsigned long long)r->serial, (long long)r->time, reason);
}

void
refused_add(struct buf *b, const struct refusal *r)
{
	struct refusal old;
	struct buf kept;
	struct cursor c;
	size_t count = 0, skip;

	refused_begin(b, &c);
	while (refused_next(&c, &old))
		count++;
	skip = count < REFUSED_KEPT ? 0 : count - REFUSED_KEPT + 1;
	buf_init(&kept, REFUSED_MAX);
	(void)buf_puts(&kept, MAGIC);
	refused_begin(b, &c);
	while (refused_next(&c, &old)) {
		if (skip > 0)
			skip--;
		else
			put_record(&kept, &old);
	}
	put_record(&kept, r);
	buf_reset(b);
	(void)buf_put(b, buf_str(&kept), kept.len);
	buf_free(&kept);
}

void
refused_read(const struct conf *conf, const char *node, struct buf *b)
{
	char *path = store_path(conf, node, STORE_REFUSED);

	buf_init(b, REFUSED_MAX);
	if (file_read(path, b, NULL) < 0)
		buf_reset(b);
	free(path);
}

int
refused_write(const struct conf *conf, const char *node, const struct buf *b,
    struct error *error_r)
{
	char *path = store_path(conf, node, STORE_REFUSED);
	int rc;

	rc = file_replace(path, buf_str(b), b->len, 0644, "intake", error_r);
	free(path);
	return rc;
}
