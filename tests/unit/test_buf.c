/* SPDX-License-Identifier: MIT */
/* test_buf - lib/util/buf.c: the buffer and the cursor. */
#include "help.h"

#include <string.h>

#include "util/buf.h"
#include "util/error.h"

static void
test_put_and_grow(void **state)
{
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 100000);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	for (i = 0; i < 10000; i++)
		assert_int_equal(buf_printf(&b, "%05zu,", i), 0);
	assert_int_equal(b.len, 60000);
	assert_int_equal(strlen(buf_str(&b)), 60000);
	assert_memory_equal(b.data, "00000,00001,", 12);
	assert_memory_equal(b.data + 60000 - 6, "09999,", 7);
	buf_free(&b);
	buf_free(&b);
	assert_int_equal(b.max, 100000);
}

static void
test_maximum_is_kept(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_puts(&b, "12345678"), 0);
	assert_int_equal(buf_putc(&b, '9'), AG_ETOOBIG);
	assert_int_equal(buf_put(&b, "", 0), 0);
	assert_int_equal(buf_printf(&b, "%d", 9), AG_ETOOBIG);
	assert_null(buf_reserve(&b, 1));
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_string_equal(buf_str(&b), "12345678");
	assert_true(b.size <= 9);
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_puts(&b, "123456789"), AG_ETOOBIG);
	assert_int_equal(b.len, 0);
	buf_wipe(&b);
	assert_null(b.data);
	buf_wipe(&b);

	buf_init(&b, 0);
	assert_int_equal(buf_put(&b, "", 0), 0);
	assert_int_equal(buf_putc(&b, 'x'), AG_ETOOBIG);
	buf_free(&b);
}

static void
test_reserve_and_consume(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 64);
	p = buf_reserve(&b, 10);
	assert_non_null(p);
	memcpy(p, "hello\0xxxx", 10);
	buf_commit(&b, 6);
	assert_int_equal(b.len, 6);
	assert_int_equal(b.data[6], '\0');
	buf_puts(&b, "world");
	assert_memory_equal(b.data, "hello\0world", 12);
	buf_consume(&b, 0);
	buf_consume(&b, 6);
	assert_string_equal(buf_str(&b), "world");
	buf_consume(&b, 5);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
test_cursor_lines(void **state)
{
	struct cursor c;
	const char *p;
	size_t len;

	(void)state;
	cursor_init(&c, "a\n\nbc\nrest", 10);
	assert_true(cursor_line(&c, &p, &len));
	assert_int_equal(len, 1);
	assert_true(cursor_line(&c, &p, &len));
	assert_int_equal(len, 0);
	assert_true(cursor_line(&c, &p, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(p, "bc", 2);
	assert_false(cursor_line(&c, &p, &len));
	assert_null(p);
	assert_int_equal(c.left, 4);
	cursor_init(&c, NULL, 0);
	assert_false(cursor_line(&c, &p, &len));
}

static void
test_cursor_parts(void **state)
{
	struct cursor c;
	const char *p;
	size_t len;

	(void)state;
	cursor_init(&c, "key=value;xyz", 13);
	assert_false(cursor_skip(&c, "keys"));
	assert_true(cursor_skip(&c, ""));
	assert_true(cursor_skip(&c, "key="));
	assert_true(cursor_until(&c, ';', &p, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(p, "value", 5);
	assert_false(cursor_take(&c, 4, &p));
	assert_null(p);
	assert_true(cursor_take(&c, 3, &p));
	assert_memory_equal(p, "xyz", 3);
	assert_true(cursor_take(&c, 0, &p));
	assert_false(cursor_skip(&c, "x"));
	assert_int_equal(c.left, 0);
}

static void
test_cursor_uint(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool ok;
		uint64_t n;
		size_t left;
	} cases[] = {
	    {"0", 0, true, 0, 0},
	    {"7 ", 9, true, 7, 1},
	    {"42x", 42, true, 42, 1},
	    {"43", 42, false, 0, 2},
	    {"1", 0, false, 0, 1},
	    {"00", 9, false, 0, 2},
	    {"01", 9, false, 0, 2},
	    {"", 9, false, 0, 0},
	    {"x", 9, false, 0, 1},
	    {" 1", 9, false, 0, 2},
	    {"+1", 9, false, 0, 2},
	    {"-1", 9, false, 0, 2},
	    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX, 0},
	    {"18446744073709551616", UINT64_MAX, false, 0, 20},
	    {"99999999999999999999999", UINT64_MAX, false, 0, 23},
	};
	struct cursor c;
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cursor_init(&c, cases[i].text, strlen(cases[i].text));
		assert_int_equal(
		    cursor_uint(&c, cases[i].max, &n), cases[i].ok);
		assert_true(n == cases[i].n);
		assert_int_equal(c.left, cases[i].left);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_put_and_grow),
	    help_test(test_maximum_is_kept),
	    help_test(test_reserve_and_consume),
	    help_test(test_cursor_lines),
	    help_test(test_cursor_parts),
	    help_test(test_cursor_uint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
