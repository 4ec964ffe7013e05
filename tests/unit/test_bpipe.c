/* SPDX-License-Identifier: MIT */
/* test_bpipe - lib/util/bpipe.c: two threads, bounded, with deadlines. */
#include "help.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/bpipe.h"
#include "util/error.h"

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
test_one_thread(void **state)
{
	struct bpipe *p = bpipe_new(10, 10);
	char out[16];

	(void)state;
	assert_non_null(p);
	assert_int_equal(bpipe_push(p, "", 0), 0);
	assert_int_equal(bpipe_push(p, "abcdefgh", 8), 0);
	assert_int_equal(bpipe_pull(p, out, 5), 5);
	assert_memory_equal(out, "abcde", 5);
	/* Over the ring's end, and full. */
	assert_int_equal(bpipe_push(p, "ijklmno", 7), 0);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), 10);
	assert_memory_equal(out, "fghijklmno", 10);
	assert_int_equal(bpipe_push(p, "x", 1), 0);
	bpipe_finish(p);
	assert_int_equal(bpipe_push(p, "y", 1), AG_EIO);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), 1);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), 0);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), 0);
	bpipe_free(&p);
	assert_null(p);
	bpipe_free(&p);
	assert_null(bpipe_new(0, 10));
}

static void
test_deadlines(void **state)
{
	struct bpipe *p = bpipe_new(4, 60);
	int64_t start;
	char out[8];

	(void)state;
	start = now_ms();
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), AG_EAGAIN);
	assert_true(now_ms() - start >= 59);
	start = now_ms();
	assert_int_equal(bpipe_push(p, "abcdef", 6), AG_EAGAIN);
	assert_true(now_ms() - start >= 59);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), 4);
	bpipe_free(&p);
}

static void
test_abort(void **state)
{
	struct bpipe *p = bpipe_new(4, 10000);
	char out[8];

	(void)state;
	assert_int_equal(bpipe_push(p, "ab", 2), 0);
	bpipe_abort(p);
	assert_int_equal(bpipe_push(p, "c", 1), AG_EIO);
	assert_int_equal(bpipe_pull(p, out, sizeof(out)), AG_EIO);
	bpipe_free(&p);
}

#define STREAM 3000000

static char
stream_byte(size_t i)
{
	return (char)(i * 2654435761U >> 13);
}

static void *
push_stream(void *arg)
{
	struct bpipe *p = arg;
	static char part[5000];
	size_t at = 0, len, i;
	intptr_t rc = 0;

	while (at < STREAM && rc == 0) {
		len = 1 + at % sizeof(part);
		if (len > STREAM - at)
			len = STREAM - at;
		for (i = 0; i < len; i++)
			part[i] = stream_byte(at + i);
		rc = bpipe_push(p, part, len);
		at += len;
	}
	bpipe_finish(p);
	return (void *)rc;
}

/* How many bytes came that are the stream's. */
static size_t
pull_stream(struct bpipe *p)
{
	char part[3001];
	size_t at = 0, i;
	ssize_t n;

	while ((n = bpipe_pull(p, part, 1 + at % sizeof(part))) > 0) {
		for (i = 0; i < (size_t)n; i++) {
			if (part[i] != stream_byte(at + i))
				return at + i;
		}
		at += (size_t)n;
	}
	return n == 0 ? at : 0;
}

static void
test_stream_between_threads(void **state)
{
	struct bpipe *p = bpipe_new(4096, 20000);
	pthread_t thread;
	void *rc;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, push_stream, p), 0);
	assert_int_equal(pull_stream(p), STREAM);
	pthread_join(thread, &rc);
	assert_null(rc);
	bpipe_free(&p);
}

static void
test_reader_that_goes_wakes_the_writer(void **state)
{
	struct bpipe *p = bpipe_new(4096, 20000);
	int64_t start = now_ms();
	pthread_t thread;
	char part[100];
	void *rc;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, push_stream, p), 0);
	assert_true(bpipe_pull(p, part, sizeof(part)) > 0);
	bpipe_abort(p);
	pthread_join(thread, &rc);
	assert_int_equal((intptr_t)rc, AG_EIO);
	assert_true(now_ms() - start < 10000);
	bpipe_free(&p);
}

static void *
pull_one(void *arg)
{
	char c;

	return (void *)(intptr_t)bpipe_pull(arg, &c, 1);
}

static void
test_writer_that_goes_wakes_the_reader(void **state)
{
	struct bpipe *p = bpipe_new(4096, 20000);
	int64_t start = now_ms();
	pthread_t thread;
	void *rc;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, pull_one, p), 0);
	bpipe_abort(p);
	pthread_join(thread, &rc);
	assert_int_equal((intptr_t)rc, AG_EIO);
	assert_true(now_ms() - start < 10000);
	bpipe_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_one_thread),
	    help_test(test_deadlines),
	    help_test(test_abort),
	    help_test(test_stream_between_threads),
	    help_test(test_reader_that_goes_wakes_the_writer),
	    help_test(test_writer_that_goes_wakes_the_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
