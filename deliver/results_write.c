/* SPDX-License-Identifier: MIT */
/*
 * results_write - Authentication-Results of what the acceptor saw. See
 * results.h.
 *
 * SECURITY: the values are the acceptor's word, from bytes that a stranger
 * chose. What is no token (RFC 2045) is quoted; no byte of it ends the
 * field or begins a comment.
 */
#include "deliver/results.h"

#include <stdio.h>
#include <string.h>

#include "util/error.h"

static bool
is_token(const char *s)
{
	static const char specials[] = "()<>@,;:\\\"/[]?=";

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~' || strchr(specials, *s) != NULL)
			return false;
	}
	return true;
}

/* " PROPERTY=VALUE"; nothing if there is none. */
static int
put_property(
    struct buf *out, const char *property, const char *value, size_t len)
{
	char text[BUNDLE_CLIENT_VALUE_MAX + 1];
	const char *p;
	int rc;

	snprintf(text, sizeof(text), "%.*s", (int)len, value);
	if (*text == '\0')
		return 0;
	if (is_token(text))
		return buf_printf(out, "\r\n\t%s=%s", property, text);
	rc = buf_printf(out, "\r\n\t%s=\"", property);
	for (p = text; rc == 0 && *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			rc = buf_putc(out, '\\');
		if (rc == 0)
			rc = buf_putc(out,
			    (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
	}
	return rc == 0 ? buf_putc(out, '"') : rc;
}

/* RFC 8601 section 2.7.2 */
static bool
is_spf_result(const char *s)
{
	static const char *const results[] = {"none", "pass", "fail",
	    "softfail", "neutral", "temperror", "permerror", "policy"};
	size_t i;

	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strcmp(s, results[i]) == 0)
			return true;
	}
	return false;
}

static int
put_spf(struct buf *out, const struct bundle_client *c, const char *mail)
{
	size_t len = strlen(mail);
	int rc;

	if (!is_spf_result(c->spf))
		return 0;
	rc = buf_printf(out, ";\r\n\tspf=%s", c->spf);
	if (rc == 0 && len > 2) /* not the null path */
		rc = put_property(out, "smtp.mailfrom", mail + 1, len - 2);
	if (rc == 0)
		rc = put_property(out, "smtp.helo", c->helo, strlen(c->helo));
	return rc;
}

static bool
is_known(const char *name)
{
	return *name != '\0' && strcmp(name, "unknown") != 0;
}

/* RFC 8601 section 2.7.3; Postfix has looked it up. */
static int
put_iprev(struct buf *out, const struct bundle_client *c)
{
	const char *result = "permerror"; /* there is no name */

	if (*c->address == '\0')
		return 0;
	if (is_known(c->name))
		result = "pass";
	else if (is_known(c->reverse_name))
		result = "fail";
	if (buf_printf(out, ";\r\n\tiprev=%s", result) < 0)
		return AG_ETOOBIG;
	return put_property(
	    out, "policy.iprev", c->address, strlen(c->address));
}

/* "PROTOCOL CIPHER" */
static int
put_tls(struct buf *out, const struct bundle_client *c)
{
	size_t version = strcspn(c->tls, " ");
	const char *cipher = c->tls + version;
	int rc;

	if (version == 0)
		return 0;
	cipher += strspn(cipher, " ");
	rc = buf_puts(out, ";\r\n\tx-tls=pass");
	if (rc == 0)
		rc = put_property(out, "smtp.version", c->tls, version);
	if (rc == 0)
		rc = put_property(out, "smtp.cipher", cipher, strlen(cipher));
	return rc;
}

int
results_write(const struct bundle_client *client, const char *host,
    const char *mail, struct buf *out)
{
	size_t before;
	int rc;

	rc = buf_printf(out, "Authentication-Results: %s", host);
	before = out->len;
	if (rc == 0)
		rc = put_spf(out, client, mail);
	if (rc == 0)
		rc = put_iprev(out, client);
	if (rc == 0)
		rc = put_tls(out, client);
	if (rc == 0 && out->len == before)
		rc = buf_puts(out, "; none");
	return rc == 0 ? buf_puts(out, "\r\n") : rc;
}
