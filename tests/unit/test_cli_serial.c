/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/serial.c: the next serial, and a manifest's line with it.
 */
#include "help.h"

#include <string.h>

#include "cli/serial.h"
#include "util/error.h"

#define NOV_22 1795305600 /* 2026-11-22T00:00:00Z */

/* SPEC N-14.9 */
static void
test_next(void **state)
{
	static const struct {
		int64_t now;
		uint64_t newest, want;
	} rows[] = {
	    {NOV_22, 0, 2026112201},
	    {NOV_22 + 86399, 0, 2026112201},
	    {NOV_22 + 86400, 0, 2026112301},
	    {NOV_22, 2026112201, 2026112202},
	    {NOV_22, 2026112150, 2026112201},
	    {NOV_22, 2026112299, 2026112300},
	    {NOV_22, 3000000000, 3000000001},
	    {0, 0, 1970010101},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    serial_next(rows[i].now, rows[i].newest), rows[i].want);
}

static void
test_set(void **state)
{
	static const struct {
		const char *body, *want; /* NULL: no such line */
	} rows[] = {
	    {"version: 1\nserial: 5\nnode:\n",
		"version: 1\nserial: 7\nnode:\n"},
	    {"serial: 5   # why\na: 1\n", "serial: 7   # why\na: 1\n"},
	    {"serial:5\n", "serial: 7\n"},
	    {"serial:    5#x\n", "serial: 7#x\n"},
	    {"serial: 5\r\n", "serial: 7\r\n"},
	    {"serial:\n", "serial: 7\n"},
	    {"  serial: 5\nserial: 6\n", "  serial: 5\nserial: 7\n"},
	    {"node:\n  serial: 5\n", NULL},
	    {"serials: 5\n", NULL},
	    {"", NULL},
	};
	struct buf out;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 1024);
		rc = serial_set(rows[i].body, strlen(rows[i].body), 7, &out);
		if (rows[i].want == NULL) {
			assert_int_equal(rc, AG_ENOENT);
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(buf_str(&out), rows[i].want);
		}
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_next),
	    help_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
