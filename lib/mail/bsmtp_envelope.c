/* SPDX-License-Identifier: MIT */
/*
 * bsmtp_envelope - the envelope of a transaction: paths and ESMTP
 * parameters, checked on the way in.
 *
 * Used by those who write a batch, by its parser, and by the LMTP server.
 * Values are kept verbatim. It is only settled here that they are of a
 * known form; what they ask for is for others.
 *
 * SECURITY: whatever is in an envelope can be said to an SMTP server: no
 * control character, no blank that would begin another parameter.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/bsmtp.h"
#include "util/text.h"

void
bsmtp_envelope_init(struct bsmtp_envelope *e)
{
	memset(e, 0, sizeof(*e));
}

static void
free_path(struct bsmtp_path *p)
{
	free(p->path);
	free(p->params);
	p->path = p->params = NULL;
}

void
bsmtp_envelope_free(struct bsmtp_envelope *e)
{
	size_t i;

	free_path(&e->mail);
	for (i = 0; i < e->rcpt_count; i++)
		free_path(&e->rcpt[i]);
	free(e->rcpt);
	bsmtp_envelope_init(e);
}

/* One of a list of words, in any case. */
static bool
is_word(const char *s, size_t len, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strlen(*words) == len && strncasecmp(s, *words, len) == 0)
			return true;
	}
	return false;
}

/* RFC 6152 */
static bool
is_body(const char *s, size_t len)
{
	static const char *const words[] = {"7BIT", "8BITMIME", NULL};

	return is_word(s, len, words);
}

/* RFC 1870 */
static bool
is_size(const char *s, size_t len)
{
	return len >= 1 && len <= 20 && strspn(s, "0123456789") >= len;
}

/* RFC 3461 section 4.3 */
static bool
is_ret(const char *s, size_t len)
{
	static const char *const words[] = {"FULL", "HDRS", NULL};

	return is_word(s, len, words);
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);
	int n = at == NULL ? -1 : (int)(at - digits);

	return n > 15 ? n - 6 : n;
}

/*
 * RFC 3461 section 4; '=' may stand there, as Postfix lets it. Encoded
 * control characters may not: someone decodes it into a DSN. s has a NUL
 * or a blank behind its end.
 */
static bool
is_xtext(const char *s, size_t len)
{
	size_t i;
	int byte;

	for (i = 0; i < len; i++) {
		if (s[i] < 0x21 || s[i] > 0x7e)
			return false;
		if (s[i] != '+')
			continue;
		if (len - i < 3 || hex_digit(s[i + 1]) < 0 ||
		    hex_digit(s[i + 2]) < 0)
			return false;
		byte = hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]);
		if (byte < 0x20 || byte == 0x7f)
			return false;
	}
	return len > 0;
}

/* RFC 3461 section 4.1: NEVER alone, or a list of the others. */
static bool
is_notify(const char *s, size_t len)
{
	static const char *const never[] = {"NEVER", NULL};
	static const char *const words[] = {
	    "SUCCESS", "FAILURE", "DELAY", NULL};
	const char *comma;
	size_t n;

	if (is_word(s, len, never))
		return true;
	for (;; s += n + 1, len -= n + 1) {
		comma = memchr(s, ',', len);
		n = comma != NULL ? (size_t)(comma - s) : len;
		if (!is_word(s, n, words))
			return false;
		if (comma == NULL)
			return true;
	}
}

/* RFC 3461 section 4.2; RFC 6533 section 3 for the type utf-8, whose bytes
 * the caller has checked. */
static bool
is_orcpt(const char *s, size_t len)
{
	const char *semi = memchr(s, ';', len);
	size_t type, i;

	if (semi == NULL || semi == s)
		return false;
	type = (size_t)(semi - s);
	for (i = 0; i < type; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= 'A' && s[i] <= 'Z') &&
		    !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return false;
	}
	if (type == 5 && strncasecmp(s, "utf-8", 5) == 0)
		return len > type + 1;
	return is_xtext(semi + 1, len - type - 1);
}

struct param {
	const char *name;
	bool (*is_value)(const char *s, size_t len); /* NULL: has none */
};

/* SPEC B-3.6 */
static const struct param mail_params[] = {{"BODY", is_body}, {"SIZE", is_size},
    {"RET", is_ret}, {"ENVID", is_xtext}, {"SMTPUTF8", NULL}, {NULL, NULL}};
static const struct param rcpt_params[] = {
    {"NOTIFY", is_notify}, {"ORCPT", is_orcpt}, {NULL, NULL}};

/* One word: its parameter's place in the table, or -1. */
static int
find_param(const struct param *table, const char *word, size_t len)
{
	const char *equals = memchr(word, '=', len);
	size_t name = equals != NULL ? (size_t)(equals - word) : len;
	int i;

	for (i = 0; table[i].name != NULL; i++) {
		if (strlen(table[i].name) != name ||
		    strncasecmp(table[i].name, word, name) != 0)
			continue;
		if (table[i].is_value == NULL)
			return equals == NULL ? i : -1;
		if (equals == NULL)
			return -1;
		return table[i].is_value(equals + 1, len - name - 1) ? i : -1;
	}
	return -1;
}

