/* SPDX-License-Identifier: MIT */
/*
 * openpgp_packet - reading keys and writing packets as bytes. See
 * openpgp_packet.h.
 *
 * SHA-1 is here because a v4 key is named by it (RFC 4880 12.2); nothing
 * is believed because of it.
 *
 * SECURITY: reads keys that a peer wrote. Every length is checked against
 * what is there; nothing is allocated by a length that was read.
 */
#include "mail/openpgp_packet.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ARMOR_DASHES "-----"
#define BLANKS " \t\r\n"

/* The text between "-----BEGIN PGP what-----" and its END line. */
static int
armor_find(
    const char *text, const char *what, const char **body_r, size_t *len_r)
{
	char line[64];
	const char *p, *end;

	snprintf(
	    line, sizeof(line), ARMOR_DASHES "BEGIN PGP %s" ARMOR_DASHES, what);
	p = text + strspn(text, BLANKS);
	if (strncmp(p, line, strlen(line)) != 0)
		return AG_EINVAL;
	p += strlen(line);
	snprintf(
	    line, sizeof(line), ARMOR_DASHES "END PGP %s" ARMOR_DASHES, what);
	end = strstr(p, line);
	if (end == NULL)
		return AG_EINVAL;
	*body_r = p;
	*len_r = (size_t)(end - p);
	end += strlen(line);
	return end[strspn(end, BLANKS)] == '\0' ? 0 : AG_EINVAL;
}

/* Skip the armor's headers: up to and with the first blank line. */
static int
armor_skip_headers(const char **p, size_t *len)
{
	struct cursor c;
	const char *line;
	size_t n;

	cursor_init(&c, *p, *len);
	if (!cursor_line(&c, &line, &n)) /* the rest of the BEGIN line */
		return AG_EINVAL;
	while (cursor_line(&c, &line, &n)) {
		while (n > 0 && strchr(BLANKS, line[n - 1]) != NULL)
			n--;
		if (n == 0) {
			*p = c.p;
			*len = c.left;
			return 0;
		}
		if (memchr(line, ':', n) == NULL)
			break; /* the data, without a blank line before it */
	}
	return AG_EINVAL;
}

/* Cut off the checksum, a line "=XXXX" (RFC 4880 6.1); the engine that
 * reads the same text checks it. */
static size_t
armor_without_checksum(const char *p, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++)
		if (p[i] == '=' && p[i - 1] == '\n')
			return i;
	return len;
}

