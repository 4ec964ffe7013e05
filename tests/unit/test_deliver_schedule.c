/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_schedule - which job runs when. Time is made up.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "deliver/schedule.h"

#define CALM 0.0
#define BUSY 100.0

static struct job jobs[4];
static struct schedule s;

static void
begin(unsigned count)
{
	unsigned i;

	memset(jobs, 0, sizeof(jobs));
	schedule_init(&s, 2, 1);
	for (i = 0; i < count; i++) {
		snprintf(jobs[i].id, sizeof(jobs[i].id), "%u", i);
		schedule_add(&s, &jobs[i]);
	}
}

static void
test_order(void **state)
{
	(void)state;
	begin(3);
	assert_true(schedule_has(&s, "2"));
	assert_ptr_equal(schedule_next(&s, CALM, 5), &jobs[0]);
	assert_ptr_equal(schedule_next(&s, CALM, 5), &jobs[1]);
	assert_null(schedule_next(&s, CALM, 5));
	assert_int_equal(schedule_wait(&s, 5), -1);
	assert_true(schedule_end(&s, &jobs[1], 6));
	assert_true(schedule_has(&s, "0"));
	assert_false(schedule_has(&s, "1"));
	assert_ptr_equal(schedule_next(&s, CALM, 6), &jobs[2]);
	assert_int_equal(schedule_wait(&s, 6), -1);
	assert_null(schedule_drop(&s));
}

/* Under load one at a time; but one that waits for somebody is no load. */
static void
test_load(void **state)
{
	(void)state;
	begin(3);
	assert_ptr_equal(schedule_next(&s, BUSY, 5), &jobs[0]);
	assert_null(schedule_next(&s, BUSY, 5));
	assert_true(schedule_wait(&s, 5) > 0);
	assert_ptr_equal(schedule_next(&s, BUSY, 20000), &jobs[1]);
	assert_null(schedule_next(&s, BUSY, 20000));
	assert_ptr_equal(schedule_drop(&s), &jobs[2]);
}

/* A job that has to wait keeps no other from its place. */
static void
test_wait(void **state)
{
	(void)state;
	begin(2);
	assert_ptr_equal(schedule_next(&s, CALM, 1000), &jobs[0]);
	jobs[0].wait_ms = 3000;
	assert_false(schedule_end(&s, &jobs[0], 1010));
	assert_true(schedule_has(&s, "0"));
	assert_ptr_equal(schedule_next(&s, CALM, 1010), &jobs[1]);
	assert_null(schedule_next(&s, CALM, 4009));
	assert_int_equal(schedule_wait(&s, 4009), 1);
	assert_ptr_equal(schedule_next(&s, CALM, 4010), &jobs[0]);
	jobs[0].wait_ms = 0;
	assert_true(schedule_end(&s, &jobs[0], 4020));
}

/* One run of the next job at this time; was that its last? */
static bool
run(struct job *j, enum job_postfix postfix, int64_t now)
{
	assert_ptr_equal(schedule_next(&s, CALM, now), j);
	j->postfix = postfix;
	return schedule_end(&s, j, now);
}

/* SPEC N-10.12: what a start of Postfix took is tried each second; then
 * whoever asked hears of it, and so at once until Postfix is back. */
static void
test_postfix_is_away(void **state)
{
	int64_t now = 1000;

	(void)state;
	help_expect_log("Postfix takes no mail");
	help_expect_log("Postfix takes no mail");
	begin(1);
	for (; now < 1000 + AWAY_MS; now += AWAY_TRY_MS) {
		assert_false(run(&jobs[0], POSTFIX_AWAY, now));
		assert_null(schedule_next(&s, CALM, now + AWAY_TRY_MS - 1));
	}
	assert_true(run(&jobs[0], POSTFIX_AWAY, now));
	schedule_add(&s, &jobs[1]);
	assert_true(run(&jobs[1], POSTFIX_AWAY, now));
	schedule_add(&s, &jobs[2]); /* says nothing of Postfix */
	assert_true(run(&jobs[2], POSTFIX_NOT_ASKED, now));
	schedule_add(&s, &jobs[1]);
	assert_true(run(&jobs[1], POSTFIX_AWAY, now));
	schedule_add(&s, &jobs[2]);
	assert_true(run(&jobs[2], POSTFIX_THERE, now));
	schedule_add(&s, &jobs[1]);
	assert_false(run(&jobs[1], POSTFIX_AWAY, now));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_order),
	    help_test(test_load),
	    help_test(test_wait),
	    help_test(test_postfix_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
