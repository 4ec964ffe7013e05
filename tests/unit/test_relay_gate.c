/* SPDX-License-Identifier: MIT */
/*
 * test_relay_gate - the table of who was deferred, and what a probe's
 * lines mean.
 */
#include "help.h"

#include <string.h>

#include "util/error.h"
#include "relayd/gate.h"
#include "relayd/prober.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 100000

static void
make_key(unsigned char key[GATE_KEY_BYTES], unsigned n)
{
	memset(key, 0, GATE_KEY_BYTES);
	memcpy(key, &n, sizeof(n));
}

/* SPEC N-2.1, N-2.6 */
static void
test_table(void **state)
{
	struct gate_table *t = gate_table_new();
	unsigned char a[GATE_KEY_BYTES], b[GATE_KEY_BYTES];

	(void)state;
	make_key(a, 1);
	make_key(b, 2);
	assert_int_equal(gate_table_since(t, a, 0), 0);
	assert_int_equal(gate_table_since(t, a, 299), 0);
	assert_int_equal(gate_table_since(t, b, 300), 300);
	assert_int_equal(gate_table_since(t, a, 300), 0);
	assert_int_equal(gate_table_since(t, a, GATE_KEEP), 0);
	/* 36 hours later it is a new one. */
	assert_int_equal(gate_table_since(t, a, GATE_KEEP + 1), GATE_KEEP + 1);
	assert_int_equal(gate_table_since(t, a, GATE_KEEP + 9), GATE_KEEP + 1);
	gate_table_free(&t);
}

/* A flood takes the places of the oldest, never more memory, and what
 * comes between two of the same set stays. */
static void
test_flood(void **state)
{
	struct gate_table *t = gate_table_new();
	unsigned char key[GATE_KEY_BYTES];
	unsigned i, kept = 0;

	(void)state;
	for (i = 0; i < MANY; i++) {
		make_key(key, i);
		assert_int_equal(gate_table_since(t, key, i), i);
	}
	for (i = MANY - 1000; i < MANY; i++) {
		make_key(key, i);
		kept += gate_table_since(t, key, MANY) == (int64_t)i;
	}
	assert_int_equal(kept, 1000);
	gate_table_free(&t);
}

static void
test_keys(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} t[] = {
	    {"00112233445566778899aabbccddeeff", true},
	    {"00112233445566778899AABBCCDDEEFF", false},
	    {"00112233445566778899aabbccddeef", false},
	    {"00112233445566778899aabbccddeeff0", false},
	    {"0011223344556677 899aabbccddeeff", false},
	    {"", false},
	};
	unsigned char key[GATE_KEY_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++)
		assert_int_equal(gate_key_parse(t[i].text, key), t[i].good);
	assert_true(gate_key_parse(t[0].text, key));
	assert_int_equal(key[15], 0xff);
}

/* SPEC N-2.2 */
static void
test_report(void **state)
{
	static const struct {
		const char *lines[PROBE_WHATS];
		int up;
	} t[] = {
	    {{"smtp ok 220 x", "ehlo ok 250", "starttls ok offered",
		 "ssh ok k"},
		1},
	    {{"smtp ok 220 x", "ehlo ok 250", "starttls fail not offered",
		 "ssh ok k"},
		1},
	    {{"smtp ok 220 x", "ehlo ok 250", "starttls ok offered"}, -1},
	    {{"smtp fail refused"}, 0},
	    {{"smtp ok 220 x", "ehlo fail it calls itself y"}, 0},
	    {{"smtp ok 220 x", "ehlo ok 250", "starttls ok offered",
		 "ssh fail another key"},
		0},
	    {{NULL}, -1},
	};
	struct probe_report rep;
	size_t i, j;

	(void)state;
	for (i = 0; i < N(t); i++) {
		memset(&rep, 0, sizeof(rep));
		for (j = 0; j < PROBE_WHATS && t[i].lines[j] != NULL; j++)
			assert_int_equal(
			    probe_report_add(&rep, t[i].lines[j]), 0);
		assert_int_equal(probe_report_up(&rep), t[i].up);
	}
}

static void
test_report_bad(void **state)
{
	static const char *const lines[] = {"", "smtp", "smtp yes x",
	    "ehlo ok 250", "bogus ok x", "smtp okay x"};
	struct probe_report rep = {0};
	size_t i;

	(void)state;
	for (i = 0; i < N(lines); i++) {
		assert_int_equal(probe_report_add(&rep, lines[i]), AG_EINVAL);
		assert_int_equal(rep.known, 0);
	}
	assert_int_equal(probe_report_add(&rep, "smtp ok 220 a b"), 0);
	assert_string_equal(rep.text[PROBE_SMTP], "220 a b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_table),
	    help_test(test_flood),
	    help_test(test_keys),
	    help_test(test_report),
	    help_test(test_report_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