int
openpgp_packet_dearmor(
    const char *text, const char *what, struct buf *out, struct error *error_r)
{
	const char *p;
	size_t len, room, got;
	char *to;

	if (armor_find(text, what, &p, &len) < 0 ||
	    armor_skip_headers(&p, &len) < 0)
		return error_set(error_r, AG_EINVAL,
		    "not one armored block BEGIN PGP %s ... END PGP %s", what,
		    what);
	len = armor_without_checksum(p, len);
	room = len / 4 * 3 + 3;
	to = buf_reserve(out, room);
	if (to == NULL)
		return error_set(error_r, AG_ETOOBIG, "PGP %s: too big", what);
	if (sodium_base642bin((unsigned char *)to, room, p, len, BLANKS, &got,
		NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return error_set(error_r, AG_EINVAL,
		    "PGP %s: the armor holds what is not base64", what);
	buf_commit(out, got);
	return 0;
}

static bool
take_uint(struct cursor *c, unsigned bytes, size_t *n_r)
{
	const char *p;
	unsigned i;

	if (!cursor_take(c, bytes, &p))
		return false;
	for (*n_r = 0, i = 0; i < bytes; i++)
		*n_r = *n_r << 8 | (uint8_t)p[i];
	return true;
}

/* RFC 4880 4.2.1 */
static bool
old_length(struct cursor *c, unsigned type, size_t *len_r)
{
	return type < 3 && take_uint(c, 1U << type, len_r);
}

/* RFC 4880 4.2.2, less partial lengths */
static bool
new_length(struct cursor *c, size_t *len_r)
{
	size_t first, second;

	if (!take_uint(c, 1, &first))
		return false;
	if (first < 192) {
		*len_r = first;
		return true;
	}
	if (first < 224) {
		if (!take_uint(c, 1, &second))
			return false;
		*len_r = ((first - 192) << 8) + second + 192;
		return true;
	}
	return first == 255 && take_uint(c, 4, len_r);
}

int
openpgp_packet_next(struct cursor *c, struct openpgp_packet *packet_r)
{
	const char *p;
	uint8_t head;
	bool ok;

	memset(packet_r, 0, sizeof(*packet_r));
	if (c->left == 0)
		return 0;
	if (!cursor_take(c, 1, &p))
		return AG_EINVAL;
	head = (uint8_t)*p;
	if ((head & 0x80) == 0)
		return AG_EINVAL;
	if (head & 0x40) {
		packet_r->tag = head & 0x3f;
		ok = new_length(c, &packet_r->len);
	} else {
		packet_r->tag = (head & 0x3c) >> 2;
		ok = old_length(c, head & 3, &packet_r->len);
	}
	if (!ok || !cursor_take(c, packet_r->len, &p))
		return AG_EINVAL;
	packet_r->body = (const uint8_t *)p;
	return 1;
}

/* ---- SHA-1 (RFC 3174) ---- */

static uint32_t
rol(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_block(uint32_t h[5], const uint8_t *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	uint32_t f, k, t;
	unsigned i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		    (uint32_t)p[2] << 8 | p[3];
	for (; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (i = 0; i < 80; i++) {
		if (i < 20) {
			f = (b & c) | (~b & d);
			k = 0x5a827999;
		} else if (i < 40) {
			f = b ^ c ^ d;
			k = 0x6ed9eba1;
		} else if (i < 60) {
			f = (b & c) | (b & d) | (c & d);
			k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d;
			k = 0xca62c1d6;
		}
		t = rol(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* Of the n bytes at p, byte i; behind them the padding. */
static uint8_t
sha1_byte(const uint8_t *head, const uint8_t *body, size_t len, size_t i,
    size_t padded)
{
	uint64_t bits = (uint64_t)(3 + len) * 8;

	if (i < 3)
		return head[i];
	if (i < 3 + len)
		return body[i - 3];
	if (i == 3 + len)
		return 0x80;
	if (i >= padded - 8)
		return (uint8_t)(bits >> (8 * (padded - 1 - i)));
	return 0;
}

void
openpgp_packet_fingerprint(
    const void *body, size_t len, uint8_t fpr_r[PACKET_SHA1_SIZE])
{
	uint32_t h[5] = {
	    0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t head[3] = {0x99, (uint8_t)(len >> 8), (uint8_t)len};
	uint8_t block[64];
	size_t i, padded = (3 + len + 8) / 64 * 64 + 64;

	for (i = 0; i < padded; i++) {
		block[i % 64] = sha1_byte(head, body, len, i, padded);
		if (i % 64 == 63)
			sha1_block(h, block);
	}
	for (i = 0; i < PACKET_SHA1_SIZE; i++)
		fpr_r[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

/* ---- writing ---- */

int
openpgp_packet_put_uint(struct buf *out, uint32_t n, unsigned bytes)
{
	int rc = 0;

	while (bytes-- > 0 && rc == 0)
		rc = buf_putc(out, (char)(n >> (8 * bytes)));
	return rc;
}

int
openpgp_packet_put(struct buf *out, unsigned tag, const void *body, size_t len)
{
	int rc;

	if ((rc = buf_putc(out, (char)(0xc0 | tag))) < 0 ||
	    (rc = buf_putc(out, (char)0xff)) < 0 ||
	    (rc = openpgp_packet_put_uint(out, (uint32_t)len, 4)) < 0)
		return rc;
	return buf_put(out, body, len);
}

int
openpgp_packet_put_mpi(struct buf *out, const uint8_t *n, size_t len)
{
	unsigned bits;
	uint8_t top;
	int rc;

	while (len > 0 && *n == 0) {
		n++;
		len--;
	}
	bits = (unsigned)len * 8;
	if (len > 0)
		for (top = *n; (top & 0x80) == 0; top = (uint8_t)(top << 1))
			bits--;
	if ((rc = openpgp_packet_put_uint(out, bits, 2)) < 0)
		return rc;
	return buf_put(out, n, len);
}
