/* SPDX-License-Identifier: MIT */
/*
 * test_sessions - the table that policy check and milter share.
 */
#include "help.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "milter/sessions.h"

static const struct mail_class bob = {.kind = MAIL_PEER, .home = "bob"};

static struct admission
admission(const char *path)
{
	struct admission a = {.class = bob, .protocol = "ESMTP"};

	assert_int_equal(address_parse(path, &a.rcpt), 0);
	return a;
}

static void
test_found_by_client(void **state)
{
	struct sessions *t = sessions_new();
	struct session *s;
	struct mail_class class;

	(void)state;
	assert_false(sessions_class(t, "192.0.2.7", "1", &class));
	s = session_open(t, "192.0.2.7", "1");
	assert_true(sessions_class(t, "192.0.2.7", "1", &class));
	assert_int_equal(class.kind, MAIL_NONE);
	assert_false(sessions_class(t, "192.0.2.7", "2", &class));
	assert_false(sessions_class(t, "192.0.2.8", "1", &class));
	session_set_class(s, &bob);
	assert_true(sessions_class(t, "192.0.2.7", "1", &class));
	assert_string_equal(class.home, "bob");
	session_close(&s);
	assert_null(s);
	assert_false(sessions_class(t, "192.0.2.7", "1", &class));
	assert_int_equal(sessions_count(t), 0);
	sessions_free(&t);
}

static void
test_spellings_of_an_address(void **state)
{
	struct sessions *t = sessions_new();
	struct mail_class class;
	struct session *s;

	(void)state;
	s = session_open(t, "IPv6:2001:DB8:0::7", "1");
	assert_true(sessions_class(t, "2001:db8::7", "1", &class));
	session_close(&s);
	s = session_open(t, "unknown", "");
	assert_true(sessions_class(t, "unknown", "", &class));
	session_close(&s);
	sessions_free(&t);
}

static void
test_admission_is_taken_once(void **state)
{
	struct sessions *t = sessions_new();
	struct session *s = session_open(t, "192.0.2.7", "1");
	struct admission a = admission("<bob@bob.example>"), got;

	(void)state;
	assert_false(session_take(s, &a.rcpt, &got));
	assert_true(sessions_admit(t, "192.0.2.7", "1", &a));
	assert_true(session_take(s, &a.rcpt, &got));
	assert_string_equal(got.class.home, "bob");
	assert_string_equal(got.protocol, "ESMTP");
	assert_false(session_take(s, &a.rcpt, &got));
	session_close(&s);
	sessions_free(&t);
}

static void
test_admission_is_for_one_recipient(void **state)
{
	struct sessions *t = sessions_new();
	struct session *s = session_open(t, "192.0.2.7", "1");
	struct admission a = admission("<bob@bob.example>");
	struct admission other = admission("<Bob@bob.example>"), got;

	(void)state;
	sessions_admit(t, "192.0.2.7", "1", &a);
	assert_false(session_take(s, &other.rcpt, &got));
	assert_false(session_take(s, &a.rcpt, &got)); /* it is forgotten */
	sessions_admit(t, "192.0.2.7", "1", &a);
	assert_true(session_forget(s));
	assert_false(session_forget(s));
	assert_false(session_take(s, &a.rcpt, &got));
	sessions_admit(t, "192.0.2.7", "1", &a);
	sessions_admit(t, "192.0.2.7", "1", &other); /* the last counts */
	assert_false(session_take(s, &a.rcpt, &got));
	sessions_admit(t, "192.0.2.7", "1", &a);
	session_reset(s);
	assert_false(session_take(s, &a.rcpt, &got));
	assert_false(sessions_admit(t, "192.0.2.8", "1", &a));
	session_close(&s);
	sessions_free(&t);
}

/* A port that is used again before the old session is closed. */
static void
test_newest_of_two(void **state)
{
	struct sessions *t = sessions_new();
	struct session *old = session_open(t, "192.0.2.7", "1");
	struct session *new = session_open(t, "192.0.2.7", "1");
	struct admission a = admission("<bob@bob.example>"), got;

	(void)state;
	sessions_admit(t, "192.0.2.7", "1", &a);
	assert_false(session_take(old, &a.rcpt, &got));
	session_close(&old);
	assert_true(session_take(new, &a.rcpt, &got));
	session_close(&new);
	sessions_free(&t);
}

static void *
run_client(void *arg)
{
	struct sessions *t = arg;
	struct mail_class class;
	struct session *s;
	char port[8];
	unsigned char i;

	for (i = 0; i < 255; i++) {
		snprintf(port, sizeof(port), "%u", i);
		s = session_open(t, "192.0.2.7", port);
		session_set_class(s, &bob);
		sessions_class(t, "192.0.2.7", port, &class);
		session_reset(s);
		session_close(&s);
	}
	return NULL;
}

static void
test_many_threads(void **state)
{
	struct sessions *t = sessions_new();
	pthread_t threads[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_client, t), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sessions_count(t), 0);
	sessions_free(&t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_found_by_client),
	    help_test(test_spellings_of_an_address),
	    help_test(test_admission_is_taken_once),
	    help_test(test_admission_is_for_one_recipient),
	    help_test(test_newest_of_two),
	    help_test(test_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
