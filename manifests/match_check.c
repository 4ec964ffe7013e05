/* SPDX-License-Identifier: MIT */
/*
 * match_check - the part of PCRE2 that a manifest's pattern may use, read
 * by hand. See match_check.h; the rules are doc/spec/manifest.md 4.
 *
 * What is allowed is listed, what is not listed is refused: a new version
 * of PCRE2 with a new construct changes nothing. Whether the pattern makes
 * sense beyond that (something to repeat, ranges in order) PCRE2 says
 * itself afterwards. A pure function.
 *
 * SECURITY: an accepted pattern stands, between \A(?: and )\z or between
 * ^(?: and )@domain$, in a Postfix table too: it must not be able to close
 * that group, end the line or the delimiter, turn on an option or change
 * how what follows it is read.
 */
#include "manifests/match_check.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

struct scan {
	const char *start, *p, *end;
	size_t shift;
	unsigned depth; /* open groups */
	struct error *error_r;
};

static int
scan_error(struct scan *s, const char *what)
{
	return error_set(s->error_r, AG_EINVAL, "at character %zu: %s",
	    (size_t)(s->p - s->start) + 1 + s->shift, what);
}

static bool
is_punct(char c)
{
	return strchr("!\"#$%&'()*+,-.:;<=>?[\\]^_`{|}~ ", c) != NULL &&
	    c != '\0';
}

/* Does s->p begin with text? */
static bool
scan_is(const struct scan *s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s->end - s->p) >= len && memcmp(s->p, text, len) == 0;
}

/* UTF-8 of what is not seen and changes how the rest is: C1 controls,
 * zero-width characters, and those that turn the direction of text. */
static bool
is_invisible(const struct scan *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t left = (size_t)(s->end - s->p);

	if (left >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
		return true;
	if (left < 3 || (p[0] != 0xe2 && p[0] != 0xef))
		return false;
	if (p[0] == 0xef) /* U+FEFF */
		return p[1] == 0xbb && p[2] == 0xbf;
	return (p[1] == 0x80 &&
		   ((p[2] >= 0x8b && p[2] <= 0x8f) || /* U+200B to 200F */
		       (p[2] >= 0xa8 && p[2] <= 0xae))) || /* 2028 to 202E */
	    (p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf); /* 2060 to 206F */
}

/* What may stand nowhere, however it is written. SPEC M-4.4 */
static int
check_byte(struct scan *s)
{
	unsigned char c = (unsigned char)*s->p;

	if (c < 0x20 || c == 0x7f || is_invisible(s))
		return scan_error(s, "a control character is not allowed");
	if (c == '@')
		return scan_error(s,
		    "'@' is not allowed; expected a pattern for the part "
		    "before it");
	if (c == '/')
		return scan_error(s, "'/' is not allowed");
	return 0;
}

static const char *
escape_problem(char c, bool in_set)
{
	if (c >= '0' && c <= '9')
		return "a back-reference or a byte by its number is not "
		       "allowed";
	switch (c) {
	case 'A':
	case 'z':
	case 'Z':
	case 'G':
	case 'B':
		return "an anchor is not allowed; the pattern is matched "
		       "against the whole local part";
	case 'b':
		return in_set ? "a control character is not allowed"
			      : "an anchor is not allowed; the pattern is "
				"matched against the whole local part";
	case 'g':
	case 'k':
		return "a back-reference or recursion is not allowed";
	case 'Q':
	case 'E':
		return "\\Q and \\E are not allowed; expected a backslash "
		       "before each special character";
	default:
		return "this escape is not allowed; expected \\d \\D \\w \\W "
		       "\\s \\S, or a backslash before a special character";
	}
}

static int
check_escape(struct scan *s, bool in_set)
{
	if (s->end - s->p < 2)
		return scan_error(s, "nothing follows the backslash");
	s->p++;
	if (check_byte(s) != 0)
		return AG_EINVAL;
	if (strchr("dDwWsS", *s->p) == NULL && !is_punct(*s->p)) {
		s->p--;
		return scan_error(s, escape_problem(s->p[1], in_set));
	}
	s->p++;
	return 0;
}

/* "[:alpha:]" inside a set; nothing else may begin with a bracket there.
 * ([[:<:]] would be an anchor.) */
static int
check_posix_class(struct scan *s)
{
	static const char *const classes[] = {"[:alnum:]", "[:alpha:]",
	    "[:ascii:]", "[:blank:]", "[:digit:]", "[:graph:]", "[:lower:]",
	    "[:print:]", "[:punct:]", "[:space:]", "[:upper:]", "[:word:]",
	    "[:xdigit:]"};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (scan_is(s, classes[i])) {
			s->p += strlen(classes[i]);
			return 0;
		}
	}
	return scan_error(s,
	    "'[' inside a set is not allowed; expected \\[, or a class such "
	    "as [:alnum:]");
}

