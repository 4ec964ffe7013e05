/* SPDX-License-Identifier: MIT */
/* test_file - lib/util/file.c: durable, bounded, never behind a symlink. */
#include "help.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
test_read_is_bounded(void **state)
{
	static const struct {
		size_t size, max;
		int rc;
	} cases[] = {
	    {0, 0, 0},
	    {0, 10, 0},
	    {1, 0, AG_ETOOBIG},
	    {10, 10, 0},
	    {11, 10, AG_ETOOBIG},
	    {16384, 100000, 0},
	    {16385, 100000, 0},
	    {70000, 70000, 0},
	    {70001, 70000, AG_ETOOBIG},
	};
	static char data[70001];
	const char *path = help_path("f");
	struct error error;
	struct buf b;
	size_t i;

	(void)state;
	memset(data, 'x', sizeof(data));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		help_write(path, data, cases[i].size);
		buf_init(&b, cases[i].max);
		assert_int_equal(file_read(path, &b, &error), cases[i].rc);
		if (cases[i].rc == 0) {
			assert_int_equal(b.len, cases[i].size);
			assert_memory_equal(buf_str(&b), data, b.len);
		} else {
			assert_non_null(strstr(error.text, path));
			assert_non_null(strstr(error.text, "longer than"));
		}
		buf_free(&b);
	}
}

static void
test_read_what_is_not_there(void **state)
{
	struct error error;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_read(help_path("none"), &b, &error), AG_ENOENT);
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(file_read(help_dir(), &b, &error), AG_EIO);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
test_write_and_read_descriptors(void **state)
{
	char data[8];
	int fd, ro;

	(void)state;
	fd = open(help_path("f"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, "hello", 5), 0);
	assert_int_equal(file_pwrite_all(fd, "J", 1, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_full(fd, data, sizeof(data)), 5);
	assert_memory_equal(data, "Jello", 5);
	assert_int_equal(file_read_full(fd, data, sizeof(data)), 0);
	ro = open(help_path("f"), O_RDONLY | O_CLOEXEC);
	assert_true(ro >= 0);
	assert_int_equal(file_write_all(ro, "x", 1), AG_EIO);
	assert_int_equal(file_pwrite_all(ro, "x", 1, 0), AG_EIO);
	close(ro);
	close(fd);
	assert_int_equal(file_read_full(-1, data, sizeof(data)), AG_EIO);
}

static void
test_replace(void **state)
{
	const char *path = help_path("f");
	struct error error;
	mode_t mask;

	(void)state;
	mask = umask(077);
	assert_int_equal(file_replace(path, "one", 3, 0644, "t", &error), 0);
	umask(mask);
	assert_int_equal(mode_of(path), 0644);
	assert_string_equal(help_read(path, NULL), "one");
	assert_int_equal(file_replace(path, "", 0, 0400, "t", &error), 0);
	assert_int_equal(mode_of(path), 0400);
	assert_string_equal(help_read(path, NULL), "");
	assert_int_equal(help_entries(help_dir()), 1);
}

static void
test_replace_passes_no_symlink(void **state)
{
	const char *path = help_path("f"), *tmp = help_path("f.tmp");
	const char *victim = help_path("victim");
	struct error error;

	(void)state;
	help_write(victim, "mine", 4);
	assert_int_equal(symlink(victim, tmp), 0);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(file_replace(path, "new", 3, 0600, "t", &error), 0);
	assert_string_equal(help_read(victim, NULL), "mine");
	assert_string_equal(help_read(path, NULL), "new");
	assert_false(help_exists(tmp));
}

static void
test_replace_where_it_cannot(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(
	    file_replace(help_path("no/f"), "x", 1, 0600, "t", &error), AG_EIO);
	assert_non_null(strstr(error.text, "no/f.tmp"));
}

#ifdef ENABLE_FAULT_POINTS
static void
test_each_step_may_fail(void **state)
{
	static const char *const before[] = {
	    "u.write error\n", "u.fsync error\n", "u.rename error\n"};
	const char *path = help_path("f");
	struct error error;
	size_t i;

	(void)state;
	assert_int_equal(file_replace(path, "old", 3, 0600, "u", &error), 0);
	for (i = 0; i < 3; i++) {
		help_faults(before[i]);
		assert_int_equal(
		    file_replace(path, "new", 3, 0600, "u", &error), AG_EIO);
		assert_non_null(strstr(error.text, "Input/output error"));
		assert_string_equal(help_read(path, NULL), "old");
		assert_false(help_exists(help_path("f.tmp")));
	}
	help_faults("u.dirsync error\n");
	assert_int_equal(
	    file_replace(path, "new", 3, 0600, "u", &error), AG_EIO);
}

static int
replace_with_fault(void *ctx)
{
	help_faults(ctx);
	file_replace(help_path("f"), "new", 3, 0600, "v", NULL);
	return 0;
}

static void
test_killed_at_each_step(void **state)
{
	static char points[][32] = {"v.write kill\n", "v.write kill-after\n",
	    "v.fsync kill\n", "v.fsync kill-after\n", "v.rename kill\n",
	    "v.rename kill-after\n", "v.dirsync kill\n",
	    "v.dirsync kill-after\n"};
	const char *path = help_path("f");
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		help_write(path, "old", 3);
		assert_int_equal(
		    help_child(replace_with_fault, points[i]), 137);
		assert_string_equal(
		    help_read(path, NULL), i < 5 ? "old" : "new");
	}
}
#endif

