/* SPDX-License-Identifier: MIT */
/*
 * dsn_text - the notification's text. See dsn_text.h.
 *
 * SECURITY: addresses and parameters are a sender's. Each was parsed
 * (bsmtp.h), is cleaned once more where it stands in a field, and no field
 * is longer than a line may be.
 */
#include "deliver/dsn_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mail/date.h"
#include "util/error.h"

#define VALUE_MAX 900 /* a line has at most 998 bytes (RFC 5322) */
#define RCPTS_MAX 50 /* told of; more is no help to anyone */

int
dsn_text_address(const char *path, char *out, size_t outsize)
{
	size_t len = strlen(path);

	if (len < 3 || path[0] != '<' || path[len - 1] != '>' ||
	    len - 1 > outsize)
		return AG_EINVAL;
	memcpy(out, path + 1, len - 2);
	out[len - 2] = '\0';
	return 0;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s >= 0x80)
			return false;
	}
	return true;
}

static int
from_hex(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *p = c == '\0' ? NULL : strchr(digits, toupper((uint8_t)c));

	return p == NULL ? -1 : (int)(p - digits);
}

/* xtext (RFC 3461 section 4), and whatever is no printable ASCII as "?". */
static void
decode_xtext(const char *in, char *out, size_t outsize)
{
	size_t n = 0;
	int c;

	while (*in != '\0' && n + 1 < outsize) {
		c = (unsigned char)*in++;
		if (c == '+' && from_hex(in[0]) >= 0 && from_hex(in[1]) >= 0) {
			c = from_hex(in[0]) << 4 | from_hex(in[1]);
			in += 2;
		}
		out[n++] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	out[n] = '\0';
}

/* A code point of UTF-8 and its length; 0 where it is none. */
static size_t
code_point(const char *s, unsigned *c_r)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2, i;

	if (*p < 0xc2 || *p > 0xf4)
		return 0;
	*c_r = *p & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c_r = *c_r << 6 | (p[i] & 0x3f);
	}
	return len;
}

/* RFC 6533 section 3: other letters as \x{4E00}. */
static int
put_address(const char *address, struct buf *out)
{
	unsigned c;
	size_t len;
	int rc;

	if (is_ascii(address))
		return buf_printf(out, "rfc822; %.*s\n", VALUE_MAX, address);
	rc = buf_puts(out, "utf-8; ");
	while (rc == 0 && *address != '\0') {
		len = (unsigned char)*address < 0x80 ? 0
						     : code_point(address, &c);
		if (len > 0)
			rc = buf_printf(out, "\\x{%X}", c);
		else
			rc = buf_putc(out,
			    (unsigned char)*address < 0x80 ? *address : '?');
		address += len > 0 ? len : 1;
	}
	return rc < 0 ? rc : buf_putc(out, '\n');
}

/* "Original-Recipient: rfc822; x@y", if the sender gave ORCPT. */
static int
put_original(const struct bsmtp_path *rcpt, struct buf *out)
{
	char value[BSMTP_PARAMS_MAX], text[VALUE_MAX];
	char *address;

	if (bsmtp_param(rcpt, "ORCPT", value, sizeof(value)) == NULL)
		return 0;
	address = strchr(value, ';');
	if (address == NULL)
		return 0;
	*address++ = '\0';
	decode_xtext(address, text, sizeof(text));
	return buf_printf(out, "Original-Recipient: %s; %s\n", value, text);
}

static int
put_rcpt(const struct bsmtp_path *rcpt, struct buf *out)
{
	char address[ADDRESS_MAX + 1];
	int rc;

	rc = dsn_text_address(rcpt->path, address, sizeof(address));
	if (rc == 0)
		rc = buf_putc(out, '\n');
	if (rc == 0)
		rc = put_original(rcpt, out);
	if (rc == 0)
		rc = buf_puts(out, "Final-Recipient: ");
	if (rc == 0)
		rc = put_address(address, out);
	if (rc == 0) /* RFC 3463: delivery time expired */
		rc = buf_puts(out, "Action: failed\nStatus: 4.4.7\n");
	return rc;
}

