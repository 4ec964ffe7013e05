/* SPDX-License-Identifier: MIT */
/*
 * test_question - what the milter makes of relayd's answers, of none, and
 * of nobody there.
 */
#include "help.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "milter/question.h"
#include "util/sock.h"
#include "util/text.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ID "1111111111111111111111111111111111111111111111111111111111111111"

static void
test_parse(void **state)
{
	static const struct {
		const char *line;
		int rc;
		unsigned copies, wanted;
		bool late;
	} t[] = {
	    {"copies=2 wanted=2 late=no\n", AG_OK, 2, 2, false},
	    {"copies=1 wanted=3 late=yes\n", AG_OK, 1, 3, true},
	    {"copies=1 wanted=3 late=yes", AG_EINVAL, 0, 0, false},
	    {"copies=1 wanted=3 late=maybe\n", AG_EINVAL, 0, 0, false},
	    {"copies=1 wanted=3\n", AG_EINVAL, 0, 0, false},
	    {"copies=x wanted=3 late=no\n", AG_EINVAL, 0, 0, false},
	    {"error=\"unknown question\"\n", AG_EINVAL, 0, 0, false},
	    {"", AG_EINVAL, 0, 0, false},
	};
	struct question_copies r;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		assert_int_equal(question_parse_copies(t[i].line, &r), t[i].rc);
		assert_int_equal(r.copies, t[i].copies);
		assert_int_equal(r.wanted, t[i].wanted);
		assert_int_equal(r.late, t[i].late);
	}
}

/* A stand-in for relayd that takes one question, and says `line` or, where
 * that is NULL, closes. */
struct stand_in {
	int fd;
	const char *line;
	char asked[256];
};

static void *
serve(void *ctx)
{
	struct stand_in *s = ctx;
	int fd = accept(s->fd, NULL, NULL), passed;

	assert_true(fd >= 0);
	assert_true(sock_recv(fd, s->asked, sizeof(s->asked), &passed) > 0);
	if (s->line != NULL)
		assert_int_equal(
		    sock_send(fd, s->line, strlen(s->line), -1), 0);
	close(fd);
	return NULL;
}

static int
ask(const char *line, struct stand_in *s, struct question_copies *r_r)
{
	struct error error;
	pthread_t thread;
	int rc;

	memset(s, 0, sizeof(*s));
	s->line = line;
	(void)mkdir(help_path("relayd"), 0700);
	s->fd = sock_listen(
	    help_path("relayd/relay.sock"), SOCK_SEQPACKET, 0600, &error);
	assert_true(s->fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
	rc = question_copies(help_dir(), ID, 2, 5, NULL, NULL, r_r, &error);
	pthread_join(thread, NULL);
	close(s->fd);
	return rc;
}

static void
test_ask(void **state)
{
	struct question_copies r;
	struct stand_in s;

	(void)state;
	assert_int_equal(ask("copies=2 wanted=2 late=no\n", &s, &r), AG_OK);
	assert_string_equal(s.asked, "copies " ID " 2 5");
	assert_int_equal(r.copies, 2);
	assert_int_equal(ask("what?\n", &s, &r), AG_EINVAL);
	assert_int_equal(ask(NULL, &s, &r), AG_EIO);
}

static void
test_nobody(void **state)
{
	struct question_copies r;
	struct error error;

	(void)state;
	assert_int_equal(question_copies(help_path("none"), ID, 2, 5, NULL,
			     NULL, &r, &error),
	    AG_EIO);
	assert_int_equal(r.copies, 0);
}

static void
count(void *ctx)
{
	(*(unsigned *)ctx)++;
}

/* SPEC N-6.2: silence ends, and the mail server hears in between. */
static void
test_silence(void **state)
{
	struct question_copies r;
	struct error error;
	unsigned progress = 0;
	int fd;

	(void)state;
	(void)mkdir(help_path("relayd"), 0700);
	fd = sock_listen(
	    help_path("relayd/relay.sock"), SOCK_SEQPACKET, 0600, &error);
	assert_true(fd >= 0);
	assert_int_equal(
	    question_copies(help_dir(), ID, 2, 2, count, &progress, &r, &error),
	    AG_EIO);
	assert_true(progress >= 1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_parse),
	    help_test(test_ask),
	    help_test(test_nobody),
	    help_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
