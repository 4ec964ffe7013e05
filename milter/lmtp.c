/* SPDX-License-Identifier: MIT */
/*
 * lmtp - parsers of LMTP commands, XFORWARD and message data. Pure; see
 * lmtp.h.
 */
#include <string.h>
#include <strings.h>

#include "milter/lmtp.h"
#include "util/error.h"

static const struct verb {
	const char *name;
	enum lmtp_verb verb;
} verbs[] = {
    {"LHLO", LMTP_LHLO},
    {"MAIL FROM:", LMTP_MAIL},
    {"RCPT TO:", LMTP_RCPT},
    {"DATA", LMTP_DATA},
    {"RSET", LMTP_RSET},
    {"NOOP", LMTP_NOOP},
    {"QUIT", LMTP_QUIT},
    {"VRFY", LMTP_VRFY},
    {"XFORWARD", LMTP_XFORWARD},
    {"HELO", LMTP_HELO},
    {"EHLO", LMTP_HELO},
};

/* The line's length without its end, or -1 for bytes that no command
 * has: controls, and DEL. */
static ssize_t
line_length(const char *line, size_t len)
{
	size_t i;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	for (i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return -1;
	return len;
}

static void
parse_verb(const char *line, size_t len, struct lmtp_command *c_r)
{
	size_t i, n;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		n = strlen(verbs[i].name);
		if (len < n || strncasecmp(line, verbs[i].name, n) != 0)
			continue;
		/* A word ends where it ends; "FROM:" may be followed at once. */
		if (len > n && verbs[i].name[n - 1] != ':' && line[n] != ' ')
			continue;
		while (n < len && line[n] == ' ')
			n++;
		c_r->verb = verbs[i].verb;
		memcpy(c_r->arg, line + n, len - n);
		c_r->arg[len - n] = '\0';
		return;
	}
}

ssize_t
lmtp_parse_command(
    const char *data, size_t len, struct lmtp_command *c_r, size_t *skip_r)
{
	const char *nl;
	ssize_t n;

	c_r->verb = LMTP_UNKNOWN;
	c_r->arg[0] = '\0';
	*skip_r = 0;
	nl = memchr(data, '\n', len < LMTP_LINE_MAX ? len : LMTP_LINE_MAX);
	if (nl == NULL)
		return len < LMTP_LINE_MAX ? 0 : AG_ETOOBIG;
	*skip_r = nl - data + 1;
	if ((n = line_length(data, nl - data)) < 0)
		return AG_EINVAL;
	parse_verb(data, n, c_r);
	return *skip_r;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* xtext (RFC 3461 section 4) of len bytes into out. */
static int
decode_xtext(const char *in, size_t len, char *out, size_t outsize)
{
	size_t i, o = 0;

	for (i = 0; i < len; i++) {
		unsigned char c = in[i];

		if (c == '+') {
			int hi = i + 2 < len ? hex_digit(in[i + 1]) : -1;
			int lo = i + 2 < len ? hex_digit(in[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return AG_EINVAL;
			c = hi << 4 | lo;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || o + 1 >= outsize)
			return AG_EINVAL;
		out[o++] = c;
	}
	out[o] = '\0';
	if (strcasecmp(out, "[UNAVAILABLE]") == 0 ||
	    strcasecmp(out, "[TEMPUNAVAIL]") == 0)
		out[0] = '\0';
	return AG_OK;
}

struct attribute {
	const char *name;
	char *value;
	size_t size;
};

static int
set_attribute(
    const struct attribute *table, size_t count, const char *word, size_t len)
{
	size_t i, n;

	for (i = 0; i < count; i++) {
		n = strlen(table[i].name);
		if (len > n && word[n] == '=' &&
		    strncasecmp(word, table[i].name, n) == 0)
			return decode_xtext(word + n + 1, len - n - 1,
			    table[i].value, table[i].size);
	}
	return AG_EINVAL;
}

int
lmtp_parse_xforward(const char *arg, struct lmtp_xforward *x)
{
	char source[16] = "";
	const struct attribute table[] = {
	    {"NAME", x->client.name, sizeof(x->client.name)},
	    {"ADDR", x->client.address, sizeof(x->client.address)},
	    {"PORT", x->client.port, sizeof(x->client.port)},
	    {"HELO", x->client.helo, sizeof(x->client.helo)},
	    {"PROTO", x->client.protocol, sizeof(x->client.protocol)},
	    {"IDENT", x->ident, sizeof(x->ident)},
	    {"SOURCE", source, sizeof(source)},
	};
	size_t len;
	int rc;

	for (; *arg != '\0'; arg += len) {
		arg += strspn(arg, " ");
		if ((len = strcspn(arg, " ")) == 0)
			break;
		rc = set_attribute(
		    table, sizeof(table) / sizeof(table[0]), arg, len);
		if (rc != AG_OK)
			return rc;
	}
	/* Postfix writes an IPv6 address as RFC 5321 has it. */
	if (strncasecmp(x->client.address, "IPv6:", 5) == 0)
		memmove(x->client.address, x->client.address + 5,
		    strlen(x->client.address + 5) + 1);
	if (source[0] != '\0')
		x->local = strcasecmp(source, "LOCAL") == 0;
	return AG_OK;
}

/* Where in the data we are; what a state has swallowed and not yet given
 * out is in its name. */
enum { AT_LINE, IN_LINE, GOT_CR, GOT_DOT, GOT_DOT_CR };

/* One byte in state GOT_DOT or GOT_DOT_CR; true at the end. */
static bool
after_dot(struct lmtp_data *d, char c, char *out, size_t *n)
{
	if (d->state == GOT_DOT && c == '\r') {
		d->state = GOT_DOT_CR;
		return false;
	}
	if (d->state == GOT_DOT_CR) {
		if (c == '\n')
			return true;
		out[(*n)++] = '\r'; /* the dot was stuffing */
	}
	out[(*n)++] = c;
	d->state = c == '\r' ? GOT_CR : IN_LINE;
	return false;
}

size_t
lmtp_data(struct lmtp_data *d, const char *in, size_t len, char *out,
    size_t *outlen_r, bool *end_r)
{
	size_t i, n = 0;

	*end_r = false;
	for (i = 0; i < len; i++) {
		char c = in[i];

		if (d->state == GOT_DOT || d->state == GOT_DOT_CR) {
			if ((*end_r = after_dot(d, c, out, &n))) {
				i++;
				break;
			}
			continue;
		}
		if (d->state == AT_LINE && c == '.') {
			d->state = GOT_DOT;
			continue;
		}
		out[n++] = c;
		if (c == '\r')
			d->state = GOT_CR;
		else if (c == '\n' && d->state == GOT_CR)
			d->state = AT_LINE;
		else
			d->state = IN_LINE;
	}
	*outlen_r = n;
	return i;
}
