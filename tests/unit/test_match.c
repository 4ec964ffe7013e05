/* SPDX-License-Identifier: MIT */
/*
 * Tests of manifests/match.c and match_check.c: what a pattern may be,
 * what it matches, and that a hostile one ends soon.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "manifests/match.h"

struct row {
	const char *pattern, *local;
	enum match_result want;
};

static const struct row rows[] = {
    /* the seed's pattern: SPEC M-4.1, M-4.2 */
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "talktome", MATCH_YES},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "talktome+x", MATCH_YES},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "contact0713", MATCH_YES},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "contact", MATCH_NO},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "talktomex", MATCH_NO},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "xtalktome", MATCH_NO},
    {"^(talktome|contact(0613|0713))(\\+\\w+)?", "talktome+", MATCH_NO},
    /* the whole local part, whatever anchors and alternatives stand there */
    {"a|b", "a", MATCH_YES},
    {"a|b", "ab", MATCH_NO},
    {"^a|b$", "ax", MATCH_NO},
    {"^a$", "a", MATCH_YES},
    {"^a$", "a\n", MATCH_NO},
    {"a\\$", "a$", MATCH_YES},
    {"a\\\\$", "a\\", MATCH_YES},
    {"\\^a", "^a", MATCH_YES},
    /* caseless in ASCII: SPEC M-4.3 */
    {"Bob", "bOB", MATCH_YES},
    {"j\xc3\xbcrgen", "J\xc3\xbcRGEN", MATCH_YES},
    {"j\xc3\xbcrgen", "j\xc3\x9crgen", MATCH_NO},
    {"(?:\xc3\xbc)+", "\xc3\xbc\xc3\xbc", MATCH_YES},
    {"..", "\xc3\xbc", MATCH_YES},
    /* what may be used */
    {"[a-c]{2,3}", "abc", MATCH_YES},
    {"[a-c]{2,3}", "abcc", MATCH_NO},
    {"a{2}", "aa", MATCH_YES},
    {"a{2,}", "aaaa", MATCH_YES},
    {"[[:alnum:].-]+", "a.b-7", MATCH_YES},
    {"[^[:digit:]]+", "a7", MATCH_NO},
    {"[\\]\\[]", "]", MATCH_YES},
    {"a{1,3}?b", "aab", MATCH_YES},
    {"(?:a+)+b", "aab", MATCH_YES},
    {"a+?b", "aab", MATCH_YES},
    {"a b", "a b", MATCH_YES},
    {".*", "anything.at+all", MATCH_YES},
    {"#a", "#a", MATCH_YES},
};

static void
match_rows(void **state)
{
	struct match *m;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (match_compile(rows[i].pattern, &m, &e) != 0)
			fail_msg("%s: %s", rows[i].pattern, e.text);
		if (match_test(m, rows[i].local) != rows[i].want)
			fail_msg("%s on %s", rows[i].pattern, rows[i].local);
		match_free(&m);
		assert_null(m);
	}
}

