/* SPDX-License-Identifier: MIT */
/* test_text - lib/util/text.c. */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_hex(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x7f, 0xff, 0xa5};
	static const char *const bad[] = {
	    "", "007fffa", "007fffa5a", "007fffag", "007FFFA5", " 07fffa5"};
	uint8_t back[4];
	char out[9];
	size_t i;

	(void)state;
	text_hex(bytes, 4, out);
	assert_string_equal(out, "007fffa5");
	assert_int_equal(text_unhex(out, back, 4), 0);
	assert_memory_equal(back, bytes, 4);
	assert_true(text_is_hex("", 0));
	for (i = 0; i < COUNT(bad); i++) {
		assert_false(text_is_hex(bad[i], 8));
		assert_int_equal(text_unhex(bad[i], back, 4), AG_EINVAL);
	}
}

static void
test_rfc4648_base64(void **state)
{
	static const struct {
		const char *plain, *b64;
	} good[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"\xff\xfe\xfd", "//79"},
	};
	static const char *const bad[] = {"Zm8", "Zm8==", "Zm9=", "Zm8=\n",
	    " Zm8=", "Zm8= ", "Zm-=", "Zm9v", "Zg==", ""};
	uint8_t back[8];
	char out[16];
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		len = strlen(good[i].plain);
		assert_int_equal(text_base64((const uint8_t *)good[i].plain,
				     len, out, sizeof(out)),
		    0);
		assert_string_equal(out, good[i].b64);
		assert_int_equal(text_unbase64(out, back, len), 0);
		assert_memory_equal(back, good[i].plain, len);
	}
	/* Each of these is not the base64 of two bytes. */
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(text_unbase64(bad[i], back, 2), AG_EINVAL);
	assert_int_equal(
	    text_base64((const uint8_t *)"foo", 3, out, 4), AG_ETOOBIG);
	assert_string_equal(out, "");
}

struct number_case {
	const char *text;
	int rc;
	uint64_t n;
};

static void
test_uint(void **state)
{
	static const struct number_case cases[] = {
	    {"0", 0, 0},
	    {"1000", 0, 1000},
	    {"1001", AG_ETOOBIG, 0},
	    {"99999999999999999999999", AG_ETOOBIG, 0},
	    {"", AG_EINVAL, 0},
	    {"00", AG_EINVAL, 0},
	    {"01", AG_EINVAL, 0},
	    {"1 ", AG_EINVAL, 0},
	    {" 1", AG_EINVAL, 0},
	    {"+1", AG_EINVAL, 0},
	    {"-1", AG_EINVAL, 0},
	    {"0x10", AG_EINVAL, 0},
	    {"99999999999999999999999x", AG_EINVAL, 0},
	};
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    text_uint(cases[i].text, 1000, &n), cases[i].rc);
		assert_true(n == cases[i].n);
	}
}

static void
test_size(void **state)
{
	static const struct number_case cases[] = {
	    {"0", 0, 0},
	    {"1023", 0, 1023},
	    {"1K", 0, 1024},
	    {"25M", 0, 25ULL << 20},
	    {"3G", 0, 3ULL << 30},
	    {"2T", 0, 2ULL << 40},
	    {"8388607T", 0, 8388607ULL << 40},
	    {"8388608T", AG_ETOOBIG, 0},
	    {"18446744073709551615", AG_ETOOBIG, 0},
	    {"1k", AG_EINVAL, 0},
	    {"1KB", AG_EINVAL, 0},
	    {"1 K", AG_EINVAL, 0},
	    {"1.5G", AG_EINVAL, 0},
	    {"K", AG_EINVAL, 0},
	    {"", AG_EINVAL, 0},
	    {"-1K", AG_EINVAL, 0},
	};
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(text_size(cases[i].text, &n), cases[i].rc);
		assert_true(n == cases[i].n);
	}
}

static void
test_duration(void **state)
{
	static const struct number_case cases[] = {
	    {"0s", 0, 0},
	    {"10s", 0, 10},
	    {"5m", 0, 300},
	    {"2h", 0, 7200},
	    {"60d", 0, 5184000},
	    {"106751991167300d", 0, 106751991167300ULL * 86400},
	    {"106751991167301d", AG_ETOOBIG, 0},
	    {"10", AG_EINVAL, 0},
	    {"10w", AG_EINVAL, 0},
	    {"10ms", AG_EINVAL, 0},
	    {"1h30m", AG_EINVAL, 0},
	    {"", AG_EINVAL, 0},
	    {"s", AG_EINVAL, 0},
	};
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(text_duration(cases[i].text, &n), cases[i].rc);
		assert_true(n == cases[i].n);
	}
}

