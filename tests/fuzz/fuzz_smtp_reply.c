/* SPDX-License-Identifier: MIT */
/*
 * fuzz_smtp_reply - lib/mail/smtp_reply.c: any bytes are a reply, an error,
 * or too few; a reply's text ends, its one line is clean, and the same
 * bytes one shorter are never the same reply.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_reply(const struct smtp_reply *r)
{
	struct smtp_offer offer;
	char line[300], *p;

	if (r->code < 200 || r->code > 599 ||
	    memchr(r->text, '\0', sizeof(r->text)) == NULL)
		abort();
	smtp_reply_line(r, line, sizeof(line));
	if (memchr(line, '\0', sizeof(line)) == NULL)
		abort();
	for (p = line; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	}
	smtp_offer_parse(r, &offer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct smtp_reply r, shorter;
	ssize_t n;

	while ((n = smtp_reply_parse(data, len, &r)) > 0) {
		if ((size_t)n > len || data[n - 1] != '\n')
			abort();
		check_reply(&r);
		if (smtp_reply_parse(data, (size_t)n - 1, &shorter) > 0)
			abort();
		data += n;
		len -= (size_t)n;
	}
	if (n == 0 && len >= SMTP_REPLY_MAX)
		abort();
	return 0;
}
