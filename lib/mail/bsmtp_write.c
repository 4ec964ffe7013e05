/* SPDX-License-Identifier: MIT */
/*
 * bsmtp_write - a batch SMTP transaction, written in pieces.
 *
 * The output is for a bundle alone. It is not fit to be sent to an SMTP
 * server: dots are stuffed behind CRLF, while servers may take a bare LF
 * for the end of a line as well.
 */
#include <string.h>

#include "mail/bsmtp.h"
#include "util/text.h"

static int
write_command(const char *verb, const struct bsmtp_path *p, struct buf *out)
{
	return buf_printf(out, "%s%s%s%s\r\n", verb, p->path,
	    *p->params != '\0' ? " " : "", p->params);
}

int
bsmtp_write_head(
    const struct bsmtp_envelope *e, const char *ehlo, struct buf *out)
{
	size_t i;
	int rc;

	/* SPEC B-3.1, B-3.3 */
	if (!text_is_domain(ehlo) || e->mail.path == NULL || e->rcpt_count == 0)
		return AG_EINVAL;
	rc = buf_printf(out, "EHLO %s\r\n", ehlo);
	if (rc == 0)
		rc = write_command("MAIL FROM:", &e->mail, out);
	for (i = 0; rc == 0 && i < e->rcpt_count; i++)
		rc = write_command("RCPT TO:", &e->rcpt[i], out);
	if (rc == 0)
		rc = buf_puts(out, "DATA\r\n");
	return rc;
}

/*
 * How many bytes of data belong to the line that s is in: up to its CRLF,
 * or all of them. Moves s behind them. SPEC B-3.7: a bare CR or LF ends
 * no line.
 */
static size_t
line_length(struct bsmtp_stuff *s, const char *data, size_t len)
{
	const char *p = data, *lf;

	while ((lf = memchr(p, '\n', len - (size_t)(p - data))) != NULL) {
		if (lf > data ? lf[-1] == '\r' : s->cr) {
			s->in_line = s->cr = false;
			return (size_t)(lf + 1 - data);
		}
		p = lf + 1;
	}
	s->in_line = true;
	s->cr = data[len - 1] == '\r';
	return len;
}

int
bsmtp_write_data(
    struct bsmtp_stuff *s, const void *data, size_t len, struct buf *out)
{
	const char *p = data;
	size_t n;
	int rc = 0;

	while (rc == 0 && len > 0) {
		if (!s->in_line && *p == '.')
			rc = buf_putc(out, '.');
		n = line_length(s, p, len);
		if (rc == 0)
			rc = buf_put(out, p, n);
		p += n;
		len -= n;
	}
	return rc;
}

int
bsmtp_write_tail(struct bsmtp_stuff *s, struct buf *out)
{
	int rc = 0;

	/* SPEC B-3.10 */
	if (s->in_line)
		rc = buf_puts(out, "\r\n");
	if (rc == 0)
		rc = buf_puts(out, ".\r\nQUIT\r\n");
	s->in_line = s->cr = false;
	return rc;
}
