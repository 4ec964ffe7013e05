/* SPDX-License-Identifier: MIT */
/*
 * test_fault - lib/util/fault.c. In a build without fault points: that
 * nothing can make a step fail.
 */
#include "help.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "util/fault.h"

#ifdef ENABLE_FAULT_POINTS

static void
test_nothing_without_a_file(void **state)
{
	(void)state;
	errno = ENOSPC;
	assert_false(fault_point("a.write"));
	fault_after("a.write");
	assert_int_equal(errno, ENOSPC);
	help_faults("");
	assert_false(fault_point("a.write"));
}

static void
test_error_once(void **state)
{
	(void)state;
	help_faults("# a comment\n\nb.write error\n");
	assert_false(fault_point("a.write"));
	errno = 0;
	assert_true(fault_point("b.write"));
	assert_int_equal(errno, EIO);
	assert_int_equal(help_logged("fault point=b.write action=error"), 1);
	assert_false(fault_point("b.write"));
}

static void
test_nth_pass_counted_from_the_line(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_false(fault_point("c.fsync"));
	help_faults("c.fsync error 3\n");
	assert_false(fault_point("c.fsync"));
	assert_false(fault_point("c.fsync"));
	assert_true(fault_point("c.fsync"));
	assert_false(fault_point("c.fsync"));
	/* Another line is another fault. */
	help_faults("c.fsync error 3\nc.fsync error 1\n");
	assert_true(fault_point("c.fsync"));
	assert_false(fault_point("c.fsync"));
}

static void
test_of_one_program(void **state)
{
	char lines[256];

	(void)state;
	snprintf(lines, sizeof(lines),
	    "other/g.send error\n%.3s/g.send error\n%s/g.fsync error\n",
	    program_invocation_short_name, program_invocation_short_name);
	help_faults(lines);
	assert_false(fault_point("g.send"));
	assert_true(fault_point("g.fsync"));
}

static void
test_bad_line_is_told_once(void **state)
{
	(void)state;
	help_faults("d.write explode\ne.write\nd.write error\n");
	help_expect_log("bad fault line=d.write explode");
	help_expect_log("bad fault line=e.write");
	assert_true(fault_point("d.write"));
	assert_false(fault_point("d.write"));
	assert_false(fault_point("e.write"));
}

static int
pass_both(void *ctx)
{
	help_faults(ctx);
	fault_point("f.rename");
	fault_after("f.rename");
	return 7;
}

static void
test_kills(void **state)
{
	static char before[] = "f.rename kill\n";
	static char after[] = "f.rename kill-after\n";
	static char second[] = "f.rename kill 2\n";
	static char other[] = "f.renam kill\nf.renamed kill-after\n";

	(void)state;
	assert_int_equal(help_child(pass_both, before), 128 + SIGKILL);
	assert_int_equal(help_child(pass_both, after), 128 + SIGKILL);
	assert_int_equal(help_child(pass_both, second), 7);
	assert_int_equal(help_child(pass_both, other), 7);
}

static int
pass_before_only(void *ctx)
{
	help_faults(ctx);
	fault_point("f.rename");
	return 7;
}

static void
test_kill_after_is_not_before(void **state)
{
	static char after[] = "f.rename kill-after\n";

	(void)state;
	assert_int_equal(help_child(pass_before_only, after), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_nothing_without_a_file),
	    help_test(test_error_once),
	    help_test(test_nth_pass_counted_from_the_line),
	    help_test(test_of_one_program),
	    help_test(test_bad_line_is_told_once),
	    help_test(test_kills),
	    help_test(test_kill_after_is_not_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void
test_ordinary_build_has_none(void **state)
{
	(void)state;
	help_faults("a.write error\na.write kill\na.write kill-after\n");
	assert_false(fault_point("a.write"));
	fault_after("a.write");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_ordinary_build_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
