/* SPDX-License-Identifier: MIT */
/* test_gate - what stands for a stranger at the gate. */
#include "help.h"

#include <string.h>

#include "milter/gate.h"
#include "milter/question.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* SPEC N-2.6 */
static void
test_who(void **state)
{
	static const struct {
		const char *client, *sender, *who;
	} t[] = {
	    {"192.0.2.7", "ann@Sender.Example", "@sender.example"},
	    {"192.0.2.7", "\"a@b\"@sender.example", "@sender.example"},
	    {"192.0.2.7", "", "192.0.2"},
	    {"192.0.2.99", "", "192.0.2"},
	    {"192.0.2.7", "ann", "192.0.2"},
	    {"192.0.2.7", "ann@", "192.0.2"},
	    {"2001:db8:1:2:3::4", "", "2001:0db8:0001:0002"},
	    {"2001:db8:1:2:ffff::9", "", "2001:0db8:0001:0002"},
	    {"unknown", "", "unknown"},
	};
	char who[320], small[8];
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		gate_who(t[i].client, t[i].sender, who, sizeof(who));
		assert_string_equal(who, t[i].who);
	}
	gate_who("192.0.2.7", "a@long.example", small, sizeof(small));
	assert_string_equal(small, "@long.e");
}

static void
key_of(const char *home, const char *who, const char *rcpt, char *key_r)
{
	struct address a;

	assert_int_equal(address_parse(rcpt, &a), AG_OK);
	gate_key(home, who, &a, key_r);
}

/* The same on every node; another field, another key. */
static void
test_key(void **state)
{
	char key[GATE_KEY_LEN + 1], other[GATE_KEY_LEN + 1];

	(void)state;
	key_of("bob", "@sender.example", "bob@bob.example", key);
	assert_int_equal(strlen(key), GATE_KEY_LEN);
	key_of("bob", "@sender.example", "BOB@BOB.example", other);
	assert_string_equal(key, other);
	key_of("bobb", "@sender.example", "bob@bob.example", other);
	assert_string_not_equal(key, other);
	key_of("bob", "@sender.exampl", "bob@bob.example", other);
	assert_string_not_equal(key, other);
	key_of("bob", "@sender.example", "bob2@bob.example", other);
	assert_string_not_equal(key, other);
	/* No field runs into the next. */
	key_of("bob", "b", "cc@bob.example", key);
	key_of("bobb", "", "cc@bob.example", other);
	assert_string_not_equal(key, other);
}

static void
test_answers(void **state)
{
	static const struct {
		const char *line;
		int rc;
		bool pass;
	} t[] = {
	    {"gate=pass why=down\n", AG_OK, true},
	    {"gate=pass why=waited\n", AG_OK, true},
	    {"gate=defer why=up\n", AG_OK, false},
	    {"gate=defer why=up", AG_EINVAL, true},
	    {"gate=shut why=up\n", AG_EINVAL, true},
	    {"error=\"unknown question\"\n", AG_EINVAL, true},
	};
	bool pass;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		assert_int_equal(
		    question_parse_gate(t[i].line, &pass), t[i].rc);
		assert_int_equal(pass, t[i].pass);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_who),
	    help_test(test_key),
	    help_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