static const struct {
	const char *pattern, *error;
} refused[] = {
    {"", "the pattern is empty"},
    {"^", "the pattern is empty"},
    {"^$", "the pattern is empty"},
    /* SPEC M-4.4: anchors */
    {"^^a", "at character 2: an anchor is not allowed"},
    {"a^b", "at character 2: an anchor"},
    {"a$b", "at character 2: an anchor"},
    {"a$$", "at character 2: an anchor"},
    {"(^a)", "at character 2: an anchor"},
    {"\\Aa", "at character 1: an anchor"},
    {"a\\z", "at character 2: an anchor"},
    {"a\\Z", "an anchor"},
    {"\\Ga", "an anchor"},
    {"\\ba", "an anchor"},
    {"\\Ba", "an anchor"},
    {"[[:<:]]a", "at character 2: '[' inside a set is not allowed"},
    /* look-around, back-references, recursion, verbs, callouts, options */
    {"^a(?=b)", "at character 3: look-ahead is not allowed; expected (...)"},
    {"(?!b)a", "look-ahead is not allowed"},
    {"(?<=b)a", "look-behind is not allowed"},
    {"(?<!b)a", "look-behind is not allowed"},
    {"(*pla:b)a", "a verb is not allowed"},
    {"(*F)", "a verb is not allowed"},
    {"(*UTF)a", "a verb is not allowed"},
    {"(?*a)", "look-around is not allowed"},
    {"(a)\\1", "at character 4: a back-reference"},
    {"(a)\\g1", "a back-reference"},
    {"(a)\\g{-1}", "a back-reference"},
    {"(a)\\k<x>", "a back-reference"},
    {"(?P<x>a)(?P=x)", "a named group"},
    {"(?<x>a)", "a named group"},
    {"(?'x'a)", "a named group"},
    {"a(?P=x)", "a back-reference"},
    {"(a)(?1)", "recursion"},
    {"a(?R)?", "recursion"},
    {"a(?&x)", "recursion"},
    {"a(?P>x)", "recursion"},
    {"a(?+1)", "recursion"},
    {"a(?-1)(b)", "not allowed"},
    {"a(?C)", "a callout"},
    {"a(?C1)", "a callout"},
    {"a(?#x)", "a comment"},
    {"(?(1)a|b)", "a conditional group"},
    {"(?|a|b)", "a branch reset group"},
    {"(?x)a #", "an option is not allowed"},
    {"(?>a+)b", "an atomic group is not allowed"},
    {"a++b", "at character 3: a possessive repeat is not allowed"},
    {".*+", "a possessive repeat"},
    {"a?+", "a possessive repeat"},
    {"a{2}+", "a possessive repeat"},
    {"a**", "a repeat of a repeat"},
    {"a{2}{3}", "at character 5: a repeat of a repeat"},
    {"a+?+", "a repeat of a repeat"},
    {"a*??", "a repeat of a repeat"},
    {"(?i)a", "an option is not allowed"},
    {"(?-i:a)", "an option is not allowed"},
    {"(?", "an option is not allowed"},
    {"\\Qa", "\\Q and \\E are not allowed"},
    {"a\\E", "\\Q and \\E are not allowed"},
    /* bytes by another name, control characters, what ends a table's line */
    {"a@b", "at character 2: '@' is not allowed"},
    {"[@]", "'@' is not allowed"},
    {"a\\@b", "'@' is not allowed"},
    {"\\x40", "this escape is not allowed"},
    {"\\o{100}", "this escape is not allowed"},
    {"\\100", "a back-reference or a byte by its number"},
    {"[\\100]", "a back-reference or a byte by its number"},
    {"\\cA", "this escape is not allowed"},
    {"[\\b]", "a control character is not allowed"},
    {"\\n", "this escape is not allowed"},
    {"\\N", "this escape is not allowed"},
    {"\\Ka", "this escape is not allowed"},
    {"\\X", "this escape is not allowed"},
    {"\\C", "this escape is not allowed"},
    {"\\R", "this escape is not allowed"},
    {"\\p{L}", "this escape is not allowed"},
    {"a/b", "'/' is not allowed"},
    {"a\\/b", "'/' is not allowed"},
    {"a\nb", "at character 2: a control character is not allowed"},
    {"a\\\nb", "a control character is not allowed"},
    {"[\r]", "a control character is not allowed"},
    {"a\x7f", "a control character is not allowed"},
    {"a\t", "a control character is not allowed"},
    /* what would change how the rest of a line is read */
    {"a)", "at character 2: ')' closes no group"},
    {"a)|(?:b", "')' closes no group"},
    {"(a", "a group is not closed"},
    {"[a", "at character 1: a set is not closed"},
    {"[]", "a set is empty"},
    {"[]a]", "a set is empty"},
    {"[^]a]", "a set is empty"},
    {"[a[b]", "'[' inside a set is not allowed"},
    {"[[.a.]]", "'[' inside a set is not allowed"},
    {"a]", "']' closes no set"},
    {"a\\", "nothing follows the backslash"},
    {"a{", "'{' begins no repeat"},
    {"a{,3}", "'{' begins no repeat"},
    {"a{ 1}", "'{' begins no repeat"},
    {"a{1", "'{' begins no repeat"},
    {"a}", "'}' closes no repeat"},
    {"[\xc3\xbc]", "a letter outside ASCII in a set"},
    {"\xc3\xbc+", "a repeat of a letter outside ASCII"},
    /* what PCRE2 itself refuses, with our counting */
    {"*a", "near character 1: quantifier does not follow"},
    {"^a|*", "near character 3: quantifier does not follow"},
    {"[b-a]", "range out of order"},
    /* too much */
    {"a{513}", "a repeat over 512"},
    {"a{1,99999999999999999999}", "a repeat over 512"},
    {"((((((((((((((((((a))))))))))))))))))", "nested too deep"},
    {"(?:(?:(?:a{200}){200}){200})", "regular expression is too large"},
    {"(?:[ac]b){512}", "the pattern is too large"},
};

static void
match_refused(void **state)
{
	struct match *m;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		e.text[0] = '\0';
		if (match_compile(refused[i].pattern, &m, &e) != AG_EINVAL)
			fail_msg("accepted: %s", refused[i].pattern);
		assert_null(m);
		if (strstr(e.text, refused[i].error) == NULL)
			fail_msg("%s: %s", refused[i].pattern, e.text);
	}
}

