/* SPDX-License-Identifier: MIT */
/*
 * test_drill - the field of a test mail: mail/drill.c makes and knows it,
 * deliver/drill.c finds it in a message.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "deliver/drill.h"
#include "mail/drill.h"

#define NOW 1795256390

static const uint8_t secret[DRILL_SECRET_SIZE] = "0123456789abcdef";
static const uint8_t other[DRILL_SECRET_SIZE] = "0123456789abcdeF";

/* SPEC N-19.5: nobody else can make it, and no other acceptor use it. */
static void
test_value(void **state)
{
	const char *name = "abcdefghijklmnopqrstuvwxyz012345";
	char value[DRILL_VALUE_MAX + 1], bad[DRILL_VALUE_MAX + 8];
	size_t i;

	(void)state;
	drill_write(secret, "carol", NOW, value);
	assert_memory_equal(value, "carol 1795256390 ", 17);
	assert_int_equal(strlen(value), 17 + 64);
	assert_true(drill_check(secret, value, "carol", NOW));
	assert_true(
	    drill_check(secret, value, "carol", NOW + DRILL_DAYS * 86400));
	assert_false(
	    drill_check(secret, value, "carol", NOW + DRILL_DAYS * 86400 + 1));
	assert_false(drill_check(secret, value, "carol", NOW - 86401));
	assert_false(drill_check(other, value, "carol", NOW));
	assert_false(drill_check(secret, value, "dave", NOW));
	for (i = 0; value[i] != '\0'; i++) {
		strcpy(bad, value);
		bad[i] ^= 1;
		assert_false(drill_check(secret, bad, "carol", NOW));
		bad[i] = '\0';
		assert_false(drill_check(secret, bad, "carol", NOW));
	}
	snprintf(bad, sizeof(bad), "%s0", value);
	assert_false(drill_check(secret, bad, "carol", NOW));
	assert_false(drill_check(secret, "", "carol", NOW));
	/* The longest. */
	drill_write(secret, name, INT64_MAX / 2, value);
	assert_true(drill_check(secret, value, name, INT64_MAX / 2));
}

static const struct {
	const char *text, *want;
} messages[] = {
    {"X-Agamid-Drill: a 1 b\r\n\r\n", "a 1 b"},
    {"Subject: x\r\nx-agamid-DRILL:a\r\nTo: b\r\n\r\nbody", "a"},
    {"Subject: x\nX-Agamid-Drill: a\n\n", "a"},
    {"X-Agamid-Drill: a\r\nX-Agamid-Drill: b\r\n\r\n", "a"},
    {"X-Agamid-Drill: a", ""},
    {"Subject: X-Agamid-Drill: a\r\n\r\n", ""},
    {" X-Agamid-Drill: a\r\n\r\n", ""},
    {"X-Agamid-Drilll: a\r\n\r\n", ""},
    {"X-Agamid-Dril: a\r\n\r\n", ""},
    {"X-Agamid-XDrill: a\r\n\r\n", ""},
    {"Subject: x\r\n\r\nX-Agamid-Drill: a\r\n", ""},
    {"\r\nX-Agamid-Drill: a\r\n", ""},
    {"", ""},
};

static void
test_scan(void **state)
{
	struct drill_scan s;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		memset(&s, 0, sizeof(s));
		drill_scan(&s, messages[i].text, strlen(messages[i].text));
		assert_string_equal(drill_value(&s), messages[i].want);
		memset(&s, 0, sizeof(s));
		for (k = 0; k < strlen(messages[i].text); k++)
			drill_scan(&s, &messages[i].text[k], 1);
		assert_string_equal(drill_value(&s), messages[i].want);
	}
}

static void
test_scan_long(void **state)
{
	char text[DRILL_VALUE_MAX + 40];
	struct drill_scan s = {0};
	int len;

	(void)state;
	len = snprintf(
	    text, sizeof(text), "X-Agamid-Drill: %0*d\r\n", DRILL_VALUE_MAX, 7);
	drill_scan(&s, text, (size_t)len);
	assert_int_equal(strlen(drill_value(&s)), DRILL_VALUE_MAX);
	memset(&s, 0, sizeof(s));
	len = snprintf(text, sizeof(text), "X-Agamid-Drill: %0*d\r\n",
	    DRILL_VALUE_MAX + 1, 7);
	drill_scan(&s, text, (size_t)len);
	assert_string_equal(drill_value(&s), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_value),
	    help_test(test_scan),
	    help_test(test_scan_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