/* Words parted by one blank, each known, none twice. */
static int
check_params(const char *params, const struct param *table)
{
	unsigned seen = 0;
	size_t len;
	int i;

	if (strlen(params) > BSMTP_PARAMS_MAX)
		return AG_ETOOBIG;
	if (*params == '\0')
		return 0;
	if (!text_is_line(params))
		return AG_EINVAL;
	for (;; params += len + 1) {
		len = strcspn(params, " ");
		i = find_param(table, params, len);
		if (i < 0 || (seen & 1U << i) != 0)
			return AG_EINVAL;
		seen |= 1U << i;
		if (params[len] == '\0')
			return 0;
	}
}

/* Check both, and copy them; brackets are put around a bare path. */
static int
make_path(const char *path, const char *params, const struct param *table,
    bool need_domain, struct bsmtp_path *p_r)
{
	struct address a;
	bool bare = *path != '<';
	int rc;

	rc = address_parse(path, &a);
	if (rc == 0 && need_domain && a.domain[0] == '\0')
		rc = AG_EINVAL;
	if (rc == 0)
		rc = check_params(params, table);
	if (rc < 0)
		return rc;
	p_r->path = malloc(strlen(path) + 3);
	p_r->params = strdup(params);
	if (p_r->path == NULL || p_r->params == NULL) {
		free_path(p_r);
		return AG_ENOMEM;
	}
	stpcpy(
	    stpcpy(stpcpy(p_r->path, bare ? "<" : ""), path), bare ? ">" : "");
	return 0;
}

int
bsmtp_set_mail(struct bsmtp_envelope *e, const char *path, const char *params)
{
	if (e->mail.path != NULL)
		return AG_EINVAL;
	return make_path(path, params, mail_params, false, &e->mail);
}

/* Room for one more; it grows by doubling. */
static int
grow_rcpt(struct bsmtp_envelope *e)
{
	struct bsmtp_path *more;
	size_t n = e->rcpt_count;

	if (n == BSMTP_RCPT_MAX)
		return AG_ETOOBIG;
	if ((n & (n - 1)) != 0)
		return 0;
	more = reallocarray(e->rcpt, n == 0 ? 1 : 2 * n, sizeof(*more));
	if (more == NULL)
		return AG_ENOMEM;
	e->rcpt = more;
	return 0;
}

int
bsmtp_add_rcpt(struct bsmtp_envelope *e, const char *path, const char *params)
{
	struct bsmtp_path p = {NULL, NULL};
	int rc;

	/* SPEC B-3.5 */
	rc = make_path(path, params, rcpt_params, true, &p);
	if (rc == 0)
		rc = grow_rcpt(e);
	if (rc < 0)
		free_path(&p);
	else
		e->rcpt[e->rcpt_count++] = p;
	return rc;
}

const char *
bsmtp_param(
    const struct bsmtp_path *p, const char *name, char *out, size_t outsize)
{
	const char *word = p->params;
	size_t len, n = strlen(name);

	for (; word != NULL; word = strchr(word, ' ')) {
		word += *word == ' ';
		if (strncasecmp(word, name, n) != 0 ||
		    (word[n] != '=' && word[n] != ' ' && word[n] != '\0'))
			continue;
		word += n + (word[n] == '=');
		len = strcspn(word, " ");
		if (len >= outsize)
			return NULL;
		memcpy(out, word, len);
		out[len] = '\0';
		return out;
	}
	return NULL;
}

/* The length of "<...>" at the front of arg, quotes honoured; 0: none. */
static size_t
path_length(const char *arg)
{
	bool quoted = false;
	size_t i;

	if (arg[0] != '<')
		return 0;
	for (i = 1; i < ADDRESS_MAX && arg[i] != '\0'; i++) {
		if (arg[i] == '\\' && quoted && arg[i + 1] != '\0')
			i++;
		else if (arg[i] == '"')
			quoted = !quoted;
		else if (arg[i] == '>' && !quoted)
			return i + 1;
	}
	return 0;
}

static int
parse_arg(struct bsmtp_envelope *e, const char *arg,
    int (*set)(struct bsmtp_envelope *e, const char *path, const char *params),
    const char *verb, struct error *error_r)
{
	char path[ADDRESS_MAX + 1];
	size_t len = path_length(arg);
	const char *params = arg + len;
	int rc = AG_EINVAL;

	if (len > 0 && (*params == '\0' || (*params == ' ' && params[1]))) {
		memcpy(path, arg, len);
		path[len] = '\0';
		if (*params == ' ')
			params++;
		rc = set(e, path, params);
	}
	switch (rc) {
	case 0:
		return 0;
	case AG_ETOOBIG:
		return error_set(error_r, rc, "%s: too long or too many", verb);
	case AG_ENOMEM:
		return error_set(error_r, rc, "out of memory");
	default:
		return error_set(error_r, rc,
		    "%s: path or parameters malformed, or one not known", verb);
	}
}

int
bsmtp_parse_mail(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r)
{
	if (e->mail.path != NULL)
		return error_set(error_r, AG_EINVAL, "MAIL a second time");
	return parse_arg(e, arg, bsmtp_set_mail, "MAIL", error_r);
}

int
bsmtp_parse_rcpt(
    struct bsmtp_envelope *e, const char *arg, struct error *error_r)
{
	return parse_arg(e, arg, bsmtp_add_rcpt, "RCPT", error_r);
}
