/* SPDX-License-Identifier: MIT */
/*
 * manifest_fields - checked lists and texts of a manifest. See
 * manifest_fields.h; the rules are doc/spec/manifest.md 3.
 *
 * Each value is stored in one canonical form, so that two manifests that
 * name the same thing hold the same text. Pure; the process's memory may
 * run out, nothing else may fail but the input.
 */
#include "manifests/manifest_fields.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"
#include "mail/openpgp.h"

#define LIST(a) (sizeof(a) / sizeof((a)[0]))

void
field_error(struct ynode *n, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	yaml_error(n, "%s: %s", ynode_path(n), text);
}

static void
field_expected(struct ynode *n, const char *text, const char *expected)
{
	field_error(n, "expected %s, found \"%.80s\"", expected, text);
}

struct ynode *
field_node(struct ynode *map, const char *key)
{
	struct ynode *n = NULL;

	yaml_get_any(map, key, YAML_MAY, &n);
	return n;
}

static const char *
take_text(const char *text, bool good, const char *expected, char *out)
{
	if (!good)
		return expected;
	snprintf(out, FIELD_MAX, "%s", text);
	return NULL;
}

/* SPEC M-3.16: a name with letters outside ASCII is stored as the DNS has
 * it, so that it is the same however it was written. */
const char *
field_take_domain(const char *text, char *out)
{
	static const char *const expected =
	    "a domain in lower case, such as bob.example";
	const char *p = text, *wrong;
	char *ascii = NULL;

	while (*p != '\0' && (unsigned char)*p < 0x80)
		p++;
	if (*p == '\0')
		return take_text(text, text_is_domain(text), expected, out);
	/* IDNA 2008 as it stands: what is not in its normal form (capital
	 * letters, other signs for a dot) is refused, not mapped. */
	if (idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii,
		IDN2_NO_TR46) != IDN2_OK)
		return expected;
	wrong = take_text(ascii, text_is_domain(ascii), expected, out);
	idn2_free(ascii);
	return wrong;
}

const char *
field_take_name(const char *text, char *out)
{
	return take_text(text, text_is_node_name(text),
	    "a name of 1 to 32 of a-z, 0-9 and - (not at an end)", out);
}

const char *
field_take_peer(const char *text, char *out)
{
	return take_text(text,
	    strcmp(text, "*") == 0 || text_is_node_name(text),
	    "a node's name or \"*\"", out);
}

/* SPEC M-3.6: what nobody can dial is nobody's address; private networks
 * (a VPN of friends) are. */
const char *
field_take_address(const char *text, char *out)
{
	static const char *const refused[] = {"0.0.0.0/8", "127.0.0.0/8",
	    "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/96",
	    "fe80::/10", "ff00::/8"};
	static const char *const expected =
	    "an IPv4 or IPv6 address that others can dial";
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	struct in6_addr a; /* the larger of both */
	size_t i;

	if (inet_pton(family, text, &a) != 1 ||
	    (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a)))
		return expected;
	for (i = 0; i < LIST(refused); i++) {
		if (text_address_in(text, refused[i]))
			return expected;
	}
	return inet_ntop(family, &a, out, FIELD_MAX) != NULL ? NULL : expected;
}

/* "ssh-ed25519 BLOB [comment]" without its comment (RFC 8709 section 4). */
const char *
field_take_ssh_key(const char *text, char *out)
{
	static const char type[] = "ssh-ed25519 ";
	static const uint8_t head[] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e',
	    'd', '2', '5', '5', '1', '9', 0, 0, 0, 32};
	static const char *const expected =
	    "an OpenSSH public key: \"ssh-ed25519 AAAA...\"";
	uint8_t blob[sizeof(head) + 32];
	char b64[128];
	size_t len;

	if (!text_is_line(text) || strncmp(text, type, strlen(type)) != 0)
		return expected;
	len = strcspn(text + strlen(type), " ");
	if (len >= sizeof(b64))
		return expected;
	memcpy(b64, text + strlen(type), len);
	b64[len] = '\0';
	if (text_unbase64(b64, blob, sizeof(blob)) != 0 ||
	    memcmp(blob, head, sizeof(head)) != 0)
		return expected;
	snprintf(out, FIELD_MAX, "%s%s", type, b64);
	return NULL;
}

int
field_text(struct ynode *map, const char *key, enum yaml_need need,
    field_take_fn *take, char **r)
{
	char out[FIELD_MAX];
	const char *text, *expected;

	if (need == YAML_NEED && field_node(map, key) == NULL) {
		yaml_error(map, "%s.%s: missing; expected %s", ynode_path(map),
		    key, take("", out)); /* no field may be empty */
		return 0;
	}
	if (!yaml_get_text(map, key, need, &text))
		return 0;
	if ((expected = take(text, out)) != NULL) {
		field_expected(field_node(map, key), text, expected);
		return 0;
	}
	*r = strdup(out);
	return *r != NULL ? 0 : AG_ENOMEM;
}

static bool
list_has(char *const *list, size_t count, const char *text)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(list[i], text) == 0)
			return true;
	}
	return false;
}

static int
list_add(struct ynode *item, field_take_fn *take, char **list, size_t *count)
{
	const char *text = ynode_text(item), *expected;
	char out[FIELD_MAX];

	if (text == NULL) {
		field_error(item, "expected a text");
		return 0;
	}
	if ((expected = take(text, out)) != NULL) {
		field_expected(item, text, expected);
		return 0;
	}
	if (list_has(list, *count, out)) {
		field_error(item, "\"%.80s\" is there twice", text);
		return 0;
	}
	if ((list[*count] = strdup(out)) == NULL)
		return AG_ENOMEM;
	(*count)++;
	return 0;
}

int
field_list(struct ynode *map, const char *key, enum yaml_need need, size_t min,
    size_t max, field_take_fn *take, char ***list_r, size_t *count_r)
{
	struct ynode *seq;
	size_t i, n;
	int rc = 0;

	if (!yaml_get_seq(map, key, need, &seq))
		return 0;
	n = ynode_count(seq);
	if (n < min || n > max) {
		field_error(
		    seq, "expected %zu to %zu entries, found %zu", min, max, n);
		return 0;
	}
	if ((*list_r = calloc(n + 1, sizeof(**list_r))) == NULL)
		return AG_ENOMEM;
	for (i = 0; rc == 0 && i < n; i++)
		rc = list_add(ynode_item(seq, i), take, *list_r, count_r);
	return rc;
}

static bool
is_armor(const char *text)
{
	static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
	static const char end[] = "\n-----END PGP PUBLIC KEY BLOCK-----";
	const char *tail;

	if (strncmp(text, begin, strlen(begin)) != 0)
		return false;
	tail = strstr(text, end);
	if (tail == NULL || strstr(text + strlen(begin), "\n-----") != tail)
		return false;
	tail += strlen(end);
	return tail[strspn(tail, "\n")] == '\0';
}

int
field_armor(struct ynode *map, const char *key, enum yaml_need need, char **r)
{
	const char *text;

	if (!yaml_get_text(map, key, need, &text))
		return 0;
	if (!is_armor(text) || strlen(text) > OPENPGP_KEY_MAX) {
		field_error(field_node(map, key),
		    "expected one armored OpenPGP public key (\"|\" and an "
		    "indented -----BEGIN PGP PUBLIC KEY BLOCK-----)");
		return 0;
	}
	*r = strdup(text);
	return *r != NULL ? 0 : AG_ENOMEM;
}
