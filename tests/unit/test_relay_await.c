/* SPDX-License-Identifier: MIT */
/* test_relay_await - when a wait for copies is over, and its figures. */
#include "help.h"

#include "relayd/await.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* SPEC N-6.1 */
static void
over(void **state)
{
	static const struct {
		unsigned have, may_come, want;
		bool over;
		unsigned wanted;
	} t[] = {
	    {1, 2, 2, false, 2},
	    {2, 1, 2, true, 2},
	    {1, 0, 2, true, 1}, /* nobody can be waited for */
	    {1, 1, 4, false, 2}, /* fewer than wanted */
	    {2, 0, 4, true, 2},
	    {3, 3, 2, true, 2},
	    {1, 3, 1, true, 1},
	    {1, 3, 0, true, 0},
	};
	unsigned wanted;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		assert_int_equal(
		    await_is_over(t[i].have, t[i].may_come, t[i].want, &wanted),
		    t[i].over);
		assert_int_equal(wanted, t[i].wanted);
	}
}

static void
times(void **state)
{
	unsigned one[] = {7}, many[100], i;
	struct await_times t;

	(void)state;
	await_times_of(NULL, 0, &t);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.p95, 0);
	await_times_of(one, 1, &t);
	assert_int_equal(t.median, 7);
	assert_int_equal(t.p95, 7);
	for (i = 0; i < 100; i++)
		many[i] = 100 - i;
	await_times_of(many, 100, &t);
	assert_int_equal(t.count, 100);
	assert_int_equal(t.median, 50);
	assert_int_equal(t.p95, 95);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(over),
	    help_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
