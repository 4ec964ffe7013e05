/* SPDX-License-Identifier: MIT */
/*
 * text - small pure functions on text. See text.h.
 *
 * Nothing here depends on the locale: ctype(3) is not used, for a byte
 * over 127 must mean the same everywhere.
 *
 * SECURITY: these decide what a name, a domain and an address are; most
 * of what comes from a manifest or a peer passes through them.
 */
#include "util/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/error.h"
#include "util/log.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* 0 ... 15, or -1: lower-case digits only, so that a value has one form. */
static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void
text_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * len] = '\0';
}

bool
text_is_hex(const char *s, size_t digits)
{
	size_t i;

	for (i = 0; i < digits; i++) {
		if (hex_value(s[i]) < 0)
			return false;
	}
	return s[digits] == '\0';
}

int
text_unhex(const char *hex, uint8_t *out, size_t len)
{
	size_t i;

	if (!text_is_hex(hex, 2 * len))
		return AG_EINVAL;
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 |
		    hex_value(hex[2 * i + 1]));
	return 0;
}

int
text_base64(const uint8_t *data, size_t len, char *out, size_t outsize)
{
	if (outsize <
	    sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL)) {
		if (outsize > 0)
			out[0] = '\0';
		return AG_ETOOBIG;
	}
	sodium_bin2base64(
	    out, outsize, data, len, sodium_base64_VARIANT_ORIGINAL);
	return 0;
}

