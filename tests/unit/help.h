/* SPDX-License-Identifier: MIT */
/*
 * help - what all unit tests share: a log sink, a scratch directory, the
 * source tree's data, fault points.
 *
 * Write help_test(name) in the table of tests instead of cmocka's
 * cmocka_unit_test(name). Each test then begins with an empty scratch
 * directory, and fails at its end if a warning or an error was logged that
 * it did not expect, or an expected one was not logged. Everything is
 * removed and reset afterwards. Ident in the log is "test".
 *
 * Use: #include "help.h" (first of all; it brings cmocka), and
 *	int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
 */
#ifndef AGAMID_TEST_HELP_H
#define AGAMID_TEST_HELP_H

#include <sys/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define help_test(f) cmocka_unit_test_setup_teardown(f, help_begin, help_end)

/* For tests with a state of their own: call these first and last. */
int help_begin(void **state);
int help_end(void **state);

/* p (malloc'ed, not NULL) is freed at the end of the test. Returns p. */
void *help_keep(void *p);

/* The log ------------------------------------------------------------- */

/* One warning or error that contains part must come, once. */
void help_expect_log(const char *part);
/* How many lines of any level with part were logged in this test. */
unsigned help_logged(const char *part);

/* Files --------------------------------------------------------------- */

/* The test's scratch directory, mode 0700. */
const char *help_dir(void);
/* A path in it / in the source tree (AGAMID_SRCDIR) / in the build tree
 * (AGAMID_BUILDDIR). Freed at the end of the test. */
const char *help_path(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
const char *help_source(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
const char *help_build(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
/* A whole file (with a NUL behind it); fails the test if it can't be
 * read. Freed at the end of the test. len_r may be NULL. */
const char *help_read(const char *path, size_t *len_r);
void help_write(const char *path, const void *data, size_t len);
bool help_exists(const char *path);
/* How many entries a directory has. */
unsigned help_entries(const char *path);

/* Fault points -------------------------------------------------------- */

/* The lines of the fault file from now on (fault.h); NULL: none. */
void help_faults(const char *lines);

/*
 * Runs fn(ctx) in a child process with the log on the parent's standard
 * error; returns its exit status (fn's value), or 128 + the signal that
 * ended it. For what ends a process: kill points, log_fatal(). The child
 * is killed after 20 seconds (137).
 */
int help_child(int (*fn)(void *ctx), void *ctx);
/* The same, with what it wrote to standard output and error in *out_r
 * (freed at the end of the test). */
int help_child_output(int (*fn)(void *ctx), void *ctx, const char **out_r);

#endif
