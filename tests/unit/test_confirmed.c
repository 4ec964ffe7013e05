/* SPDX-License-Identifier: MIT */
/* test_confirmed - when a mailbox may be refused for good. */
#include "help.h"
#include "net_help.h"

#include <string.h>

#include "milter/confirmed.h"
#include "util/error.h"
#include "util/file.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define DAY 86400

/* SPEC N-1.11 */
static void
test_fresh(void **state)
{
	static const struct {
		const char *text;
		int64_t now;
		bool fresh;
	} t[] = {
	    {"bob 1000\n", 1000, true},
	    {"bob 1000\n", 1000 + 7 * DAY, true},
	    {"bob 1000\n", 1001 + 7 * DAY, false},
	    {"alice 5\nbob 1000\ncarol 7\n", 2000, true},
	    {"bobby 1000\n", 1000, false},
	    {"bo 1000\n", 1000, false},
	    {"bob\n", 1000, false},
	    {"bob \n", 1000, false},
	    {"bob x\n", 1000, false},
	    {"bob 1000", 1000, false}, /* not whole */
	    {"", 1000, false},
	    /* A clock that was ahead when it was written. */
	    {"bob 9000\n", 1000, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++)
		assert_int_equal(confirmed_is_fresh(t[i].text,
				     strlen(t[i].text), "bob", t[i].now),
		    t[i].fresh);
}

static void
test_soften(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "alice"}, {.name = "bob"}};
	struct network *net;
	struct error e;

	(void)state;
	net_derive("alice", nodes, N(nodes), NULL, 0);
	net = network_load(help_path("derived"), &e);
	assert_non_null(net);
	/* Nobody has written anything yet. */
	assert_int_equal(confirmed_soften(help_dir(), net, "bob.example",
			     ANSWER_NO_MAILBOX, 1000),
	    ANSWER_MATCH_LIMIT);
	assert_int_equal(file_mkdirs(help_path("relayd"), 0700, &e), 0);
	help_write(help_path("relayd/confirmed"), "bob 1000\n", 9);
	assert_int_equal(confirmed_soften(help_dir(), net, "bob.example",
			     ANSWER_NO_MAILBOX, 1000),
	    ANSWER_NO_MAILBOX);
	assert_int_equal(confirmed_soften(help_dir(), net, "bob.example",
			     ANSWER_NO_MAILBOX, 1000 + 8 * DAY),
	    ANSWER_MATCH_LIMIT);
	/* Other answers stay what they are. */
	assert_int_equal(confirmed_soften(help_dir(), net, "bob.example",
			     ANSWER_OK, 1000 + 8 * DAY),
	    ANSWER_OK);
	assert_int_equal(confirmed_soften(help_dir(), net, "x.bob.example",
			     ANSWER_NO_DOMAIN, 1000 + 8 * DAY),
	    ANSWER_NO_DOMAIN);
	network_unref(&net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_fresh),
	    help_test(test_soften),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
