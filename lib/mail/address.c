/* SPDX-License-Identifier: MIT */
/*
 * address - envelope addresses: one path in, local part and domain out.
 *
 * As lenient as Postfix where senders are known to be odd (dots doubled or
 * at an end of the local part, '_' in a domain, UTF-8), and strict in
 * what could mean something else to the next server: source routes,
 * address literals, control characters, blanks, a second '@'.
 *
 * SECURITY: what is accepted holds no control character, so that a path
 * kept verbatim can't begin a new line in an SMTP command or a table.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "util/error.h"
#include "util/text.h"

/* What a local part may hold only inside quotes (RFC 5321 section 4.1.2). */
#define SPECIALS "()<>[]:;@\\,\" "

/* Dot-string: up to the '@' or the end. The bytes taken, or AG_EINVAL. */
static int
parse_dot_string(const char *s, char *local_r)
{
	size_t len = strcspn(s, SPECIALS);

	if (len == 0 || (s[len] != '\0' && s[len] != '@'))
		return AG_EINVAL;
	memcpy(local_r, s, len);
	local_r[len] = '\0';
	return (int)len;
}

/* Quoted-string, with its quotes. The bytes taken, or AG_EINVAL. */
static int
parse_quoted(const char *s, char *local_r)
{
	const char *p = s + 1;
	size_t n = 0;

	while (*p != '"') {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return AG_EINVAL;
		local_r[n++] = *p++;
	}
	local_r[n] = '\0';
	return n == 0 ? AG_EINVAL : (int)(p + 1 - s);
}

static bool
is_domain_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_' || c >= 0x80;
}

/* Labels of 1 to 63 bytes, none with '-' at an end. */
static int
parse_domain(const char *s, char *domain_r, size_t size)
{
	size_t label = 0, i;

	if (strlen(s) >= size)
		return AG_ETOOBIG;
	strcpy(domain_r, s);
	text_lower(domain_r);
	for (i = 0;; i++) {
		unsigned char c = (unsigned char)domain_r[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || domain_r[i - 1] == '-')
				return AG_EINVAL;
			if (c == '\0')
				return 0;
			label = 0;
		} else {
			if (!is_domain_byte(c) || (label == 0 && c == '-'))
				return AG_EINVAL;
			label++;
		}
	}
}

/* s: the path without its brackets. */
static int
parse_mailbox(const char *s, struct address *a)
{
	int taken;

	taken = *s == '"' ? parse_quoted(s, a->local)
			  : parse_dot_string(s, a->local);
	if (taken < 0)
		return taken;
	s += taken;
	/* RFC 5321 section 4.1.1.3: postmaster alone needs no domain. */
	if (*s == '\0')
		return strcasecmp(a->local, "postmaster") == 0 ? 0 : AG_EINVAL;
	if (*s != '@')
		return AG_EINVAL;
	return parse_domain(s + 1, a->domain, sizeof(a->domain));
}

int
address_parse(const char *path, struct address *a_r)
{
	char bare[ADDRESS_MAX + 1];
	size_t len = strlen(path);
	int rc;

	memset(a_r, 0, sizeof(*a_r));
	if (len > ADDRESS_MAX)
		return AG_ETOOBIG;
	if (len > 0 && path[0] == '<') {
		if (len < 2 || path[len - 1] != '>')
			return AG_EINVAL;
		path++;
		len -= 2;
	}
	memcpy(bare, path, len);
	bare[len] = '\0';
	if (len == 0) {
		a_r->null = true;
		return 0;
	}
	if (len > ADDRESS_MAX - 2)
		return AG_ETOOBIG;
	if (!text_is_line(bare))
		return AG_EINVAL;
	rc = parse_mailbox(bare, a_r);
	if (rc < 0)
		memset(a_r, 0, sizeof(*a_r));
	return rc;
}