int
text_unbase64(const char *b64, uint8_t *out, size_t len)
{
	size_t got;

	if (sodium_base642bin(out, len, b64, strlen(b64), NULL, &got, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return AG_EINVAL;
	return got == len ? 0 : AG_EINVAL;
}

/* The digits at the front of s; *end_r is what stands behind them. */
static int
text_digits(const char *s, uint64_t max, uint64_t *n_r, const char **end_r)
{
	uint64_t n = 0, digit;
	const char *p;

	*n_r = 0;
	for (p = s; is_digit(*p); p++) {
		digit = (uint64_t)(*p - '0');
		if (digit > max || n > (max - digit) / 10)
			return AG_ETOOBIG;
		n = n * 10 + digit;
	}
	if (p == s || (p > s + 1 && *s == '0'))
		return AG_EINVAL;
	*n_r = n;
	*end_r = p;
	return 0;
}

int
text_uint(const char *s, uint64_t max, uint64_t *n_r)
{
	const char *end = s;
	int rc;

	/* What is no number at all is malformed, however long. */
	if (s[strspn(s, "0123456789")] != '\0') {
		*n_r = 0;
		return AG_EINVAL;
	}
	rc = text_digits(s, max, n_r, &end);
	return rc;
}

/* A number and one unit out of units; factors in the same order. */
static int
text_unit(const char *s, const char *units, const uint64_t *factors, bool need,
    uint64_t *n_r)
{
	uint64_t n, factor = 1;
	const char *end, *unit;
	int rc;

	*n_r = 0;
	rc = text_digits(s, UINT64_MAX, &n, &end);
	if (rc < 0)
		return rc;
	if (*end == '\0' && need)
		return AG_EINVAL;
	if (*end != '\0') {
		unit = strchr(units, *end);
		if (unit == NULL || end[1] != '\0')
			return AG_EINVAL;
		factor = factors[unit - units];
	}
	/* What does not fit off_t is of no use as a size or a time. */
	if (n > (uint64_t)INT64_MAX / factor)
		return AG_ETOOBIG;
	*n_r = n * factor;
	return 0;
}

int
text_size(const char *s, uint64_t *bytes_r)
{
	static const uint64_t factors[] = {
	    1ULL << 10, 1ULL << 20, 1ULL << 30, 1ULL << 40};

	return text_unit(s, "KMGT", factors, false, bytes_r);
}

int
text_duration(const char *s, uint64_t *seconds_r)
{
	static const uint64_t factors[] = {1, 60, 3600, 86400};

	return text_unit(s, "smhd", factors, true, seconds_r);
}

bool
text_is_node_name(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (i == 32 ||
		    (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-'))
			return false;
	}
	return i > 0 && s[0] != '-' && s[i - 1] != '-';
}

bool
text_is_mailbox_name(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (i == 64 ||
		    (!is_lower(s[i]) && !is_upper(s[i]) && !is_digit(s[i]) &&
			strchr("._-", s[i]) == NULL))
			return false;
	}
	return i > 0 && s[0] != '.';
}

/* One LDH label of this length (RFC 1123 section 2.1). */
static bool
is_label(const char *s, size_t len)
{
	size_t i;

	if (len < 1 || len > 63 || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (i = 0; i < len; i++) {
		if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-')
			return false;
	}
	return true;
}

bool
text_is_domain(const char *s)
{
	const char *label = s;
	unsigned labels = 1;
	size_t len;

	if (strlen(s) > 253)
		return false;
	for (;; labels++) {
		len = strcspn(label, ".");
		if (!is_label(label, len))
			return false;
		if (label[len] == '\0')
			break;
		label += len + 1;
	}
	/* A last label of digits would be an IPv4 address. */
	return labels > 1 && label[strspn(label, "0123456789")] != '\0';
}

void
text_lower(char *s)
{
	for (; *s != '\0'; s++) {
		if (is_upper(*s))
			*s = (char)(*s - 'A' + 'a');
	}
}

/* The length of the UTF-8 character at p (RFC 3629 section 4); 0 if there
 * is none, or a control character, or one that ends a line. */
static size_t
printable_utf8(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len, i;
	uint32_t c;

	if (*p < 0x80)
		return *p >= ' ' && *p != 0x7f;
	if (*p >= 0xc2 && *p <= 0xdf)
		len = 2, c = *p & 0x1fU;
	else if (*p >= 0xe0 && *p <= 0xef)
		len = 3, c = *p & 0x0fU;
	else if (*p >= 0xf0 && *p <= 0xf4)
		len = 4, c = *p & 0x07U;
	else
		return 0;
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (c < 0xa0 || c == 0x2028 || c == 0x2029)
		return 0;
	return len;
}

bool
text_is_line(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len;

	for (; *p != '\0'; p += len) {
		len = printable_utf8(p);
		if (len == 0)
			return false;
	}
	return true;
}

/* An address as bytes; an IPv4-mapped one as the IPv4 address. */
struct address {
	uint8_t bytes[16];
	unsigned bits; /* 32 or 128; 0: no address */
};

static struct address
address_parse(const char *s)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct address a = {.bits = 0};

	if (inet_pton(AF_INET, s, a.bytes) == 1) {
		a.bits = 32;
	} else if (inet_pton(AF_INET6, s, a.bytes) == 1) {
		a.bits = 128;
		if (memcmp(a.bytes, mapped, sizeof(mapped)) == 0) {
			memmove(a.bytes, a.bytes + 12, 4);
			a.bits = 32;
		}
	}
	return a;
}

static bool
same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	uint8_t mask;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	mask = (uint8_t)(0xff << (8 - bits % 8));
	return (a[bits / 8] & mask) == (b[bits / 8] & mask);
}

/* "net/bits" or "address"; false if it is neither. */
static bool
network_parse(const char *s, struct address *n_r, unsigned *bits_r)
{
	char prefix[INET6_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	uint64_t bits, most;
	bool mapped;

	*bits_r = 0;
	n_r->bits = 0;
	if (len >= sizeof(prefix))
		return false;
	memcpy(prefix, s, len);
	prefix[len] = '\0';
	*n_r = address_parse(prefix);
	*bits_r = n_r->bits;
	if (n_r->bits == 0 || slash == NULL)
		return n_r->bits != 0;
	/* "::ffff:192.0.2.0/120" counts the mapped form's bits. */
	mapped = n_r->bits == 32 && strchr(prefix, ':') != NULL;
	most = mapped ? 128 : n_r->bits;
	if (text_uint(slash + 1, most, &bits) < 0 || (mapped && bits < 96))
		return false;
	*bits_r = (unsigned)(mapped ? bits - 96 : bits);
	return true;
}

bool
text_is_address(const char *s)
{
	return address_parse(s).bits != 0;
}

/* Documentation and benchmark networks are not among these: they are
 * nobody's own, and labs use them as the outside. */
static const char *const special_nets[] = {"0.0.0.0/8", "10.0.0.0/8",
    "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/96",
    "64:ff9b:1::/48", "100::/64", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8"};

bool
text_address_is_special(const char *s)
{
	struct address a = address_parse(s);
	char embedded[INET_ADDRSTRLEN];
	size_t i;

	if (a.bits == 0)
		return true;
	for (i = 0; i < sizeof(special_nets) / sizeof(special_nets[0]); i++) {
		if (text_address_in(s, special_nets[i]))
			return true;
	}
	/* NAT64 (RFC 6052) carries an IPv4 address in its last four bytes. */
	if (!text_address_in(s, "64:ff9b::/96"))
		return false;
	return inet_ntop(AF_INET, a.bytes + 12, embedded, sizeof(embedded)) ==
	    NULL ||
	    text_address_is_special(embedded);
}

bool
text_address_in(const char *address, const char *net)
{
	struct address a = address_parse(address), n;
	unsigned bits;

	return a.bits != 0 && network_parse(net, &n, &bits) &&
	    n.bits == a.bits && same_prefix(a.bytes, n.bytes, bits);
}

bool
text_is_network(const char *s)
{
	struct address n;
	unsigned bits;

	return network_parse(s, &n, &bits);
}

void
text_time(int64_t t, char *out)
{
	const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
	time_t when = (time_t)(t < 0 ? 0 : t > last ? last : t);
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int
text_xtext(const char *s, char *out, size_t outsize)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *p;
	size_t at = 0;
	bool plain;

	for (p = (const unsigned char *)s; *p != '\0'; p++) {
		plain = *p > ' ' && *p <= '~' && *p != '+' && *p != '=';
		if (at + (plain ? 2 : 4) > outsize)
			goto toobig;
		if (plain) {
			out[at++] = (char)*p;
			continue;
		}
		out[at++] = '+';
		out[at++] = digits[*p >> 4];
		out[at++] = digits[*p & 15];
	}
	if (at >= outsize)
		goto toobig;
	out[at] = '\0';
	return 0;
toobig:
	if (outsize > 0)
		out[0] = '\0';
	return AG_ETOOBIG;
}

char *
xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (copy == NULL)
		log_fatal("out of memory");
	return copy;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		log_fatal("out of memory");
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (rc < 0)
		log_fatal("out of memory");
	return s;
}
