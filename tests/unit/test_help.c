/* SPDX-License-Identifier: MIT */
/*
 * test_help - the unit tests' helper: above all, that it fails a test when
 * it should.
 *
 * The failing cases run in a child process, as a cmocka group of their
 * own, whose exit status is the number of tests that did not pass.
 */
#include "help.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"

static void
inner_quiet(void **state)
{
	(void)state;
	log_info("only information n=%d", 1);
	log_debug("and debugging");
}

static void
inner_warns(void **state)
{
	(void)state;
	log_warn("trouble n=%d", 1);
}

static void
inner_expects(void **state)
{
	(void)state;
	help_expect_log("trouble n=1");
	log_error("trouble n=1");
}

static void
inner_warns_twice(void **state)
{
	(void)state;
	help_expect_log("trouble");
	log_warn("trouble n=1");
	log_warn("trouble n=2");
}

static void
inner_expects_in_vain(void **state)
{
	(void)state;
	help_expect_log("trouble");
	log_info("trouble that is only told");
}

struct inner {
	void (*test)(void **state);
	int failed; /* how many of the one test fail */
};

static int
run_inner(void *ctx)
{
	const struct inner *in = ctx;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(in->test, help_begin, help_end),
	};

	return cmocka_run_group_tests_name("inner", tests, NULL, NULL);
}

static void
test_sink_fails_tests(void **state)
{
	static const struct inner cases[] = {
	    {inner_quiet, 0},
	    {inner_warns, 1},
	    {inner_expects, 0},
	    {inner_warns_twice, 1},
	    {inner_expects_in_vain, 1},
	};
	const char *out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inner in = cases[i];

		assert_int_equal(
		    help_child_output(run_inner, &in, &out), in.failed);
	}
}

static void
test_logged_counts_lines(void **state)
{
	(void)state;
	log_info("one key=%s", "value");
	log_info("two key=%s", "value");
	assert_int_equal(help_logged("key=value"), 2);
	assert_int_equal(help_logged("test: one"), 1);
	assert_int_equal(help_logged("three"), 0);
}

static void
test_scratch_directory(void **state)
{
	static char last[128];
	struct stat st;
	size_t len;

	(void)state;
	assert_int_equal(stat(help_dir(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(help_entries(help_dir()), 0);
	/* This test runs twice; the second finds nothing of the first. */
	assert_false(last[0] != '\0' && help_exists(last));
	snprintf(last, sizeof(last), "%s", help_dir());
	help_write(help_path("a-%d", 1), "x\0y", 3);
	assert_int_equal(help_entries(help_dir()), 1);
	assert_memory_equal(help_read(help_path("a-1"), &len), "x\0y", 4);
	assert_int_equal(len, 3);
}

static void
test_source_is_found(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(help_read(help_source("tests/unit/test_help.c"), NULL),
		"test_source_is_found"));
}

static int
child_prints(void *ctx)
{
	printf("out %s\n", (const char *)ctx);
	log_warn("err");
	return 3;
}

static int
child_dies(void *ctx)
{
	(void)ctx;
	raise(SIGTERM);
	return 0;
}

static void
test_children(void **state)
{
	char text[] = "text";
	const char *out;

	(void)state;
	assert_int_equal(help_child_output(child_prints, text, &out), 3);
	assert_non_null(strstr(out, "out text\n"));
	assert_non_null(strstr(out, " warn test: err\n"));
	assert_int_equal(help_child(child_dies, NULL), 128 + SIGTERM);
}

static void
test_faults(void **state)
{
	(void)state;
	help_faults("a.b error\n");
	assert_string_equal(
	    help_read(getenv("AGAMID_FAULTS"), NULL), "a.b error\n");
	help_faults(NULL);
	assert_null(getenv("AGAMID_FAULTS"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_sink_fails_tests),
	    help_test(test_logged_counts_lines),
	    help_test(test_scratch_directory),
	    help_test(test_scratch_directory),
	    help_test(test_source_is_found),
	    help_test(test_children),
	    help_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