/* SPEC M-4.1: 512 bytes, and not one more. */
static void
match_lengths(void **state)
{
	char text[MATCH_PATTERN_MAX + 2], local[514];
	struct match *m;
	struct error e;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[MATCH_PATTERN_MAX] = '\0';
	assert_int_equal(match_compile(text, &m, &e), 0);
	assert_int_equal(match_test(m, text), MATCH_YES);
	match_free(&m);
	text[MATCH_PATTERN_MAX] = 'a';
	text[MATCH_PATTERN_MAX + 1] = '\0';
	assert_int_equal(match_compile(text, &m, &e), AG_EINVAL);
	assert_non_null(strstr(e.text, "expected at most 512"));

	/* A long local part stays within the limits of ordinary patterns. */
	memset(local, 'a', sizeof(local));
	local[512] = '\0';
	assert_int_equal(match_compile("(?:\\w|\\+|-|\\.)+", &m, &e), 0);
	assert_int_equal(match_test(m, local), MATCH_YES);
	local[512] = 'a';
	local[513] = '\0';
	assert_int_equal(match_test(m, local), MATCH_NO);
	match_free(&m);
	match_free(&m);
}

/* Pattern units: repeated until 512 bytes are full. */
static const struct {
	const char *head, *unit, *tail;
} hostile[] = {
    {"(a+)+", "", ""},
    {"(a|a)*", "", ""},
    {"(a|aa)+", "", ""},
    {"(a*)*", "", ""},
    {"(?:a|a)*(?:a|a)*", "", ""},
    {"(?:a?){500}a{500}", "", ""},
    {"(?:a{0,512}){0,20}", "", ""},
    {"((((a*)*)*)*)*", "", ""},
    {"(\\w+\\+?)*", "", ""},
    {"(\\w|\\d|[a-z])*", "", ""},
    {"(?:.*b|.*b|a)*", "", ""},
    {"", "a*", ""},
    {"", ".?", ""},
    {"", "(a*)*", ""},
    {"", ".*.", ""},
    {"", "[a-z]*", ""},
    {"", "()*", ""},
    {"(?:", ".*c|", "a)*"},
    {"(?:", "a|", "a)*"},
    {"(?:", "\\w*?c|", "a)*"},
};

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
hostile_pattern(size_t i, const char *end, char *text, size_t size)
{
	size_t used =
	    strlen(hostile[i].head) + strlen(hostile[i].tail) + strlen(end);

	snprintf(text, size, "%s", hostile[i].head);
	while (*hostile[i].unit != '\0' &&
	    (used += strlen(hostile[i].unit)) <= MATCH_PATTERN_MAX)
		strcat(text, hostile[i].unit);
	strcat(text, hostile[i].tail);
	strcat(text, end);
}

static void
hostile_try(const char *pattern, const char *local)
{
	struct error e;
	struct match *m;
	enum match_result result = MATCH_NO;
	double t = seconds();
	int rc;

	if ((rc = match_compile(pattern, &m, &e)) == 0) {
		result = match_test(m, local);
		match_free(&m);
	}
	t = seconds() - t;
	if (getenv("AGAMID_TEST_TIMES") != NULL)
		print_message("%.40s: %s %.2f ms\n", pattern,
		    rc != 0			? e.text
			: result == MATCH_LIMIT ? "limit"
						: "done",
		    t * 1e3);
	/* Milliseconds; the bound leaves room for valgrind and a Pi. */
	if (t > 2.0)
		fail_msg("%s took %.1f s", pattern, t);
}

/* SPEC M-4.5 */
static void
match_hostile(void **state)
{
	static const char *const locals[] = {"!", "b!", "b", ""};
	char text[MATCH_PATTERN_MAX + 16], local[513];
	size_t i, j, len;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		for (j = 0; j < sizeof(locals) / sizeof(locals[0]); j++) {
			memset(local, 'a', sizeof(local));
			len = strlen(locals[j]);
			memcpy(local + 512 - len, locals[j], len + 1);
			hostile_pattern(i, "", text, sizeof(text));
			hostile_try(text, local);
			hostile_pattern(i, "b", text, sizeof(text));
			hostile_try(text, local);
		}
	}
}

/* The limit is told apart from "no". */
static void
match_limit_told(void **state)
{
	char local[65];
	struct match *m;
	struct error e;

	(void)state;
	memset(local, 'a', 64);
	strcpy(local + 63, "!");
	assert_int_equal(match_compile("^(a+)+$", &m, &e), 0);
	assert_int_equal(match_test(m, local), MATCH_LIMIT);
	assert_int_equal(match_test(m, "aaa!"), MATCH_NO);
	assert_string_equal(match_pattern(m), "(a+)+");
	match_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(match_rows),
	    help_test(match_refused),
	    help_test(match_lengths),
	    help_test(match_hostile),
	    help_test(match_limit_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
