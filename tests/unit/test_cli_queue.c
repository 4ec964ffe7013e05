/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/relay.c (relayd's answers) and cli/bundles.c (what lies in
 * the spool, and what relayd knows of it).
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>

#include "cli/bundles.h"
#include "cli/relay.h"
#include "cli_help.h"
#include "util/file.h"

static void
test_values(void **state)
{
	static const char line[] = "id=9f home=bob size=4096 empty= "
				   "error=\"a \\x22b\\x22=c d\" last=\"\" n=-1";
	static const struct {
		const char *key, *want; /* NULL: not there */
	} rows[] = {
	    {"id", "9f"},
	    {"home", "bob"},
	    {"empty", ""},
	    {"error", "a \\x22b\\x22=c d"},
	    {"last", ""},
	    {"n", "-1"},
	    {"hom", NULL},
	    {"d", NULL},
	    {"", NULL},
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(relay_value(line, strlen(line), rows[i].key,
				     out, sizeof(out)),
		    rows[i].want != NULL);
		assert_string_equal(
		    out, rows[i].want != NULL ? rows[i].want : "");
	}
	assert_int_equal(relay_number(line, strlen(line), "size"), 4096);
	assert_int_equal(relay_number(line, strlen(line), "n"), 0);
	assert_int_equal(relay_number(line, strlen(line), "home"), 0);
	assert_int_equal(relay_number(line, strlen(line), "x"), 0);
	/* Cut to fit; only the bytes that belong to it. */
	assert_true(relay_value(line, strlen(line), "error", out, 4));
	assert_string_equal(out, "a \\");
	assert_true(relay_value(line, 4, "id", out, sizeof(out)));
	assert_string_equal(out, "9");
}

/* Lines that are no answer: nothing is read outside them. */
static void
test_bad_lines(void **state)
{
	static const char *const bad[] = {
	    "", " ", "=", "a", "a=\"", "a=\"b", "\"", "a =b", "==", "a=b=c"};
	char out[8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
		    relay_value(bad[i], strlen(bad[i]), "x", out, sizeof(out)));
}

#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define ID_3 "3333333333333333333333333333333333333333333333333333333333333333"

/* A file of this age below the spool. */
static void
put(const struct conf *conf, const char *dir, const char *name, time_t when)
{
	const struct utimbuf times = {when, when};
	char *folder = file_join(conf->spool_dir, dir);
	char *path = file_join(folder, name);

	assert_int_equal(file_mkdirs(folder, 0755, NULL), 0);
	help_write(path, "x", 1);
	assert_int_equal(utime(path, &times), 0);
	free(path);
	free(folder);
}

static void
test_bundles(void **state)
{
	struct conf *conf = fake_conf("");
	struct bundle_list list;
	struct buf answer;
	struct error why;

	(void)state;
	assert_int_equal(bundles_read(conf, &list, &why), 0);
	assert_int_equal(list.count, 0); /* no spool yet */
	bundles_free(&list);

	put(conf, "held/bob", ID_1 ".4096.7", 300);
	put(conf, "held/carol", ID_2 ".5.7", 200);
	put(conf, "incoming/dave", ID_3 ".6", 100);
	put(conf, "held/bob", "junk", 100);
	put(conf, "held/.x", ID_3 ".6.7", 100);
	assert_int_equal(bundles_read(conf, &list, &why), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[0].id, ID_3);
	assert_int_equal(list.items[0].place, BUNDLE_INCOMING);
	assert_string_equal(list.items[0].home, ""); /* no good ticket */
	assert_string_equal(list.items[1].id, ID_2);
	assert_int_equal(list.items[1].place, BUNDLE_MINE);
	assert_string_equal(list.items[2].home, "bob");
	assert_int_equal(list.items[2].size, 4096);
	assert_int_equal(list.items[2].since, 300);

	buf_init(&answer, 4096);
	assert_int_equal(
	    buf_puts(&answer,
		"id=" ID_1 " home=bob size=4096 from=dave own=no short=yes "
		"copies=3 holders=carol,dave,carol,erin,carol drawn=frank "
		"missing=gail\n"
		"id=" ID_2 " home=carol size=5 state=retry\n"
		"id=feed home=x\n"
		"nonsense\n"),
	    0);
	bundles_annotate(&list, "carol", &answer);
	assert_false(list.items[0].known);
	assert_string_equal(list.items[1].state, "retry");
	assert_true(list.items[2].known);
	assert_string_equal(list.items[2].from, "dave");
	assert_true(list.items[2].few && !list.items[2].own);
	assert_int_equal(list.items[2].copies, 3);
	assert_string_equal(list.items[2].holders, "dave,erin");
	assert_string_equal(list.items[2].drawn, "frank");
	assert_string_equal(list.items[2].missing, "gail");
	buf_free(&answer);
	bundles_free(&list);
	conf_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_values),
	    help_test(test_bad_lines),
	    help_test(test_bundles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
