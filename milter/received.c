/* SPDX-License-Identifier: MIT */
/*
 * received - writes our Received line. Pure; see received.h.
 */
#include <stdio.h>
#include <string.h>

#include "mail/date.h"
#include "milter/received.h"
#include "util/error.h"

#define WORD_MAX 256

/* Out of place in a word or a comment: what could end it, and all but
 * printable ASCII. */
static void
clean(const char *in, bool blanks, char out[WORD_MAX])
{
	size_t i;

	for (i = 0; i < WORD_MAX - 1 && in[i] != '\0'; i++) {
		unsigned char c = in[i];

		if ((c == ' ' && !blanks) || c < 0x20 || c >= 0x7f ||
		    strchr("<>()[]\\\";@,", c))
			c = '?';
		out[i] = c;
	}
	out[i] = '\0';
}

/* May the address stand in a "for" as it is? UTF-8 may (RFC 6532). */
static bool
address_is_plain(const char *a, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = a[i];

		if (c <= 0x20 || c == 0x7f || strchr("<>()\\\";,", c))
			return false;
	}
	return len > 0;
}

static int
write_from(const struct bundle_client *c, struct buf *out)
{
	char helo[WORD_MAX], name[WORD_MAX], address[WORD_MAX], tls[WORD_MAX];
	const char *v6 = strchr(c->address, ':') != NULL ? "IPv6:" : "";
	int rc;

	clean(c->helo[0] != '\0' ? c->helo : "unknown", false, helo);
	clean(c->name[0] != '\0' ? c->name : "unknown", false, name);
	clean(c->address[0] != '\0' ? c->address : "unknown", false, address);
	clean(c->tls, true, tls);
	rc = buf_printf(
	    out, "from %s (%s [%s%s])\r\n\t", helo, name, v6, address);
	if (rc != AG_OK || tls[0] == '\0')
		return rc;
	return buf_printf(out, "(using %s)\r\n\t", tls);
}

static int
write_for(const char *rcpt, struct buf *out)
{
	size_t len = strlen(rcpt);

	if (len >= 2 && rcpt[0] == '<' && rcpt[len - 1] == '>') {
		rcpt++;
		len -= 2;
	}
	if (!address_is_plain(rcpt, len))
		return AG_OK;
	return buf_printf(out, "\r\n\tfor <%.*s>", (int)len, rcpt);
}

int
received_write(const struct received *r, struct buf *out)
{
	char id[WORD_MAX], by[WORD_MAX], date[64];
	int rc;

	if ((rc = mail_date(r->time, date, sizeof(date))) != AG_OK)
		return rc;

	clean(r->id, false, id);
	clean(r->by, false, by);
	if ((rc = buf_puts(out, "Received: ")) != AG_OK)
		return rc;
	if (r->client != NULL && (rc = write_from(r->client, out)) != AG_OK)
		return rc;
	rc = buf_printf(out, "by %s (Agamid) with %s%s%s", by, r->with,
	    id[0] != '\0' ? " id " : "", id);
	if (rc == AG_OK && r->rcpt != NULL)
		rc = write_for(r->rcpt, out);
	return rc == AG_OK ? buf_printf(out, ";\r\n\t%s\r\n", date) : rc;
}

const char *
received_with(const char *protocol, bool tls, bool smtputf8)
{
	if (smtputf8)
		return tls ? "UTF8SMTPS" : "UTF8SMTP";
	if (strcmp(protocol, "SMTP") == 0)
		return "SMTP";
	return tls ? "ESMTPS" : "ESMTP";
}