/* A list of texts for which is() holds, or doesn't. */
static void
check_all(bool (*is)(const char *), const char *const *texts, size_t count,
    bool expected)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (is(texts[i]) != expected)
			fail_msg("\"%s\": expected %d", texts[i], expected);
	}
}

static void
test_node_names(void **state)
{
	static const char *const good[] = {
	    "a", "carol", "node-7", "0", "abcdefghijklmnopqrstuvwxyz012345"};
	static const char *const bad[] = {"", "-a", "a-", "-", "Carol", "a.b",
	    "a_b", "a b", "a/b", "..", "ä", "a\n",
	    "abcdefghijklmnopqrstuvwxyz0123456"};

	(void)state;
	check_all(text_is_node_name, good, COUNT(good), true);
	check_all(text_is_node_name, bad, COUNT(bad), false);
}

static void
test_mailbox_names(void **state)
{
	static const char *const good[] = {
	    "a", "Contact", "a.b_c-d", "-x", "_"};
	static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b",
	    "a@b", "a+b", "ä", "a\n",
	    ("0123456789012345678901234567890123456789012345678901234567890123"
	     "4")};

	(void)state;
	check_all(text_is_mailbox_name, good, COUNT(good), true);
	check_all(text_is_mailbox_name, bad, COUNT(bad), false);
}

static void
test_domains(void **state)
{
	static const char *const good[] = {"a.b", "carol.friends.example",
	    "xn--bcher-kva.example", "1.2.example", "a-b.c-d",
	    /* a label of 63 */
	    ("0123456789012345678901234567890123456789012345678901234567890ab"
	     ".example")};
	static const char *const bad[] = {"", "example", ".", "a.", ".a",
	    "a..b", "A.b", "-a.b", "a-.b", "a.b-", "a_b.c", "a b.c",
	    "192.0.2.1", "a.b.", "ä.b", "*.b", "a.b\n", "a.123",
	    ("0123456789012345678901234567890123456789012345678901234567890abc"
	     ".example")};
	char name[300];
	size_t i;

	(void)state;
	check_all(text_is_domain, good, COUNT(good), true);
	check_all(text_is_domain, bad, COUNT(bad), false);
	for (i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "a.", 2);
	name[253] = '\0'; /* "a.a. ... .a" */
	assert_true(text_is_domain(name));
	memcpy(name + 253, "a", 2);
	assert_false(text_is_domain(name));
}

static void
test_lower(void **state)
{
	char s[] = "AbZ@[`{\xc4";

	(void)state;
	text_lower(s);
	assert_string_equal(s, "abz@[`{\xc4");
}

static void
test_rfc3629_lines(void **state)
{
	static const char *const good[] = {"", "a b", "Grüße", "\u20ac",
	    "\U0001f600", "\u00a0", "\uffff", "\U0010ffff"};
	static const char *const bad[] = {"a\n", "a\rb", "\t", "\x1b[31m",
	    "\x7f", "\xc2\x85", "\u2028", "\u2029", "\xff", "\xc0\x80",
	    "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
	    "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "\xe2",
	    "\x80", "a\xc3"};

	(void)state;
	check_all(text_is_line, good, COUNT(good), true);
	check_all(text_is_line, bad, COUNT(bad), false);
}

static void
test_addresses(void **state)
{
	static const char *const good[] = {"192.0.2.1", "2001:db8::1",
	    "::", "::ffff:192.0.2.1", "0.0.0.0", "255.255.255.255"};
	static const char *const bad[] = {"", "192.0.2", "192.0.2.256",
	    "192.0.2.1/24", "[::1]", "fe80::1%eth0", "IPv6:::1", " 192.0.2.1",
	    "192.0.2.1 ", "0x7f.1", "2130706433", "1::2::3", "localhost"};

	(void)state;
	check_all(text_is_address, good, COUNT(good), true);
	check_all(text_is_address, bad, COUNT(bad), false);
}

static void
test_rfc6890_special_addresses(void **state)
{
	static const char *const special[] = {"127.0.0.1", "127.255.255.255",
	    "10.0.0.1", "10.77.0.3", "172.16.0.1", "172.31.255.255",
	    "192.168.1.9", "169.254.1.1", "100.64.0.1", "100.127.255.255",
	    "0.0.0.0", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
	    "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1",
	    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:7f00:1",
	    "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "",
	    "nonsense", "[UNAVAILABLE]"};
	static const char *const public[] = {"192.0.2.3", "198.51.100.1",
	    "203.0.113.9", "8.8.8.8", "172.15.255.255", "172.32.0.1",
	    "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
	    "11.0.0.1", "223.255.255.255", "2001:db8::3", "2606:4700::1111",
	    "::ffff:192.0.2.3", "64:ff9b::192.0.2.3"};

	(void)state;
	check_all(text_address_is_special, special, COUNT(special), true);
	check_all(text_address_is_special, public, COUNT(public), false);
}

