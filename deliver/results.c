/* SPDX-License-Identifier: MIT */
/*
 * results - Authentication-Results, removed. See results.h; results_write.c
 * has the other half.
 *
 * Byte by byte as far as the header goes. A field whose authserv-id is not
 * found in RESULTS_HELD_MAX bytes is no honest one, and goes.
 */
#include "deliver/results.h"

#include <string.h>

static const char name[] = "authentication-results";

void
results_init(struct results *r, results_ours_fn *ours, const void *ctx)
{
	memset(r, 0, sizeof(*r));
	r->ours = ours;
	r->ctx = ctx;
	if (ours == NULL)
		r->state = RESULTS_BODY;
}

static int
results_release(struct results *r, struct buf *out)
{
	int rc = buf_put(out, r->held, r->held_len);

	r->held_len = 0;
	r->state = RESULTS_PASS;
	return rc;
}

/* The authserv-id is complete. */
static int
results_decide(struct results *r, struct buf *out)
{
	if (r->id_len > 0 && r->id[r->id_len - 1] == '.')
		r->id_len--;
	r->id[r->id_len] = '\0';
	if (!r->ours(r->ctx, r->id))
		return results_release(r, out);
	r->held_len = 0;
	r->state = RESULTS_SKIP;
	return 0;
}

static int
results_name(struct results *r, char c, struct buf *out)
{
	char lower = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;

	if (lower != name[r->held_len - 1])
		return results_release(r, out);
	if (r->held_len == sizeof(name) - 1)
		r->state = RESULTS_COLON;
	return 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
results_colon(struct results *r, char c, struct buf *out)
{
	if (c == ':')
		r->state = RESULTS_BLANK;
	else if (!is_blank(c))
		return results_release(r, out);
	return 0;
}

/* One more byte of the authserv-id. No host is so long. */
static int
results_id(struct results *r, char c, struct buf *out)
{
	if (r->id_len == RESULTS_ID_MAX - 1)
		return results_release(r, out);
	r->id[r->id_len++] = c;
	return 0;
}

/* RFC 5322 section 3.2.2: comments nest, and know a backslash. */
static void
results_comment(struct results *r, char c)
{
	if (r->escaped)
		r->escaped = false;
	else if (c == '\\')
		r->escaped = true;
	else if (c == '(')
		r->depth++;
	else if (c == ')')
		r->depth--;
}

static int
results_blank(struct results *r, char c, struct buf *out)
{
	if (r->depth > 0 || c == '(') {
		results_comment(r, c);
		return 0;
	}
	if (is_blank(c))
		return 0;
	if (c == ';')
		return results_decide(r, out);
	r->state = c == '"' ? RESULTS_QUOTED : RESULTS_TOKEN;
	return c == '"' ? 0 : results_id(r, c, out);
}

static int
results_token(struct results *r, char c, struct buf *out)
{
	if (is_blank(c) || c == ';' || c == '(')
		return results_decide(r, out);
	return results_id(r, c, out);
}

static int
results_quoted(struct results *r, char c, struct buf *out)
{
	if (!r->escaped && c == '\\') {
		r->escaped = true;
		return 0;
	}
	if (!r->escaped && c == '"')
		return results_decide(r, out);
	r->escaped = false;
	return results_id(r, c, out);
}

/* A line begins that does not continue the field: what of that is still
 * undecided? A quote without an end is no honest one. */
static int
results_field(struct results *r, char c, struct buf *out)
{
	int rc = 0;

	if (r->state == RESULTS_TOKEN)
		rc = results_decide(r, out);
	else if (r->state != RESULTS_QUOTED)
		rc = results_release(r, out);
	r->held_len = r->id_len = 0;
	r->depth = 0;
	r->escaped = false;
	r->state = c == '\r' || c == '\n' ? RESULTS_BODY : RESULTS_NAME;
	return rc;
}

static int
results_undecided(struct results *r, char c, struct buf *out)
{
	if (r->held_len == RESULTS_HELD_MAX) {
		r->held_len = 0;
		r->state = RESULTS_SKIP;
		return 0;
	}
	r->held[r->held_len++] = c;
	switch (r->state) {
	case RESULTS_NAME:
		return results_name(r, c, out);
	case RESULTS_COLON:
		return results_colon(r, c, out);
	case RESULTS_BLANK:
		return results_blank(r, c, out);
	case RESULTS_TOKEN:
		return results_token(r, c, out);
	default:
		return results_quoted(r, c, out);
	}
}

static int
results_byte(struct results *r, char c, struct buf *out)
{
	int rc = 0;

	if (!r->in_line && c != ' ' && c != '\t')
		rc = results_field(r, c, out);
	r->in_line = c != '\n';
	if (rc < 0 || r->state == RESULTS_SKIP)
		return rc;
	if (r->state == RESULTS_PASS || r->state == RESULTS_BODY)
		return buf_putc(out, c);
	return results_undecided(r, c, out);
}

int
results_put(struct results *r, const void *data, size_t len, struct buf *out)
{
	const char *p = data;
	int rc = 0;

	while (rc == 0 && len > 0 && r->state != RESULTS_BODY) {
		rc = results_byte(r, *p++, out);
		len--;
	}
	return rc < 0 || len == 0 ? rc : buf_put(out, p, len);
}

int
results_end(struct results *r, struct buf *out)
{
	return r->state == RESULTS_BODY ? 0 : results_field(r, '\n', out);
}
