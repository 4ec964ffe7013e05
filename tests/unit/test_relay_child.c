/* SPDX-License-Identifier: MIT */
/*
 * test_relay_child - relayd/starter.c: its lines, and the process. Its
 * children are this program again.
 */
#include "help.h"

#include <string.h>
#include <unistd.h>

#include "util/sock.h"

#include "relayd/starter.h"

static void
test_lines(void **state)
{
	static const struct {
		const char *line;
		struct starter_order order;
	} tests[] = {
	    {"dial 1 bob\n", {STARTER_DIAL, 1, "bob", 0}},
	    {"probe 4294967295 a-2\n", {STARTER_PROBE, 4294967295, "a-2", 0}},
	    {"end 7\n", {STARTER_END, 7, "", 0}},
	    {"ended 7 256\n", {STARTER_ENDED, 7, "", 256}},
	    {"ended 8 0\n", {STARTER_ENDED, 8, "", 0}},
	};
	char line[STARTER_LINE_MAX];
	struct starter_order found;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		assert_int_equal(starter_parse(tests[i].line, &found), 0);
		assert_memory_equal(&found, &tests[i].order, sizeof(found));
		assert_int_equal(
		    starter_write(&found, line), strlen(tests[i].line));
		assert_string_equal(line, tests[i].line);
	}
}

#define BLANKS "                                        "

static void
test_bad_lines(void **state)
{
	static const char *const lines[] = {"", "\n", "dial\n", "dial 1\n",
	    "dial 0 bob\n", "dial x bob\n", "dial 1 --config\n",
	    "dial 1 ../bob\n", "dial 1 Bob\n",
	    "dial 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "end 1 bob\n",
	    "ended 1\n", "ended 1 x\n", "rescue 1 bob\n",
	    "dial 1 bob" BLANKS BLANKS "\n"};
	struct starter_order found;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(starter_parse(lines[i], &found), AG_EINVAL);
}

/* The process ------------------------------------------------------------ */

static void
say(int fd, const char *line, int pass_fd)
{
	assert_int_equal(sock_send(fd, line, strlen(line), pass_fd), 0);
}

static void
hear(int fd, const char *expected)
{
	char line[STARTER_LINE_MAX];
	int passed;

	assert_true(sock_recv(fd, line, sizeof(line), &passed) > 0);
	assert_string_equal(line, expected);
}

/* What it may not is tried in tests/integration/test_sandbox.py. */
static void
unconfined(const struct conf *conf)
{
	(void)conf;
}

static int
start(struct conf **conf_r)
{
	struct error error;
	struct buf errors;
	int fd;

	buf_init(&errors, 1000);
	*conf_r = conf_parse("conf", "node: alice\n", 12, help_dir(), &errors);
	assert_non_null(*conf_r);
	fd = starter_fork(*conf_r, false, unconfined, &error);
	assert_true(fd >= 0);
	buf_free(&errors);
	return fd;
}

/* Each end is told of, once. (What they say is heard in
 * tests/integration/test_relay_probe.py: under valgrind this program is not
 * what /proc/self/exe names.) */
static void
test_children(void **state)
{
	char line[STARTER_LINE_MAX], wanted[STARTER_LINE_MAX];
	struct conf *conf;
	int fd = start(&conf), passed, i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		snprintf(line, sizeof(line), "%s %d good\n",
		    i == 2 ? "probe" : "dial", i);
		say(fd, line, i == 2 ? STDERR_FILENO : -1);
		assert_true(sock_recv(fd, line, sizeof(line), &passed) > 0);
		snprintf(wanted, sizeof(wanted), "ended %d ", i);
		assert_memory_equal(line, wanted, strlen(wanted));
	}
	close(fd);
	conf_free(&conf);
}

/* However early it comes: an end is not lost. */
static void
test_ended_at_once(void **state)
{
	struct conf *conf;
	int fd = start(&conf), i;

	(void)state;
	for (i = 0; i < 50; i++) {
		say(fd, "dial 9 long\n", -1);
		say(fd, "end 9\n", -1);
		hear(fd, "ended 9 15\n");
	}
	close(fd);
	conf_free(&conf);
}

/* Nonsense from a relayd that is somebody else's ends it. */
static void
test_nonsense(void **state)
{
	char line[STARTER_LINE_MAX];
	struct conf *conf;
	int fd = start(&conf), passed;

	(void)state;
	say(fd, "dial 1 --version\n", -1);
	assert_int_equal(sock_recv(fd, line, sizeof(line), &passed), 0);
	close(fd);
	conf_free(&conf);
}

/* `test_relay_child --dial NAME ...` */
static int
be_child(const char *name)
{
	if (strcmp(name, "long") == 0)
		pause();
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_lines),
	    help_test(test_bad_lines),
	    help_test(test_children),
	    help_test(test_ended_at_once),
	    help_test(test_nonsense),
	};

	if (argc > 2 &&
	    (strcmp(argv[1], "--dial") == 0 || strcmp(argv[1], "--probe") == 0))
		return be_child(argv[2]);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