static void
test_networks(void **state)
{
	static const char *const good[] = {"192.0.2.0/24", "192.0.2.1",
	    "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1", "192.0.2.1/32",
	    "::ffff:192.0.2.0/120"};
	static const char *const bad[] = {"", "/", "/24", "192.0.2.0/",
	    "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/-1", "2001:db8::/129",
	    "192.0.2.0/24/24", "192.0.2/24", "example/24",
	    "::ffff:192.0.2.0/95", "192.0.2.0/ 4"};
	static const struct {
		const char *address, *net;
		bool in;
	} cases[] = {
	    {"192.0.2.7", "192.0.2.0/24", true},
	    {"192.0.3.7", "192.0.2.0/24", false},
	    {"192.0.2.127", "192.0.2.0/25", true},
	    {"192.0.2.128", "192.0.2.0/25", false},
	    {"192.0.2.7", "192.0.2.99/24", true},
	    {"192.0.2.7", "192.0.2.7", true},
	    {"192.0.2.7", "192.0.2.8", false},
	    {"192.0.2.7", "0.0.0.0/0", true},
	    {"192.0.2.7", "::/0", false},
	    {"::ffff:192.0.2.7", "192.0.2.0/24", true},
	    {"192.0.2.7", "::ffff:192.0.2.0/120", true},
	    {"192.0.3.7", "::ffff:192.0.2.0/120", false},
	    {"2001:db8::1", "2001:db8::/32", true},
	    {"2001:db9::1", "2001:db8::/32", false},
	    {"2001:db8:8000::", "2001:db8::/33", false},
	    {"2001:db8:7fff::", "2001:db8::/33", true},
	    {"nonsense", "0.0.0.0/0", false},
	    {"192.0.2.7", "nonsense", false},
	};
	size_t i;

	(void)state;
	check_all(text_is_network, good, COUNT(good), true);
	check_all(text_is_network, bad, COUNT(bad), false);
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    text_address_in(cases[i].address, cases[i].net),
		    cases[i].in);
}

static void
test_rfc3339_time(void **state)
{
	static const struct {
		int64_t t;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {1795334400, "2026-11-22T08:00:00Z"},
	    {253402300799, "9999-12-31T23:59:59Z"},
	    {INT64_MAX, "9999-12-31T23:59:59Z"},
	    {-1, "1970-01-01T00:00:00Z"},
	};
	char out[21];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		text_time(cases[i].t, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void
test_rfc3461_xtext(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_xtext("a b", out, sizeof(out)), 0);
	assert_string_equal(out, "a+20b");
	assert_int_equal(text_xtext("+=", out, sizeof(out)), 0);
	assert_string_equal(out, "+2B+3D");
	assert_int_equal(text_xtext("\r\n", out, sizeof(out)), 0);
	assert_string_equal(out, "+0D+0A");
	assert_int_equal(text_xtext("\xc3\xa4", out, sizeof(out)), 0);
	assert_string_equal(out, "+C3+A4");
	assert_int_equal(text_xtext("", out, 1), 0);
	assert_string_equal(out, "");
	assert_int_equal(text_xtext("12345678", out, sizeof(out)), AG_ETOOBIG);
	assert_string_equal(out, "");
	assert_int_equal(text_xtext("1234567", out, sizeof(out)), 0);
	assert_string_equal(out, "1234567");
	assert_int_equal(text_xtext("123456 ", out, sizeof(out)), AG_ETOOBIG);
	assert_int_equal(text_xtext("1234 ", out, sizeof(out)), 0);
	assert_string_equal(out, "1234+20");
}

static void
test_allocating(void **state)
{
	char *s;

	(void)state;
	s = xasprintf("%s-%d", "a", 7);
	assert_string_equal(s, "a-7");
	free(s);
	s = xstrdup("text");
	assert_string_equal(s, "text");
	free(s);
	s = xcalloc(0, 0);
	assert_non_null(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_hex),
	    help_test(test_rfc4648_base64),
	    help_test(test_uint),
	    help_test(test_size),
	    help_test(test_duration),
	    help_test(test_node_names),
	    help_test(test_mailbox_names),
	    help_test(test_domains),
	    help_test(test_lower),
	    help_test(test_rfc3629_lines),
	    help_test(test_addresses),
	    help_test(test_rfc6890_special_addresses),
	    help_test(test_networks),
	    help_test(test_rfc3339_time),
	    help_test(test_rfc3461_xtext),
	    help_test(test_allocating),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
