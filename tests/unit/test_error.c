/* SPDX-License-Identifier: MIT */
/* test_error - lib/util/error.c. */
#include "help.h"

#include <errno.h>
#include <string.h>

#include "util/error.h"

static void
test_set(void **state)
{
	struct error e;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(
	    error_set(&e, AG_EINVAL, "bad %s in line %d", "name", 3),
	    AG_EINVAL);
	assert_string_equal(e.text, "bad name in line 3");
	assert_int_equal(errno, ENOSPC);
}

static void
test_set_errno(void **state)
{
	struct error e;

	(void)state;
	errno = ENOENT;
	assert_int_equal(
	    error_set_errno(&e, AG_EIO, "can't open %s", "x"), AG_EIO);
	assert_string_equal(e.text, "can't open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void
test_null_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, AG_ESIG, "%d", 1), AG_ESIG);
	assert_int_equal(error_set_errno(NULL, AG_EIO, "%d", 1), AG_EIO);
}

static void
test_long_text_is_cut(void **state)
{
	char text[2 * ERROR_TEXT_MAX];
	struct error e;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e, AG_EINVAL, "%s", text);
	assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
	errno = EIO;
	error_set_errno(&e, AG_EIO, "%s", text);
	assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
}

static void
test_every_code_has_its_name(void **state)
{
	int a, b;

	(void)state;
	assert_string_equal(error_name(AG_OK), "ok");
	assert_string_equal(error_name(17), "ok");
	assert_string_equal(error_name(-1000), "unknown error");
	for (a = AG_EINVAL; a >= AG_EEXIST; a--) {
		assert_string_not_equal(error_name(a), "unknown error");
		for (b = AG_OK; b > a; b--)
			assert_string_not_equal(error_name(a), error_name(b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_set),
	    help_test(test_set_errno),
	    help_test(test_null_is_allowed),
	    help_test(test_long_text_is_cut),
	    help_test(test_every_code_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
