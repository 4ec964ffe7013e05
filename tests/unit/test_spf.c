/* SPDX-License-Identifier: MIT */
/*
 * test_spf - milter/spf.c: the SPF result in a field of Postfix's.
 */
#include "help.h"

#include <string.h>

#include "milter/spf.h"

#define HOST "carol.friends.example"

static const struct {
	const char *name, *value, *want; /* NULL: none */
} cases[] = {
    {"Received-SPF", " Pass (mailfrom) identity=mailfrom; x", "pass"},
    {"received-spf", "SoftFail (x)", "softfail"},
    {"Received-SPF", "none\r\n\tidentity=\"mailfrom\"", "none"},
    {"Received-SPF", " Pass (x) identity=helo; helo=a", NULL},
    {"Received-SPF", " Passed (x)", NULL},
    {"Received-SPF", "", NULL},
    {"Authentication-Results", " " HOST "; spf=pass smtp.mailfrom=a", "pass"},
    {"Authentication-Results",
	"CAROL.friends.example 1;\r\n dkim=none;\r\n\tSPF=Fail", "fail"},
    {"Authentication-Results", HOST "; dkim=pass", NULL},
    {"Authentication-Results", HOST ".evil.example; spf=pass", NULL},
    {"Authentication-Results", "evil.example; spf=pass", NULL},
    {"Authentication-Results", HOST, NULL},
    /* A sender's words within another method's result. */
    {"Authentication-Results",
	HOST "; dkim=none (; spf=pass (\\)); spf=pass); spf=fail", "fail"},
    {"Authentication-Results",
	HOST "; dkim=none reason=\"a\\\"; spf=pass\"; spf=neutral", "neutral"},
    {"Authentication-Results", HOST "; dkim=none (; spf=pass", NULL},
    {"Subject", "Received-SPF: Pass", NULL},
};

/* SPEC N-3.8 */
static void
test_results(void **state)
{
	char out[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(out, "?");
		assert_int_equal(spf_result(cases[i].name, cases[i].value, HOST,
				     out, sizeof(out)),
		    cases[i].want != NULL);
		assert_string_equal(
		    out, cases[i].want != NULL ? cases[i].want : "?");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {help_test(test_results)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