static void
test_mkdirs(void **state)
{
	struct error error;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(file_mkdirs(help_path("a/b//c"), 02750, &error), 0);
	umask(mask);
	assert_int_equal(mode_of(help_path("a")), 02750);
	assert_int_equal(mode_of(help_path("a/b/c")), 02750);
	/* What is there stays as it is. */
	assert_int_equal(file_mkdirs(help_path("a/b/d/"), 0700, &error), 0);
	assert_int_equal(mode_of(help_path("a/b")), 02750);
	assert_int_equal(mode_of(help_path("a/b/d")), 0700);
	help_write(help_path("f"), "", 0);
	assert_int_equal(file_mkdirs(help_path("f"), 0700, &error), AG_EEXIST);
	assert_int_equal(
	    file_mkdirs(help_path("f/x"), 0700, &error), AG_EEXIST);
	assert_non_null(strstr(error.text, "no directory"));
}

static void
test_dir_owner_and_mode(void **state)
{
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *gr = getgrgid(getegid());
	struct error error;

	(void)state;
	assert_non_null(pw);
	assert_non_null(gr);
	assert_int_equal(
	    file_dir(help_path("d"), pw->pw_name, gr->gr_name, 02770, &error),
	    0);
	assert_int_equal(mode_of(help_path("d")), 02770);
	assert_int_equal(file_dir(help_path("d"), NULL, NULL, 0711, &error), 0);
	assert_int_equal(mode_of(help_path("d")), 0711);
	assert_int_equal(
	    file_dir(help_path("e"), "no-such-user", NULL, 0700, &error),
	    AG_ENOENT);
	assert_string_equal(error.text, "there is no user no-such-user");
	assert_int_equal(
	    file_dir(help_path("e"), NULL, "no-such-group", 0700, &error),
	    AG_ENOENT);
	assert_false(help_exists(help_path("e")));
	assert_int_equal(symlink(help_path("d"), help_path("l")), 0);
	assert_int_equal(
	    file_dir(help_path("l"), NULL, NULL, 0700, &error), AG_EIO);
	assert_int_equal(mode_of(help_path("d")), 0711);
}

static void
test_remove_tree(void **state)
{
	struct error error;

	(void)state;
	file_mkdirs(help_path("t/a/b"), 0700, NULL);
	file_mkdirs(help_path("outside"), 0700, NULL);
	help_write(help_path("outside/keep"), "x", 1);
	help_write(help_path("t/a/f"), "x", 1);
	assert_int_equal(symlink(help_path("outside"), help_path("t/a/l")), 0);
	assert_int_equal(symlink("nowhere", help_path("t/a/b/l")), 0);
	assert_int_equal(file_remove_tree(help_path("t"), &error), 0);
	assert_false(help_exists(help_path("t")));
	assert_true(help_exists(help_path("outside/keep")));
	/* Missing; a file; a link. */
	assert_int_equal(file_remove_tree(help_path("t"), &error), 0);
	assert_int_equal(symlink(help_path("outside"), help_path("l")), 0);
	assert_int_equal(file_remove_tree(help_path("l"), &error), 0);
	assert_true(help_exists(help_path("outside/keep")));
	assert_int_equal(
	    file_remove_tree(help_path("outside/keep"), &error), 0);
	assert_int_equal(file_remove_tree(help_path("outside/x/y"), &error), 0);
	help_write(help_path("f"), "x", 1);
	assert_int_equal(file_remove_tree(help_path("f/x"), &error), AG_EIO);
	assert_non_null(strstr(error.text, "Not a directory"));
}

static void
test_join(void **state)
{
	static const struct {
		const char *dir, *name, *path;
	} cases[] = {
	    {"/a", "b", "/a/b"},
	    {"/a/", "b", "/a/b"},
	    {"/a//", "//b/c", "/a/b/c"},
	    {"", "b", "/b"},
	    {"/", "b", "/b"},
	    {"a", "b", "a/b"},
	};
	char *path;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		path = file_join(cases[i].dir, cases[i].name);
		assert_string_equal(path, cases[i].path);
		free(path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_read_is_bounded),
	    help_test(test_read_what_is_not_there),
	    help_test(test_write_and_read_descriptors),
	    help_test(test_replace),
	    help_test(test_replace_passes_no_symlink),
	    help_test(test_replace_where_it_cannot),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_each_step_may_fail),
	    help_test(test_killed_at_each_step),
#endif
	    help_test(test_mkdirs),
	    help_test(test_dir_owner_and_mode),
	    help_test(test_remove_tree),
	    help_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
