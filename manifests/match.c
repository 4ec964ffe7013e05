/* SPDX-License-Identifier: MIT */
/*
 * match - a mailbox pattern, compiled and tried. See match.h; the rules
 * are doc/spec/manifest.md 4.
 *
 * Local parts are matched as bytes, caseless in ASCII only, because that
 * is how Postfix reads the same pattern in a pcre: table: both must say
 * the same. No JIT: its machine code would not count against the limits
 * in the same way.
 *
 * SECURITY: pattern and local part both come from strangers. match_check()
 * narrows the language, MATCH_SIZE_MAX bounds what a pattern may grow to,
 * and match, depth and heap limits bound the work of one test (a few
 * milliseconds at worst).
 */
#include "manifests/match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifests/match_check.h"

#define MATCH_SIZE_MAX 16384 /* bytes, compiled */
#define MATCH_SUBJECT_MAX 512
#define MATCH_STEPS 10000
#define MATCH_DEPTH 4000
#define MATCH_HEAP 4096 /* KiB */

struct match {
	char *pattern; /* without ^ and $ at its ends */
	pcre2_code *code;
	pcre2_match_context *limits;
};

/* Is the last character a $ that no backslash makes an ordinary one? */
static bool
ends_in_anchor(const char *s, size_t len)
{
	size_t slashes = 0;

	if (len == 0 || s[len - 1] != '$')
		return false;
	while (slashes < len - 1 && s[len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

static int
compile_error(int code, size_t at, size_t shift, struct error *error_r)
{
	PCRE2_UCHAR text[160];

	if (code == PCRE2_ERROR_NOMEMORY)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
		text[0] = '\0';
	return error_set(error_r, AG_EINVAL, "near character %zu: %s",
	    at + shift, (char *)text);
}

/* SPEC M-4.2 */
static int
compile_code(struct match *m, size_t shift, struct error *error_r)
{
	static const char head[] = "\\A(?:";
	char text[MATCH_PATTERN_MAX + 16];
	size_t at, size;
	int code;

	snprintf(text, sizeof(text), "%s%s)\\z", head, m->pattern);
	m->code = pcre2_compile((PCRE2_SPTR)text, strlen(text),
	    PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NO_AUTO_CAPTURE, &code, &at,
	    NULL);
	if (m->code == NULL) {
		at = at > strlen(head) ? at - strlen(head) : 1;
		return compile_error(code, at, shift, error_r);
	}
	if (pcre2_pattern_info(m->code, PCRE2_INFO_SIZE, &size) != 0 ||
	    size > MATCH_SIZE_MAX)
		return error_set(error_r, AG_EINVAL,
		    "the pattern is too large once its repeats are written "
		    "out");
	return 0;
}

static int
compile_limits(struct match *m)
{
	m->limits = pcre2_match_context_create(NULL);
	if (m->limits == NULL)
		return AG_ENOMEM;
	pcre2_set_match_limit(m->limits, MATCH_STEPS);
	pcre2_set_depth_limit(m->limits, MATCH_DEPTH);
	pcre2_set_heap_limit(m->limits, MATCH_HEAP);
	return 0;
}

int
match_compile(const char *pattern, struct match **m_r, struct error *error_r)
{
	size_t len = strlen(pattern), shift = 0;
	struct match *m = NULL;
	int rc;

	*m_r = NULL;
	if (len > MATCH_PATTERN_MAX)
		return error_set(error_r, AG_EINVAL,
		    "the pattern has %zu bytes; expected at most %d", len,
		    MATCH_PATTERN_MAX);
	if (*pattern == '^') {
		pattern++;
		len--;
		shift = 1;
	}
	if (ends_in_anchor(pattern, len))
		len--;
	if (len == 0)
		return error_set(error_r, AG_EINVAL, "the pattern is empty");
	if ((rc = match_check(pattern, len, shift, error_r)) != 0)
		return rc;
	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->pattern = strndup(pattern, len)) == NULL ||
	    compile_limits(m) != 0)
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
	else
		rc = compile_code(m, shift, error_r);
	if (rc != 0)
		match_free(&m);
	*m_r = m;
	return rc;
}

void
match_free(struct match **m)
{
	if (*m == NULL)
		return;
	pcre2_match_context_free((*m)->limits);
	pcre2_code_free((*m)->code);
	free((*m)->pattern);
	free(*m);
	*m = NULL;
}

enum match_result
match_test(const struct match *m, const char *local)
{
	size_t len = strlen(local);
	pcre2_match_data *data;
	int rc;

	if (len > MATCH_SUBJECT_MAX)
		return MATCH_NO;
	if ((data = pcre2_match_data_create(1, NULL)) == NULL)
		return MATCH_LIMIT;
	rc =
	    pcre2_match(m->code, (PCRE2_SPTR)local, len, 0, 0, data, m->limits);
	pcre2_match_data_free(data);
	if (rc >= 0)
		return MATCH_YES;
	/* All else (limits, no memory) must not turn mail away for good. */
	return rc == PCRE2_ERROR_NOMATCH ? MATCH_NO : MATCH_LIMIT;
}

const char *
match_pattern(const struct match *m)
{
	return m->pattern;
}