static int
put_header(const struct dsn_facts *f, const char *sender, struct buf *out)
{
	char date[MAIL_DATE_MAX];
	int rc;

	rc = mail_date(f->now, date, sizeof(date));
	if (rc < 0)
		return rc;
	return buf_printf(out,
	    "Date: %s\n"
	    "From: Mail Delivery System <MAILER-DAEMON@%s>\n"
	    "To: <%s>\n"
	    "Message-ID: <dsn.%s@%s>\n"
	    "Subject: Your mail could not be delivered\n"
	    "Auto-Submitted: auto-replied\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\n"
	    " boundary=\"=_%s\"\n\n",
	    date, f->host, sender, f->unique, f->host, f->unique);
}

static int
put_words(const struct dsn_facts *f, struct buf *out)
{
	const struct bsmtp_envelope *e = &f->record->envelope;
	char date[MAIL_DATE_MAX], address[ADDRESS_MAX + 1];
	size_t i;
	int rc;

	rc = mail_date(f->record->time, date, sizeof(date));
	if (rc == 0)
		rc = buf_printf(out,
		    "--=_%s\n"
		    "Content-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: 8bit\n\n"
		    "This is the mail server of %s.\n\n"
		    "On %s it took a mail of yours for another\n"
		    "server, %s, which was out of reach. It was kept for\n"
		    "as long as that server wishes, which is now over. It was "
		    "not delivered to\n\n",
		    f->unique, f->host, date, f->home);
	for (i = 0; rc == 0 && i < e->rcpt_count && i < RCPTS_MAX; i++) {
		rc =
		    dsn_text_address(e->rcpt[i].path, address, sizeof(address));
		if (rc == 0)
			rc = buf_printf(out, "    %s\n", address);
	}
	if (rc == 0 && e->rcpt_count > RCPTS_MAX)
		rc = buf_printf(
		    out, "    and %zu others\n", e->rcpt_count - RCPTS_MAX);
	if (rc == 0)
		rc = buf_puts(out,
		    "\nThe mail itself was sealed and could not be read here, "
		    "so that it is not\nreturned.\n\n");
	return rc;
}

static int
put_status(const struct dsn_facts *f, struct buf *out)
{
	const struct bsmtp_envelope *e = &f->record->envelope;
	char value[BSMTP_PARAMS_MAX], text[VALUE_MAX], date[MAIL_DATE_MAX];
	size_t i;
	int rc;

	rc = buf_printf(out,
	    "--=_%s\n"
	    "Content-Type: message/delivery-status\n\n",
	    f->unique);
	if (rc == 0 &&
	    bsmtp_param(&e->mail, "ENVID", value, sizeof(value)) != NULL) {
		decode_xtext(value, text, sizeof(text));
		rc = buf_printf(out, "Original-Envelope-Id: %s\n", text);
	}
	if (rc == 0)
		rc = mail_date(f->record->time, date, sizeof(date));
	if (rc == 0)
		rc = buf_printf(out,
		    "Reporting-MTA: dns; %s\nArrival-Date: %s\n", f->host,
		    date);
	for (i = 0; rc == 0 && i < e->rcpt_count && i < RCPTS_MAX; i++)
		rc = put_rcpt(&e->rcpt[i], out);
	if (rc == 0)
		rc = buf_printf(out, "\n--=_%s--\n", f->unique);
	return rc;
}

int
dsn_text_write(const struct dsn_facts *f, struct buf *out)
{
	char sender[ADDRESS_MAX + 1];
	int rc;

	rc = dsn_text_address(
	    f->record->envelope.mail.path, sender, sizeof(sender));
	if (rc == 0)
		rc = put_header(f, sender, out);
	if (rc == 0)
		rc = put_words(f, out);
	if (rc == 0)
		rc = put_status(f, out);
	return rc;
}
