/* SPDX-License-Identifier: MIT */
/*
 * smtp_reply - an SMTP server's replies. See smtp_reply.h.
 *
 * SECURITY: a server's words may be anybody's (even our own Postfix
 * repeats an address, a HELO name): they are kept in a bounded buffer, and
 * go on as one clean line only.
 */
#include "mail/smtp_reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/buf.h"

/* "250-text" or "250 text" or "250", without its line end. */
static int
smtp_line_parse(const char *p, size_t len, int *code_r, bool *last_r)
{
	if (len < 3 || p[0] < '2' || p[0] > '5' || p[1] < '0' || p[1] > '9' ||
	    p[2] < '0' || p[2] > '9')
		return AG_EINVAL;
	if (len > 3 && p[3] != ' ' && p[3] != '-')
		return AG_EINVAL;
	*code_r = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	*last_r = len == 3 || p[3] == ' ';
	return 0;
}

/* Append a line's text; what no longer fits is left out. */
static void
smtp_text_add(struct smtp_reply *r, size_t *used, const char *p, size_t len)
{
	size_t left = sizeof(r->text) - *used - 1;

	if (*used > 0 && left > 0) {
		r->text[(*used)++] = '\n';
		left--;
	}
	if (len > left)
		len = left;
	memcpy(r->text + *used, p, len);
	*used += len;
	r->text[*used] = '\0';
}

ssize_t
smtp_reply_parse(const void *data, size_t len, struct smtp_reply *r_r)
{
	const char *line;
	struct cursor c;
	size_t n, used = 0;
	bool last = false;
	int code;

	r_r->code = 0;
	r_r->text[0] = '\0';
	cursor_init(&c, data, len);
	while (!last) {
		if (!cursor_line(&c, &line, &n))
			return len >= SMTP_REPLY_MAX || c.left > SMTP_LINE_MAX
			    ? AG_ETOOBIG
			    : 0;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		if (smtp_line_parse(line, n, &code, &last) < 0 ||
		    (r_r->code != 0 && code != r_r->code))
			return AG_EINVAL;
		r_r->code = code;
		smtp_text_add(
		    r_r, &used, line + (n > 3 ? 4 : 3), n > 3 ? n - 4 : 0);
	}
	return (ssize_t)(len - c.left);
}

void
smtp_reply_line(const struct smtp_reply *r, char *out, size_t size)
{
	char *p;

	snprintf(out, size, "%d %s", r->code, r->text);
	for (p = out; *p != '\0'; p++) {
		if (*p == '\n')
			*p = ' ';
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
}

/* Is word among the blank-separated ones in args? */
static bool
smtp_has_word(const char *args, const char *word)
{
	size_t len = strlen(word), n;

	for (;; args += n) {
		args += strspn(args, " ");
		n = strcspn(args, " \n");
		if (n == 0)
			return false;
		if (n == len && strncasecmp(args, word, n) == 0)
			return true;
	}
}

static bool
smtp_has_xclient(const char *args)
{
	static const char *const words[] = {
	    "NAME", "REVERSE_NAME", "ADDR", "PORT", "HELO", "PROTO"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!smtp_has_word(args, words[i]))
			return false;
	}
	return true;
}

void
smtp_offer_parse(const struct smtp_reply *r, struct smtp_offer *o_r)
{
	const char *line = strchr(r->text, '\n');
	size_t n;

	memset(o_r, 0, sizeof(*o_r));
	for (; line != NULL; line = strchr(line, '\n')) {
		line++;
		n = strcspn(line, " \n");
		if (n == 8 && strncasecmp(line, "8BITMIME", n) == 0)
			o_r->eightbitmime = true;
		else if (n == 8 && strncasecmp(line, "SMTPUTF8", n) == 0)
			o_r->smtputf8 = true;
		else if (n == 3 && strncasecmp(line, "DSN", n) == 0)
			o_r->dsn = true;
		else if (n == 4 && strncasecmp(line, "SIZE", n) == 0)
			o_r->size = true;
		else if (n == 8 && strncasecmp(line, "STARTTLS", n) == 0)
			o_r->starttls = true;
		else if (n == 7 && strncasecmp(line, "XCLIENT", n) == 0)
			o_r->xclient = smtp_has_xclient(line + n);
	}
}
