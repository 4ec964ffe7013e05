/* SPDX-License-Identifier: MIT */
/*
 * test_relay_inbox - what a peer brings as somebody's manifest, as far as
 * relayd looks at it.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "manifests/manifest.h"
#include "relayd/inbox.h"

#define NETWORK "friends.example"

/* Carol's example, the first `from` in it replaced. */
static char *
example(const char *from, const char *to)
{
	const char *text =
	    help_read(help_source("manifests/examples/carol.yaml"), NULL);
	const char *at = strstr(text, from);
	char *changed;

	assert_non_null(at);
	changed = calloc(1, strlen(text) + strlen(to) + 1);
	assert_non_null(changed);
	memcpy(changed, text, (size_t)(at - text));
	strcat(changed, to);
	strcat(changed, at + strlen(from));
	return changed;
}

static uint64_t
serial_of(const char *text)
{
	const char *at = strstr(text, "\nserial: ");

	assert_non_null(at);
	return strtoull(at + 9, NULL, 10);
}

static int
check(const char *node, uint64_t serial, const char *text)
{
	struct error error = {""};
	int rc = inbox_check(node, NETWORK, serial, text, strlen(text), &error);

	assert_true((rc == 0) == (error.text[0] == '\0'));
	return rc;
}

/* SPEC */
static void
test_good(void **state)
{
	char *text = example("serial: ", "serial: ");

	(void)state;
	assert_int_equal(check("carol", serial_of(text), text), 0);
	assert_int_equal(check("bob", serial_of(text), text), AG_EINVAL);
	assert_int_equal(check("carol", serial_of(text) + 1, text), AG_EINVAL);
	free(text);
}

/* SPEC */
static void
test_bad(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
	    {"name: carol", "name: bob"},
	    {"network: friends.example", "network: other.example"},
	    {"name: carol", "name: ../carol"},
	    {"version: 1", "version: 2"},
	    {"version: 1", "version: &a 1"},
	    {"\n...\n", "\n"},
	    {"serial: ", "serial: -"},
	    {"serial: ", "cereal: 1\nserial: "},
	};
	uint64_t serial;
	char *text, *end;
	size_t i;

	(void)state;
	text = example("serial: ", "serial: ");
	serial = serial_of(text);
	end = strstr(text, "\n...\n");
	assert_non_null(end);
	end[5] = '\0'; /* unsigned */
	assert_int_equal(check("carol", serial, text), AG_EINVAL);
	free(text);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		text = example(changes[i].from, changes[i].to);
		assert_int_equal(check("carol", serial, text), AG_EINVAL);
		free(text);
	}
	assert_int_equal(check("carol", serial, ""), AG_EINVAL);
}

static void
test_hash(void **state)
{
	char hash[INBOX_HASH_LEN + 1];

	(void)state;
	inbox_hash("abc", 3, hash);
	assert_string_equal(hash, "ba7816bf8f01cfea");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_good),
	    help_test(test_bad),
	    help_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
