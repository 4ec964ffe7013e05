/* SPDX-License-Identifier: MIT */
/*
 * sealed_part - finds the sealed part of a PGP/MIME message (RFC 3156
 * section 4) and hashes its lines. See sealed.h.
 *
 * Lines end in LF or CR LF: Dovecot may store either, and the hash is the
 * same. Memory is one line and one Content-Type.
 */
#include <string.h>
#include <strings.h>

#include "mail/sealed.h"
#include "util/error.h"

void
sealed_part_init(struct sealed_part *p, sealed_output *out, void *ctx)
{
	memset(p, 0, sizeof(*p));
	crypto_hash_sha256_init(&p->hash);
	p->out = out;
	p->ctx = ctx;
}

/* ---- headers ---- */

static void
type_add(struct sealed_part *p, const char *text)
{
	size_t used = strlen(p->type), len = strlen(text);

	if (p->too_long || used + len + 1 > sizeof(p->type)) {
		p->state = SEALED_BAD;
		return;
	}
	memcpy(p->type + used, text, len + 1);
}

/* A line of a header; the first Content-Type counts. */
static void
header_line(struct sealed_part *p)
{
	static const char name[] = "Content-Type:";

	if (p->line[0] == ' ' || p->line[0] == '\t') {
		if (p->in_type)
			type_add(p, p->line);
		return;
	}
	p->in_type =
	    !p->has_type && strncasecmp(p->line, name, sizeof(name) - 1) == 0;
	if (p->in_type) {
		p->has_type = true;
		type_add(p, p->line + sizeof(name) - 1);
	}
}

static void
header_begin(struct sealed_part *p, enum sealed_state state)
{
	p->type[0] = '\0';
	p->in_type = p->has_type = false;
	p->state = state;
}

static bool
type_is(const struct sealed_part *p, const char *want)
{
	const char *t = p->type + strspn(p->type, " \t");
	size_t len = strlen(want);

	return strncasecmp(t, want, len) == 0 &&
	    strchr(" \t;", t[len]) != NULL; /* the NUL, too */
}

static bool
type_boundary(struct sealed_part *p)
{
	const char *b = strcasestr(p->type, "boundary=");
	size_t len;

	if (b == NULL)
		return false;
	b += strlen("boundary=");
	if (*b == '"')
		len = strcspn(++b, "\"");
	else
		len = strcspn(b, " \t;");
	if (len == 0 || len > SEALED_BOUNDARY_MAX)
		return false;
	memcpy(p->boundary, b, len);
	p->boundary[len] = '\0';
	return true;
}

static enum sealed_state
header_end(struct sealed_part *p)
{
	switch (p->state) {
	case SEALED_HEADER:
		return type_is(p, "multipart/encrypted") &&
			strcasestr(p->type, "application/pgp-encrypted") !=
			    NULL &&
			type_boundary(p)
		    ? SEALED_PREAMBLE
		    : SEALED_BAD;
	case SEALED_CONTROL_HEADER:
		return type_is(p, "application/pgp-encrypted") ? SEALED_CONTROL
							       : SEALED_BAD;
	default:
		return type_is(p, "application/octet-stream") ? SEALED_DATA
							      : SEALED_BAD;
	}
}

/* ---- lines ---- */

/* 0: no delimiter; 1: a part begins; 2: the last part has ended. */
static int
delimiter(const struct sealed_part *p)
{
	size_t len = strlen(p->boundary);
	const char *rest;

	if (strncmp(p->line, "--", 2) != 0 ||
	    strncmp(p->line + 2, p->boundary, len) != 0)
		return 0;
	rest = p->line + 2 + len;
	if (strncmp(rest, "--", 2) == 0)
		return 2;
	return rest[strspn(rest, " \t")] == '\0' ? 1 : 0;
}

static int
data_line(struct sealed_part *p)
{
	if (delimiter(p) != 0) {
		p->state = delimiter(p) == 2 ? SEALED_DONE : SEALED_BAD;
		return 0;
	}
	if (p->too_long || strlen(p->line) != p->len) {
		p->state = SEALED_BAD;
		return 0;
	}
	p->line[p->len] = '\n';
	crypto_hash_sha256_update(
	    &p->hash, (const uint8_t *)p->line, p->len + 1);
	return p->out != NULL ? p->out(p->ctx, p->line, p->len + 1) : 0;
}

/* Between parts: where the next begins. */
static void
between_line(struct sealed_part *p, enum sealed_state next)
{
	int d = delimiter(p);

	if (d == 1)
		header_begin(p, next);
	else if (d == 2)
		p->state = SEALED_BAD;
}

/* A line without its end, and with a NUL behind it. */
static int
take_line(struct sealed_part *p)
{
	switch (p->state) {
	case SEALED_HEADER:
	case SEALED_CONTROL_HEADER:
	case SEALED_DATA_HEADER:
		if (p->line[0] != '\0')
			header_line(p);
		else
			p->state = header_end(p);
		return 0;
	case SEALED_PREAMBLE:
		between_line(p, SEALED_CONTROL_HEADER);
		return 0;
	case SEALED_CONTROL:
		between_line(p, SEALED_DATA_HEADER);
		return 0;
	case SEALED_DATA:
		return data_line(p);
	case SEALED_DONE:
	case SEALED_BAD:
		break;
	}
	return 0;
}

static int
end_line(struct sealed_part *p)
{
	int rc;

	if (!p->too_long && p->len > 0 && p->line[p->len - 1] == '\r')
		p->len--;
	p->line[p->len] = '\0';
	rc = take_line(p);
	p->len = 0;
	p->too_long = false;
	return rc;
}

static void
keep(struct sealed_part *p, const char *data, size_t len)
{
	size_t room = sizeof(p->line) - 1 - p->len;

	if (len > room) {
		p->too_long = true;
		len = room;
	}
	memcpy(p->line + p->len, data, len);
	p->len += len;
}

int
sealed_part_put(struct sealed_part *p, const void *data, size_t len)
{
	const char *at = data, *lf;
	size_t n;
	int rc;

	for (; len > 0 && p->state < SEALED_DONE; at += n, len -= n) {
		lf = memchr(at, '\n', len);
		n = lf != NULL ? (size_t)(lf - at) + 1 : len;
		keep(p, at, lf != NULL ? n - 1 : n);
		if (lf != NULL && (rc = end_line(p)) < 0)
			return rc;
	}
	return p->state == SEALED_BAD ? AG_EINVAL : 0;
}

int
sealed_part_end(struct sealed_part *p, uint8_t hash_r[SEALED_HASH_SIZE])
{
	int rc = 0;

	if (p->len > 0)
		rc = end_line(p);
	crypto_hash_sha256_final(&p->hash, hash_r);
	if (rc < 0)
		return rc;
	return p->state == SEALED_DONE ? 0 : AG_EINVAL;
}
