/* SPDX-License-Identifier: MIT */
/*
 * help - what all unit tests share. See help.h.
 *
 * The log sink may be called from any thread; it only notes. What it noted
 * is judged by help_end(), in the test's own thread, where cmocka may be
 * called.
 */
#include "help.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define EXPECT_MAX 32
#define KEEP_MAX 4096
#define READ_MAX (256U << 20)
#define CHILD_SECONDS 20

static char dir[64];
static struct buf logged; /* every line of this test */
static struct buf wrong; /* warnings and errors that nobody expected */
static const char *expected[EXPECT_MAX]; /* NULL: it has come */
static size_t expected_count;
static void *kept[KEEP_MAX]; /* freed at the end of the test */
static size_t kept_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *
help_keep(void *p)
{
	assert_non_null(p);
	assert_in_range(kept_count, 0, KEEP_MAX - 1);
	kept[kept_count++] = p;
	return p;
}

static bool
help_is_expected(const char *line)
{
	size_t i;

	for (i = 0; i < expected_count; i++) {
		if (expected[i] != NULL && strstr(line, expected[i]) != NULL) {
			expected[i] = NULL;
			return true;
		}
	}
	return false;
}

static void
help_sink(enum log_level level, const char *line, void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	buf_printf(&logged, "%s\n", line);
	if (level >= LOG_LVL_WARN && !help_is_expected(line))
		buf_printf(&wrong, "    %s\n", line);
	pthread_mutex_unlock(&lock);
}

int
help_begin(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/agamid-test.XXXXXX",
	    tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	buf_init(&logged, READ_MAX);
	buf_init(&wrong, READ_MAX);
	expected_count = 0;
	log_open("test", LOG_LVL_DEBUG);
	log_set_sink(help_sink, NULL);
	return 0;
}

int
help_end(void **state)
{
	struct error error;
	int rc = 0;
	size_t i;

	(void)state;
	log_set_sink(NULL, NULL);
	unsetenv("AGAMID_FAULTS");
	if (wrong.len > 0) {
		print_error("unexpected log lines:\n%s", buf_str(&wrong));
		rc = -1;
	}
	for (i = 0; i < expected_count; i++) {
		if (expected[i] != NULL) {
			print_error("not logged: %s\n", expected[i]);
			rc = -1;
		}
	}
	while (kept_count > 0)
		free(kept[--kept_count]);
	buf_free(&logged);
	buf_free(&wrong);
	if (file_remove_tree(dir, &error) < 0) {
		print_error("%s\n", error.text);
		rc = -1;
	}
	return rc;
}

void
help_expect_log(const char *part)
{
	pthread_mutex_lock(&lock);
	assert_in_range(expected_count, 0, EXPECT_MAX - 1);
	expected[expected_count++] = part;
	pthread_mutex_unlock(&lock);
}

unsigned
help_logged(const char *part)
{
	char *line, *next, *all;
	unsigned n = 0;

	pthread_mutex_lock(&lock);
	all = xstrdup(buf_str(&logged));
	pthread_mutex_unlock(&lock);
	for (line = all; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		if (strstr(line, part) != NULL)
			n++;
	}
	free(all);
	return n;
}

const char *
help_dir(void)
{
	return dir;
}

static const char *help_in(const char *base, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static const char *
help_in(const char *base, const char *fmt, va_list ap)
{
	char name[512];

	assert_non_null(base);
	vsnprintf(name, sizeof(name), fmt, ap);
	return help_keep(file_join(base, name));
}

const char *
help_path(const char *fmt, ...)
{
	const char *path;
	va_list ap;

	va_start(ap, fmt);
	path = help_in(dir, fmt, ap);
	va_end(ap);
	return path;
}

const char *
help_source(const char *fmt, ...)
{
	const char *path, *base = getenv("AGAMID_SRCDIR");
	va_list ap;

	va_start(ap, fmt);
	path = help_in(base != NULL ? base : ".", fmt, ap);
	va_end(ap);
	return path;
}

const char *
help_build(const char *fmt, ...)
{
	const char *path, *base = getenv("AGAMID_BUILDDIR");
	va_list ap;

	va_start(ap, fmt);
	path = help_in(base != NULL ? base : ".", fmt, ap);
	va_end(ap);
	return path;
}

const char *
help_read(const char *path, size_t *len_r)
{
	struct error error;
	struct buf b;

	buf_init(&b, READ_MAX);
	if (file_read(path, &b, &error) < 0)
		fail_msg("%s", error.text);
	if (len_r != NULL)
		*len_r = b.len;
	if (b.data == NULL)
		b.data = xstrdup("");
	return help_keep(b.data);
}

void
help_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, data, len) < 0 || close(fd) < 0)
		fail_msg("can't write %s", path);
}

bool
help_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

unsigned
help_entries(const char *path)
{
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			n++;
	}
	closedir(d);
	return n;
}

void
help_faults(const char *lines)
{
	const char *path = help_path("faults");

	if (lines == NULL) {
		unsetenv("AGAMID_FAULTS");
		return;
	}
	help_write(path, lines, strlen(lines));
	setenv("AGAMID_FAULTS", path, 1);
}

/* In the child: no cmocka, no sink; fn's value is the status. */
static void
help_run_child(int (*fn)(void *ctx), void *ctx, int out)
{
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	log_set_sink(NULL, NULL);
	alarm(CHILD_SECONDS + 1);
	/* Through exit(): stdio is flushed, and leaks are looked for. */
	exit(fn(ctx));
}

static int64_t
help_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* All that comes from fd until its end, or until CHILD_SECONDS are over
 * (false). */
static bool
help_collect(int fd, struct buf *b)
{
	const int64_t end = help_now_ms() + CHILD_SECONDS * 1000;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char part[4096];
	int64_t left;
	ssize_t n;

	for (;;) {
		left = end - help_now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			return true;
		buf_put(b, part, (size_t)n);
	}
}

int
help_child_output(int (*fn)(void *ctx), void *ctx, const char **out_r)
{
	int fds[2], status;
	struct buf b;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		help_run_child(fn, ctx, out_r != NULL ? fds[1] : -1);
	close(fds[1]);
	buf_init(&b, READ_MAX);
	if (!help_collect(fds[0], &b))
		kill(pid, SIGKILL);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (out_r != NULL)
		*out_r = help_keep(xstrdup(buf_str(&b)));
	buf_free(&b);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
help_child(int (*fn)(void *ctx), void *ctx)
{
	return help_child_output(fn, ctx, NULL);
}
