/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_showq - what showq(8) of Postfix 3.7 said, in pieces of any
 * size.
 */
#include "help.h"

#include <string.h>

#include "deliver/showq.h"

#define MAIL(time, sender)                                           \
	"queue_name\0deferred\0queue_id\0008D8DEB8EBAF\0time\0" time \
	"\0size\000276\0forced_expire\0000\0sender\0" sender         \
	"\0recipient\0x@nowhere.invalid\0reason\0time\0\0"
#define LIST                                                        \
	"protocol\0mail_queue_list_protocol\0\0" MAIL("1795352639", \
	    "ann@sender.example") MAIL("1795352700", "MAILER-DAEMON") "\0"

static bool
finds(const char *list, size_t len, size_t piece, const char *path,
    int64_t from, int64_t to)
{
	struct showq q;
	size_t n;

	showq_init(&q, path, from, to);
	for (; len > 0; list += n, len -= n) {
		n = len < piece ? len : piece;
		showq_put(&q, list, n);
	}
	return q.found;
}

static void
test_list(void **state)
{
	static const struct {
		const char *path;
		int64_t from, to;
		bool found;
	} cases[] = {
	    {"<ann@sender.example>", 1795352639, 1795352639, true},
	    {"<ann@sender.example>", 1795352640, 1795352800, false},
	    {"<ann@sender.example>", 0, 1795352638, false},
	    {"<an@sender.example>", 0, 1795352800, false},
	    {"<ann@sender.exampl>", 0, 1795352800, false},
	    {"<>", 1795352690, 1795352700, true},
	    {"<>", 0, 1795352690, false},
	    {"<MAILER-DAEMON>", 0, 1795352800, true}, /* perhaps */
	    {"", 0, 1795352800, false},
	};
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (piece = 1; piece < sizeof(LIST); piece++)
			assert_int_equal(
			    finds(LIST, sizeof(LIST) - 1, piece, cases[i].path,
				cases[i].from, cases[i].to),
			    cases[i].found);
	}
}

/* A sender without a time, a name and a value that are too long, no list. */
static void
test_odd(void **state)
{
	static char longer[3 * SHOWQ_TEXT_MAX];
	static const char none[] = "sender\0ann@sender.example\0\0";
	struct showq q;

	(void)state;
	assert_false(
	    finds(none, sizeof(none) - 1, 5, "<ann@sender.example>", 0, 9));
	showq_init(&q, "<ann@sender.example>", 0, INT64_MAX);
	memset(longer, 'x', sizeof(longer));
	showq_put(&q, longer, sizeof(longer));
	showq_put(&q, "\0", 1);
	showq_put(&q, longer, sizeof(longer));
	showq_put(&q, "\0\0", 2);
	assert_false(q.found);
	showq_put(&q, LIST, sizeof(LIST) - 1);
	assert_true(q.found);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_list),
	    help_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
