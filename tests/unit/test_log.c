/* SPDX-License-Identifier: MIT */
/* test_log - lib/util/log.c: one clean line an event. */
#include "help.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"

static char last[2 * LOG_LINE_MAX];
static enum log_level last_level;

static void
keep_last(enum log_level level, const char *line, void *ctx)
{
	assert_ptr_equal(ctx, last);
	last_level = level;
	snprintf(last, sizeof(last), "%s", line);
}

static void
test_sink_and_escapes(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
	    {"sealed home=bob", "test: sealed home=bob"},
	    {"a\nb", "test: a\\x0ab"},
	    {"\r\t\x1b[0m", "test: \\x0d\\x09\\x1b[0m"},
	    {"back\\slash", "test: back\\x5cslash"},
	    {"\x7f\xc3\xa4", "test: \\x7f\\xc3\\xa4"},
	    {"quote\" ~", "test: quote\" ~"},
	    {"", "test: "},
	};
	size_t i;

	(void)state;
	log_set_sink(keep_last, last);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		errno = ENOSPC;
		log_info("%s", cases[i].text);
		assert_string_equal(last, cases[i].line);
		assert_int_equal(last_level, LOG_LVL_INFO);
		assert_int_equal(errno, ENOSPC);
	}
	log_error("x");
	assert_int_equal(last_level, LOG_LVL_ERROR);
}

static void
test_long_lines_are_cut_between_escapes(void **state)
{
	char text[4 * LOG_LINE_MAX];
	size_t len;

	(void)state;
	log_set_sink(keep_last, last);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	len = strlen(last);
	assert_true(len < LOG_LINE_MAX && len > LOG_LINE_MAX - 16);
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	len = strlen(last);
	assert_true(len < LOG_LINE_MAX && len > LOG_LINE_MAX - 16);
	assert_string_equal(last + len - 4, "\\x0a");
}

struct daemon {
	const char *journal; /* JOURNAL_STREAM */
	enum log_level least;
};

static int
daemon_logs(void *ctx)
{
	const struct daemon *d = ctx;

	if (d->journal != NULL)
		setenv("JOURNAL_STREAM", d->journal, 1);
	else
		unsetenv("JOURNAL_STREAM");
	log_open("agamid-x", d->least);
	log_debug("one");
	log_info("two key=%s", "a\nb");
	log_warn("three");
	log_error("four");
	return 0;
}

static void
test_lines_for_the_journal(void **state)
{
	struct daemon d = {"9:1", LOG_LVL_DEBUG};
	const char *out;

	(void)state;
	assert_int_equal(help_child_output(daemon_logs, &d, &out), 0);
	assert_string_equal(out,
	    "<7>agamid-x: one\n"
	    "<6>agamid-x: two key=a\\x0ab\n"
	    "<4>agamid-x: three\n"
	    "<3>agamid-x: four\n");
}

static void
test_lines_for_people(void **state)
{
	struct daemon d = {NULL, LOG_LVL_WARN};
	const char *out, *line;

	(void)state;
	assert_int_equal(help_child_output(daemon_logs, &d, &out), 0);
	/* "2026-11-22T08:00:00Z warn agamid-x: three" */
	line = strchr(out, '\n');
	assert_non_null(line);
	assert_int_equal(out[10], 'T');
	assert_int_equal(out[19], 'Z');
	assert_memory_equal(out + 20, " warn agamid-x: three\n", 22);
	assert_string_equal(line + 1 + 20, " error agamid-x: four\n");
}

static int
daemon_gives_up(void *ctx)
{
	(void)ctx;
	setenv("JOURNAL_STREAM", "9:1", 1);
	log_open("agamid-x", LOG_LVL_ERROR);
	log_fatal("no socket path=%s", "/x");
}

static void
test_fatal_ends_the_process(void **state)
{
	const char *out;

	(void)state;
	assert_int_equal(help_child_output(daemon_gives_up, NULL, &out), 1);
	assert_string_equal(out, "<3>agamid-x: no socket path=/x\n");
}

#define THREADS 4
#define LINES 200

static void *
log_many(void *arg)
{
	int i;

	for (i = 0; i < LINES; i++)
		log_info("thread name=%s line=%d end", (const char *)arg, i);
	return NULL;
}

static int
log_from_threads(void *ctx)
{
	static char names[THREADS][2] = {"a", "b", "c", "d"};
	pthread_t threads[THREADS];
	size_t i;

	(void)ctx;
	setenv("JOURNAL_STREAM", "9:1", 1);
	log_open("x", LOG_LVL_INFO);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, log_many, names[i]) != 0)
			return 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void
test_threads_do_not_mix_lines(void **state)
{
	const char *out, *line, *end;
	unsigned count = 0;

	(void)state;
	assert_int_equal(help_child_output(log_from_threads, NULL, &out), 0);
	for (line = out; *line != '\0'; line = end + 1, count++) {
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_memory_equal(line, "<6>x: thread name=", 18);
		assert_memory_equal(end - 4, " end", 4);
	}
	assert_int_equal(count, THREADS * LINES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_sink_and_escapes),
	    help_test(test_long_lines_are_cut_between_escapes),
	    help_test(test_lines_for_the_journal),
	    help_test(test_lines_for_people),
	    help_test(test_fatal_ends_the_process),
	    help_test(test_threads_do_not_mix_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
