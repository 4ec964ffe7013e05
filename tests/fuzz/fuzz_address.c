/* SPDX-License-Identifier: MIT */
/*
 * fuzz_address - lib/mail/address.c: what is accepted is clean text, means
 * the same with and without brackets and with the local part in quotes,
 * and can be the path of an envelope.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bsmtp.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_same(const char *path, const struct address *a)
{
	struct address b;
	int rc = address_parse(path, &b);

	/* Quotes and brackets may make it too long. */
	if (strlen(path) > ADDRESS_MAX)
		return;
	if (rc < 0 || memcmp(a, &b, sizeof(b)) != 0)
		abort();
}

static void
check_quoted(const struct address *a)
{
	char path[2 * ADDRESS_MAX + 300], *to = path;
	const char *from;

	to = stpcpy(to, "<\"");
	for (from = a->local; *from != '\0'; from++) {
		if (*from == '"' || *from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	snprintf(to, 300, "\"@%s>", a->domain);
	check_same(path, a);
}

static void
check_envelope(const char *path, const struct address *a)
{
	struct bsmtp_envelope e;
	char arg[ADDRESS_MAX + 32];

	bsmtp_envelope_init(&e);
	snprintf(arg, sizeof(arg), "%s BODY=7BIT", path);
	if (bsmtp_parse_mail(&e, arg, NULL) < 0 ||
	    strcmp(e.mail.path, path) != 0)
		abort();
	if ((bsmtp_parse_rcpt(&e, path, NULL) == 0) != (a->domain[0] != '\0'))
		abort();
	bsmtp_envelope_free(&e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[ADDRESS_MAX + 2], whole[ADDRESS_MAX + 4];
	struct address a;

	if (len >= sizeof(path))
		return 0;
	memcpy(path, data, len);
	path[len] = '\0';
	if (address_parse(path, &a) < 0)
		return 0;
	if (!text_is_line(path) || !text_is_line(a.local) ||
	    !text_is_line(a.domain) || a.null != (a.local[0] == '\0'))
		abort();
	snprintf(whole, sizeof(whole), path[0] == '<' ? "%s" : "<%s>", path);
	check_same(whole, &a);
	if (strlen(whole) <= ADDRESS_MAX)
		check_envelope(whole, &a);
	if (a.domain[0] != '\0')
		check_quoted(&a);
	return 0;
}