static int
check_set(struct scan *s)
{
	const char *open = s->p;
	int rc = 0;

	s->p++;
	if (s->p < s->end && *s->p == '^')
		s->p++;
	if (s->p < s->end && *s->p == ']')
		return scan_error(
		    s, "a set is empty; expected \\] for the bracket itself");
	while (rc == 0 && s->p < s->end && *s->p != ']') {
		if (*s->p == '\\')
			rc = check_escape(s, true);
		else if (*s->p == '[')
			rc = check_posix_class(s);
		else if ((unsigned char)*s->p > 0x7f)
			rc = scan_error(s,
			    "a letter outside ASCII in a set is not allowed; "
			    "expected alternatives: (?:...|...)");
		else if ((rc = check_byte(s)) == 0)
			s->p++;
	}
	if (rc != 0)
		return rc;
	if (s->p == s->end) {
		s->p = open;
		return scan_error(s, "a set is not closed; expected ']'");
	}
	s->p++;
	return 0;
}

/* What follows "(?" or "(*", in words. */
static const char *
group_problem(const struct scan *s)
{
	static const struct {
		const char *begin, *problem;
	} known[] = {
	    {"(*", "a verb is not allowed"},
	    {"(?=", "look-ahead is not allowed"},
	    {"(?!", "look-ahead is not allowed"},
	    {"(?<=", "look-behind is not allowed"},
	    {"(?<!", "look-behind is not allowed"},
	    {"(?*", "look-around is not allowed"},
	    {"(?<*", "look-around is not allowed"},
	    {"(?C", "a callout is not allowed"},
	    {"(?#", "a comment is not allowed"},
	    {"(?(", "a conditional group is not allowed"},
	    {"(?>", "an atomic group is not allowed"},
	    {"(?|", "a branch reset group is not allowed"},
	    {"(?P=", "a back-reference is not allowed"},
	    {"(?P>", "recursion is not allowed"},
	    {"(?R", "recursion is not allowed"},
	    {"(?&", "recursion is not allowed"},
	    {"(?+", "recursion is not allowed"},
	    {"(?P<", "a named group is not allowed"},
	    {"(?<", "a named group is not allowed"},
	    {"(?'", "a named group is not allowed"},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (scan_is(s, known[i].begin))
			return known[i].problem;
	}
	if (s->end - s->p > 2 && s->p[2] >= '0' && s->p[2] <= '9')
		return "recursion is not allowed";
	return "an option is not allowed";
}

static int
check_group(struct scan *s)
{
	size_t skip = 1;

	if (scan_is(s, "(?:"))
		skip = 3;
	else if (scan_is(s, "(?") || scan_is(s, "(*"))
		return error_set(s->error_r, AG_EINVAL,
		    "at character %zu: %s; expected (...) or (?:...)",
		    (size_t)(s->p - s->start) + 1 + s->shift, group_problem(s));
	if (++s->depth > MATCH_NEST_MAX)
		return scan_error(s, "groups are nested too deep");
	s->p += skip;
	return 0;
}

