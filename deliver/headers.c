/* SPDX-License-Identifier: MIT */
/*
 * headers - the header of a mail that comes home. See headers.h.
 *
 * It knows no fields but X-Agamid-*: all others, the acceptor's Received
 * line included, pass byte for byte.
 *
 * SECURITY: a first line that begins with a blank would continue our own
 * last field; an empty line is put before it, which makes it body, as
 * Postfix does with such a line.
 */
#include "deliver/headers.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "util/error.h"
#include "util/text.h"

static const char prefix[] = "X-Agamid-";

/* "X-Agamid-Once" of this bundle; out has 65 bytes. */
static void
make_once(const uint8_t secret[NODE_SECRET_SIZE], const char *id, char *out)
{
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&st, secret, NODE_SECRET_SIZE);
	crypto_auth_hmacsha256_update(&st, (const uint8_t *)id, strlen(id));
	crypto_auth_hmacsha256_final(&st, mac);
	sodium_memzero(&st, sizeof(st));
	text_hex(mac, sizeof(mac), out);
}

int
headers_write(const struct ticket *t, int64_t now,
    const uint8_t secret[NODE_SECRET_SIZE], struct buf *out)
{
	char accepted[21], once[65];
	int64_t held = now > t->time ? now - t->time : 0;

	text_time(t->time, accepted);
	make_once(secret, t->id, once);
	return buf_printf(out,
	    "%sVia: %s\r\n%sAccepted: %s\r\n%sHeld: %lld\r\n"
	    "%sId: %s\r\n%sOnce: %s\r\n",
	    prefix, t->acceptor, prefix, accepted, prefix, (long long)held,
	    prefix, t->id, prefix, once);
}

/* What was held back belongs to a line that stays. */
static int
headers_release(struct headers *h, struct buf *out)
{
	int rc = buf_put(out, h->held, h->held_len);

	h->held_len = 0;
	return rc;
}

/* The first byte of a line of the header. */
static int
headers_start(struct headers *h, char c, struct buf *out)
{
	bool first = h->state == HEADERS_FIRST;

	h->only_cr = c == '\r' || c == '\n';
	if (c == ' ' || c == '\t') {
		if (first) {
			h->state = HEADERS_BODY;
			return buf_put(out, "\r\n", 2);
		}
		h->state = h->skipping ? HEADERS_SKIP : HEADERS_LINE;
		return 0;
	}
	h->skipping = false;
	h->state = HEADERS_PREFIX;
	return 0;
}

/* One more byte of what may become X-Agamid-: takes it (1), or decides
 * that the line stays (0). */
static int
headers_match(struct headers *h, char c, struct buf *out)
{
	int rc;

	h->held[h->held_len] = c;
	if (strncasecmp(h->held, prefix, h->held_len + 1) != 0) {
		h->state = HEADERS_LINE;
		rc = headers_release(h, out);
		return rc < 0 ? rc : 0;
	}
	if (++h->held_len == HEADERS_PREFIX_LEN) {
		h->held_len = 0;
		h->skipping = true;
		h->state = HEADERS_SKIP;
	}
	return 1;
}

/* The length of a line's rest, its LF included. */
static size_t
headers_rest(const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);

	return lf != NULL ? (size_t)(lf - p) + 1 : len;
}

/* Bytes of a line that is decided; how many. */
static ssize_t
headers_line(struct headers *h, const char *p, size_t len, struct buf *out)
{
	size_t n = headers_rest(p, len);
	bool ends = p[n - 1] == '\n';
	int rc = 0;

	if (h->state == HEADERS_LINE)
		rc = buf_put(out, p, n);
	if (rc < 0)
		return rc;
	if (!ends)
		h->only_cr = h->only_cr && n == 1 && *p == '\r';
	else if (h->only_cr && (n == 1 || (n == 2 && *p == '\r')))
		h->state = HEADERS_BODY;
	else
		h->state = HEADERS_START;
	return (ssize_t)n;
}

/* Some bytes, at least one; how many. */
static ssize_t
headers_step(struct headers *h, const char *p, size_t len, struct buf *out)
{
	ssize_t n;
	int rc;

	switch (h->state) {
	case HEADERS_FIRST:
	case HEADERS_START:
		rc = headers_start(h, *p, out);
		return rc < 0 ? rc : 0;
	case HEADERS_PREFIX:
		return headers_match(h, *p, out);
	case HEADERS_LINE:
	case HEADERS_SKIP:
		return headers_line(h, p, len, out);
	case HEADERS_BODY:
		break;
	}
	n = (ssize_t)len;
	rc = buf_put(out, p, len);
	return rc < 0 ? rc : n;
}

int
headers_put(struct headers *h, const void *data, size_t len, struct buf *out)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = headers_step(h, p, len, out);
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
headers_end(struct headers *h, struct buf *out)
{
	return headers_release(h, out);
}
