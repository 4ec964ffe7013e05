/* SPDX-License-Identifier: MIT */
/*
 * test_address - envelope addresses: what is read, and what is refused.
 */
#include "help.h"

#include <string.h>

#include "mail/address.h"
#include "util/error.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X63 X50 "xxxxxxxxxxxxx"

struct good {
	const char *path, *local, *domain;
};

static const struct good goods[] = {
    {"<bob@bob.example>", "bob", "bob.example"},
    {"bob@bob.example", "bob", "bob.example"},
    {"<BOB@Bob.EXAMPLE>", "BOB", "bob.example"},
    {"<bob+x=y/z@bob.example>", "bob+x=y/z", "bob.example"},
    {"<\"bob\"@bob.example>", "bob", "bob.example"},
    {"<\"a b\"@bob.example>", "a b", "bob.example"},
    {"<\"a@b\\\"c\\\\>\"@bob.example>", "a@b\"c\\>", "bob.example"},
    {"<a..b.@bob.example>", "a..b.", "bob.example"},
    {"<x%y!z@bob.example>", "x%y!z", "bob.example"},
    {"<b\xc3\xb6@b\xc3\xbc.example>", "b\xc3\xb6", "b\xc3\xbc.example"},
    {"<root@localhost>", "root", "localhost"},
    {"<a@a_b.example>", "a", "a_b.example"},
    {"<postmaster>", "postmaster", ""},
    {"PostMaster", "PostMaster", ""},
    {"<a@" X63 ".example>", "a", X63 ".example"},
};

/* SPEC B-3.4 */
static void
test_address_is_read(void **state)
{
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		print_message("%s\n", goods[i].path);
		assert_int_equal(address_parse(goods[i].path, &a), 0);
		assert_string_equal(a.local, goods[i].local);
		assert_string_equal(a.domain, goods[i].domain);
		assert_false(a.null);
	}
}

static void
test_null_path(void **state)
{
	static const char *const paths[] = {"<>", ""};
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(address_parse(paths[i], &a), 0);
		assert_true(a.null);
		assert_string_equal(a.local, "");
		assert_string_equal(a.domain, "");
	}
}

static const char *const bads[] = {
    "<bob>",
    "bob",
    "<bob@>",
    "<@bob.example>",
    "<@relay.example:bob@bob.example>",
    "<@a,@b:bob@bob.example>",
    "<bob@[192.0.2.1]>",
    "<bob@[IPv6:::1]>",
    "<bob@bob.example",
    "bob@bob.example>",
    "<",
    ">",
    "<<bob@bob.example>>",
    "<bob@bob.example> ",
    " <bob@bob.example>",
    "<bob @bob.example>",
    "<bob@ bob.example>",
    "<bob@bob .example>",
    "<a@b@bob.example>",
    "<bob@bob.example>\r\nRCPT TO:<eve@eve.example>",
    "<bob@bob.example\r>",
    "<bob\n@bob.example>",
    "<\"bob\n\"@bob.example>",
    "<\"bob\\\n\"@bob.example>",
    "<bob\t@bob.example>",
    "<bob\x7f@bob.example>",
    "<b\xff@bob.example>",
    "<b\xc2\x85@bob.example>",
    "<bob@b\xc0\x80.example>",
    "<\"bob@bob.example>",
    "<\"bob\\\"@bob.example>",
    "<\"\"@bob.example>",
    "<\"a\"b@bob.example>",
    "<\"a\">",
    "<a\"b\"@bob.example>",
    "<a\\b@bob.example>",
    "<a,b@bob.example>",
    "<a;b@bob.example>",
    "<a:b@bob.example>",
    "<a(c)@bob.example>",
    "<a[b@bob.example>",
    "<bob@.bob.example>",
    "<bob@bob..example>",
    "<bob@bob.example.>",
    "<bob@-bob.example>",
    "<bob@bob-.example>",
    "<bob@bob.example-",
    "<bob@bob.exa/mple>",
    "<bob@" X63 "x.example>",
};

/* SPEC B-3.4 */
static void
test_address_is_refused(void **state)
{
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s\n", bads[i]);
		assert_int_equal(address_parse(bads[i], &a), AG_EINVAL);
		assert_string_equal(a.local, "");
		assert_string_equal(a.domain, "");
		assert_false(a.null);
	}
}

/* SPEC B-3.4: at most 512 bytes with the brackets, at most 255 of domain */
static void
test_lengths(void **state)
{
	char path[600];
	struct address a;
	size_t domain = strlen("@bob.example");

	(void)state;
	memset(path, 'x', sizeof(path));
	strcpy(path + ADDRESS_MAX - 2 - domain, "@bob.example");
	assert_int_equal(address_parse(path, &a), 0);
	assert_int_equal(strlen(a.local), ADDRESS_MAX - 2 - domain);
	path[0] = '<';
	strcat(path, ">");
	assert_int_equal(address_parse(path, &a), 0);

	memset(path, 'x', sizeof(path));
	strcpy(path + ADDRESS_MAX - 1 - domain, "@bob.example");
	assert_int_equal(address_parse(path, &a), AG_ETOOBIG);
	path[sizeof(path) - 1] = '\0';
	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(address_parse(path, &a), AG_ETOOBIG);

	assert_int_equal(
	    address_parse("<a@" X63 "." X63 "." X63 "." X63 ">", &a), 0);
	assert_int_equal(
	    address_parse("<a@" X63 "." X63 "." X63 "." X63 ".x>", &a),
	    AG_ETOOBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_address_is_read),
	    help_test(test_null_path),
	    help_test(test_address_is_refused),
	    help_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