static int
check_close(struct scan *s)
{
	if (s->depth == 0)
		return scan_error(s, "')' closes no group; expected \\)");
	s->depth--;
	s->p++;
	return 0;
}

/* A number of a repeat; UINT_MAX where there is none. */
static unsigned
repeat_number(struct scan *s)
{
	unsigned n = 0;

	if (s->p == s->end || *s->p < '0' || *s->p > '9')
		return UINT_MAX;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
		if (n <= MATCH_REPEAT_MAX)
			n = n * 10 + (unsigned)(*s->p - '0');
		s->p++;
	}
	return n;
}

/* {n}, {n,} or {n,m}: all that has had one meaning in every version. */
static int
check_count(struct scan *s)
{
	const char *open = s->p++;
	unsigned n, m = 0;

	n = repeat_number(s);
	if (n != UINT_MAX && s->p < s->end && *s->p == ',') {
		s->p++;
		m = repeat_number(s);
		if (m == UINT_MAX)
			m = 0;
	}
	if (n == UINT_MAX || s->p == s->end || *s->p != '}') {
		s->p = open;
		return scan_error(s,
		    "'{' begins no repeat; expected {n}, {n,} or {n,m}, or "
		    "\\{ for the brace itself");
	}
	if (n > MATCH_REPEAT_MAX || m > MATCH_REPEAT_MAX) {
		s->p = open;
		return scan_error(s, "a repeat over 512 is not allowed");
	}
	s->p++;
	return 0;
}

/* A repeat, greedy or lazy. A possessive one (and an atomic group) gives
 * nothing back: ".*+" would swallow the "@domain" of a Postfix table. */
static int
check_repeat(struct scan *s)
{
	int rc = 0;

	if (*s->p == '{')
		rc = check_count(s);
	else
		s->p++;
	if (rc != 0 || s->p == s->end)
		return rc;
	if (*s->p == '+')
		return scan_error(s,
		    "a possessive repeat is not allowed; expected \\+ for the "
		    "character itself");
	if (*s->p == '?')
		s->p++;
	if (s->p < s->end && strchr("*+?{", *s->p) != NULL)
		return scan_error(s,
		    "a repeat of a repeat is not allowed; expected the first "
		    "in a group: (?:...)");
	return 0;
}

/* PCRE2 sees bytes here: a repeat would take the last one alone. */
static int
check_letter(struct scan *s)
{
	while (s->p < s->end && (unsigned char)*s->p > 0x7f)
		s->p++;
	if (s->p < s->end && strchr("*+?{", *s->p) != NULL)
		return scan_error(s,
		    "a repeat of a letter outside ASCII is not allowed; "
		    "expected it in a group: (?:...)");
	return 0;
}

static int
check_next(struct scan *s)
{
	switch (*s->p) {
	case '\\':
		return check_escape(s, false);
	case '[':
		return check_set(s);
	case '(':
		return check_group(s);
	case ')':
		return check_close(s);
	case '*':
	case '+':
	case '?':
	case '{':
		return check_repeat(s);
	case '}':
		return scan_error(s, "'}' closes no repeat; expected \\}");
	case ']':
		return scan_error(s, "']' closes no set; expected \\]");
	case '^':
	case '$':
		return scan_error(s,
		    "an anchor is not allowed but ^ as the first and $ as the "
		    "last character; expected \\^ or \\$ for itself");
	default:
		if ((unsigned char)*s->p > 0x7f)
			return check_letter(s);
		s->p++;
		return 0;
	}
}

int
match_check(const char *text, size_t len, size_t shift, struct error *error_r)
{
	struct scan s = {.start = text,
	    .p = text,
	    .end = text + len,
	    .shift = shift,
	    .error_r = error_r};
	int rc;

	while (s.p < s.end) {
		if ((rc = check_byte(&s)) != 0 || (rc = check_next(&s)) != 0)
			return rc;
	}
	if (s.depth > 0)
		return scan_error(&s, "a group is not closed; expected ')'");
	return 0;
}
