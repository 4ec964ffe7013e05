/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_sending - the note of the notice that is being sent, after
 * deaths at each place. The rest of the way is tests/lab's.
 */
#include "help.h"

#include <sys/file.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "deliver/sending.h"

#define NOW 1000

static const char *note;
static struct told *told;
static struct sending *sending;
static struct error error;

static void
begin(void)
{
	note = help_path("sending");
	assert_int_equal(told_open(help_path("told.db"), &told, &error), 0);
	sending = sending_new(note, told);
}

static void
finish(void)
{
	sending_free(&sending);
	told_close(&told);
}

/* SPEC N-12.6, N-24.7 */
static void
test_what_was_left(void **state)
{
	static const struct {
		const char *left, *kind, *about;
		int is_told;
	} cases[] = {
	    {"", "dsn", "a", 0},
	    {"away bo", "away", "bob", 0},
	    {"dsn a\n", "dsn", "a", 0},
	    {"dsn b\nsent\n", "dsn", "b", 1},
	    {"away bob 5 1\n", "away", "bob 5 1", 1},
	    {"confirm bob 7\nsent\n", "confirm", "bob 7", 1},
	};
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		help_write(note, cases[i].left, strlen(cases[i].left));
		assert_int_equal(
		    sending_settle(sending, "dsn", NOW, &error), 0);
		assert_false(help_exists(note));
		assert_int_equal(told_is(told, cases[i].kind, cases[i].about),
		    cases[i].is_told);
	}
	assert_int_equal(sending_settle(sending, "dsn", NOW, &error), 0);
	finish();
}

/* Whoever starts sendmail(1) has outlived agamid-deliver. */
static void
test_being_sent_still(void **state)
{
	int fd;

	(void)state;
	begin();
	help_write(note, "dsn a\n", 6);
	fd = open(note, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(
	    sending_settle(sending, "dsn", NOW, &error), AG_EAGAIN);
	assert_int_equal(sending_sent(fd), 0);
	close(fd);
	assert_int_equal(sending_settle(sending, "dsn", NOW, &error), 0);
	assert_int_equal(told_is(told, "dsn", "a"), 1);
	finish();
}

static void
test_what_became_of_it(void **state)
{
	static const struct {
		enum sending_end how;
		const char *about;
		int is_told;
		bool is_left;
	} cases[] = {
	    {SENDING_DONE, "a", 1, false},
	    {SENDING_NOT, "b", 0, false},
	    {SENDING_UNKNOWN, "c", 0, true},
	};
	size_t i;
	int fd;

	(void)state;
	begin();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = sending_begin(sending, "dsn", cases[i].about, &error);
		assert_true(fd >= 0);
		assert_true(help_exists(note));
		assert_int_equal(sending_end(sending, fd, cases[i].how, "dsn",
				     cases[i].about, NOW),
		    0);
		assert_int_equal(help_exists(note), cases[i].is_left);
		assert_int_equal(
		    told_is(told, "dsn", cases[i].about), cases[i].is_told);
	}
	finish();
}

#ifdef ENABLE_FAULT_POINTS
/* It was sent, and the disk is full. */
static void
test_not_noted(void **state)
{
	int fd;

	(void)state;
	begin();
	fd = sending_begin(sending, "away", "bob 5 1", &error);
	assert_true(fd >= 0);
	help_faults("told.commit error\n");
	help_expect_log("fault point");
	assert_true(
	    sending_end(sending, fd, SENDING_DONE, "away", "bob 5 1", NOW) < 0);
	help_faults("");
	assert_int_equal(told_is(told, "away", "bob 5 1"), 0);
	assert_int_equal(sending_settle(sending, "dsn", NOW, &error), 0);
	assert_int_equal(told_is(told, "away", "bob 5 1"), 1);
	finish();
}

/* What can't be noted is not sent; and what was sent is told all the same,
 * if nobody dies. */
static void
test_failing_disk(void **state)
{
	int fd;

	(void)state;
	begin();
	help_faults("deliver.sending error\n");
	assert_int_equal(
	    sending_begin(sending, "away", "bob 5 1", &error), AG_EIO);
	assert_false(help_exists(note));
	help_faults("deliver.sending error 2\n");
	fd = sending_begin(sending, "away", "bob 5 1", &error);
	assert_true(fd >= 0);
	assert_int_equal(sending_sent(fd), AG_EIO);
	help_faults("");
	assert_int_equal(
	    sending_end(sending, fd, SENDING_DONE, "away", "bob 5 1", NOW), 0);
	assert_int_equal(told_is(told, "away", "bob 5 1"), 1);
	finish();
}
#endif

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_what_was_left),
	    help_test(test_being_sent_still),
	    help_test(test_what_became_of_it),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_not_noted),
	    help_test(test_failing_disk),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
