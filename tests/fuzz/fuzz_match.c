/* SPDX-License-Identifier: MIT */
/*
 * fuzz_match - manifests/match.c and match_check.c: the first line is a
 * pattern, the rest a local part. What is accepted compiles in a Postfix
 * table too, and says the same there; nothing in it could end the table's
 * line or rule.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "manifests/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_pattern(const char *pattern)
{
	const char *p;

	for (p = pattern; *p != '\0'; p++) {
		if (*p == '/' || *p == '@' || (unsigned char)*p < ' ' ||
		    *p == 0x7f)
			abort();
	}
	if (p == pattern || p - pattern > MATCH_PATTERN_MAX)
		abort();
}

/* As Postfix does it (dict_pcre.c), but with our limits. */
static int
table_match(const char *pattern, const char *local)
{
	char rule[MATCH_PATTERN_MAX + 32], key[1024];
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *found;
	pcre2_code *code;
	PCRE2_SIZE at;
	int error, rc;

	snprintf(rule, sizeof(rule), "^(?:%s)@x\\.example$", pattern);
	snprintf(key, sizeof(key), "%s@x.example", local);
	code = pcre2_compile((PCRE2_SPTR)rule, PCRE2_ZERO_TERMINATED,
	    PCRE2_CASELESS | PCRE2_DOTALL, &error, &at, NULL);
	if (code == NULL)
		abort();
	pcre2_set_match_limit(limits, 10000);
	found = pcre2_match_data_create_from_pattern(code, NULL);
	rc = pcre2_match(
	    code, (PCRE2_SPTR)key, strlen(key), 0, 0, found, limits);
	pcre2_match_data_free(found);
	pcre2_match_context_free(limits);
	pcre2_code_free(code);
	return rc;
}

static void
check_local(const struct match *m, const char *local)
{
	enum match_result result = match_test(m, local);
	int rc;

	if (strlen(local) > 512) {
		if (result != MATCH_NO)
			abort();
		return;
	}
	if (!text_is_line(local) || result == MATCH_LIMIT)
		return;
	rc = table_match(match_pattern(m), local);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		return; /* it took longer there */
	if ((rc >= 0) != (result == MATCH_YES))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct match *m;
	struct error e;
	char *text, *local;

	if (len > 4096)
		return 0;
	text = xcalloc(1, len + 1);
	if (len > 0)
		memcpy(text, data, len);
	/* A pattern with a newline in it is tried first. */
	e.text[0] = '\0';
	if (match_compile(text, &m, &e) == 0)
		check_pattern(match_pattern(m));
	else if (m != NULL || e.text[0] == '\0')
		abort();
	match_free(&m);
	local = text + strcspn(text, "\n");
	if (*local != '\0')
		*local++ = '\0';
	if (match_compile(text, &m, NULL) == 0) {
		check_local(m, local);
		check_local(m, text);
		check_local(m, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	}
	match_free(&m);
	free(text);
	return 0;
}
