/* SPDX-License-Identifier: MIT */
/*
 * test_relay_child - relayd/child.c: a child of relayd's that is ended as it
 * begins. The children are this program again.
 */
#include "help.h"

#include <sys/wait.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "relayd/child.h"

#define MANY 200

static int told[2]; /* a pipe, as libevent has one */

static void
on_term(int sig)
{
	ssize_t n = write(told[1], "t", 1);

	(void)sig;
	(void)n;
}

/* A signal for the child is none for relayd, at whatever moment. */
static void
test_ended_at_once(void **state)
{
	char path[] = "/nonexistent", root[] = "", byte;
	struct conf conf = {.path = path, .root = root};
	struct relayd r = {.conf = &conf};
	struct sigaction act = {.sa_handler = on_term};
	unsigned i;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(told), 0);
	assert_int_equal(sigaction(SIGTERM, &act, NULL), 0);
	for (i = 0; i < MANY; i++) {
		pid = child_start(&r, "--dial", "bob", -1);
		assert_true(pid > 0);
		assert_int_equal(kill(pid, SIGTERM), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_ended_at_once),
	};

	if (argc > 1 && strcmp(argv[1], "--dial") == 0)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
