/* SPDX-License-Identifier: MIT */
/*
 * spf - the SPF result in a field. See spf.h.
 */
#include "milter/spf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n"

/* The result that s begins with (RFC 7208 section 2.6). */
static bool
take_result(const char *s, char *out, size_t size)
{
	static const char *const results[] = {"none", "neutral", "pass", "fail",
	    "softfail", "temperror", "permerror"};
	size_t len = 0, i;

	while (isalpha((unsigned char)s[len]))
		len++;
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strlen(results[i]) == len &&
		    strncasecmp(s, results[i], len) == 0) {
			snprintf(out, size, "%s", results[i]);
			return true;
		}
	}
	return false;
}

/* RFC 7208 section 9.1: of another identity than MAIL FROM it says
 * nothing here. */
static bool
received_spf(const char *value, char *out, size_t size)
{
	const char *identity = strcasestr(value, "identity=");

	if (identity != NULL && strncasecmp(identity + 9, "mailfrom", 8) != 0 &&
	    strncasecmp(identity + 9, "\"mailfrom\"", 10) != 0)
		return false;
	return take_result(value, out, size);
}

/* The next ";" that is in no comment and no quotes, in which a sender's
 * words may stand; NULL: none. */
static const char *
next_part(const char *s)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0' && (quoted || depth > 0))
			s++;
		else if (*s == '"' && depth == 0)
			quoted = !quoted;
		else if (*s == '(' && !quoted)
			depth++;
		else if (*s == ')' && depth > 0)
			depth--;
		else if (*s == ';' && depth == 0 && !quoted)
			return s;
	}
	return NULL;
}

static bool
authentication_results(
    const char *value, const char *host, char *out, size_t size)
{
	size_t len = strlen(host);

	if (strncasecmp(value, host, len) != 0 || value[len] == '\0' ||
	    strchr(BLANKS ";", value[len]) == NULL)
		return false;
	while ((value = next_part(value)) != NULL) {
		value += 1 + strspn(value + 1, BLANKS);
		if (strncasecmp(value, "spf=", 4) == 0)
			return take_result(value + 4, out, size);
	}
	return false;
}

bool
spf_result(const char *name, const char *value, const char *host, char *out,
    size_t size)
{
	value += strspn(value, BLANKS);
	if (strcasecmp(name, "Received-SPF") == 0)
		return received_spf(value, out, size);
	if (strcasecmp(name, "Authentication-Results") == 0)
		return authentication_results(value, host, out, size);
	return false;
}
