/* SPDX-License-Identifier: MIT */
/*
 * test_relay_outage - when a home counts as away and who tells
 * (relayd/outage.c), and what of that is kept (relayd/state_alert.c).
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "relayd/outage.h"
#include "relayd/state_alert.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MINUTE_MS 60000
#define NOW 1795342496

/* So many looks, a minute apart; how many changed something. */
static unsigned
look(struct outage *o, unsigned count, bool heard, bool online, uint32_t day)
{
	struct outage_facts f = {.heard = heard,
	    .online = online,
	    .elapsed = MINUTE_MS,
	    .day = day,
	    .now = NOW};
	unsigned changes = 0;

	while (count-- > 0)
		changes += outage_look(o, &f);
	return changes;
}

/* SPEC N-24.4: three times, and then never. */
static void
test_stages(void **state)
{
	struct outage o = {0};

	(void)state;
	assert_int_equal(look(&o, 359, false, true, 10), 0);
	assert_int_equal(look(&o, 1, false, true, 10), 1);
	assert_int_equal(o.stage, 1);
	assert_int_equal(o.since, NOW - 6 * 3600);
	assert_int_equal(o.day, 10);
	assert_int_equal(look(&o, 5000, false, true, 11), 0);
	assert_int_equal(look(&o, 5000, false, true, 12), 1);
	assert_int_equal(o.stage, 2);
	assert_int_equal(look(&o, 5000, false, true, 16), 0);
	assert_int_equal(look(&o, 5000, false, true, 17), 1);
	assert_int_equal(o.stage, 3);
	assert_int_equal(look(&o, 5000, false, true, 500), 0);
	assert_int_equal(o.since, NOW - 6 * 3600);
	/* It is back: that is a change, once. */
	assert_int_equal(look(&o, 100, true, true, 500), 1);
	assert_int_equal(o.stage, 0);
	assert_int_equal(look(&o, 359, false, true, 500), 0);
	assert_int_equal(look(&o, 1, false, true, 500), 1);
}

/* A sign of life within the six hours, and all begins anew. */
static void
test_heard(void **state)
{
	struct outage o = {0};

	(void)state;
	assert_int_equal(look(&o, 359, false, true, 1), 0);
	assert_int_equal(look(&o, 1, true, true, 1), 0);
	assert_int_equal(look(&o, 359, false, true, 1), 0);
	assert_int_equal(o.stage, 0);
}

/* While this node hears nobody, it says nothing of anyone. */
static void
test_cut_off(void **state)
{
	struct outage o = {0};

	(void)state;
	assert_int_equal(look(&o, 100000, false, false, 1), 0);
	assert_int_equal(look(&o, 359, false, true, 100), 0);
	assert_int_equal(look(&o, 1, false, true, 100), 1);
	/* Nor of what comes next. */
	assert_int_equal(look(&o, 100, false, false, 200), 0);
	assert_int_equal(look(&o, 1, false, true, 200), 1);
	assert_int_equal(o.stage, 2);
	/* One stage a look, however long nobody looked. */
	assert_int_equal(look(&o, 1, false, true, 200), 1);
	assert_int_equal(o.stage, 3);
}

/* Hours in which this machine slept are none in which others were silent. */
static void
test_slept(void **state)
{
	struct outage_facts f = {.heard = false,
	    .online = true,
	    .elapsed = 8 * 3600 * 1000LL,
	    .day = 1,
	    .now = NOW};
	struct outage o = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_false(outage_look(&o, &f));
	assert_int_equal(o.silent, 0);
}

/* A clock that is wrong by years makes no day (pace.h), and no stage. */
static void
test_clock(void **state)
{
	struct outage o = {.stage = 1, .since = NOW, .day = 10};
	struct outage_facts f = {.online = true,
	    .elapsed = MINUTE_MS,
	    .day = 11,
	    .now = NOW + 10 * 365 * 86400LL};

	(void)state;
	assert_false(outage_look(&o, &f));
	f.day = 5; /* the count was lost */
	assert_false(outage_look(&o, &f));
}

/* SPEC N-24.5 */
static void
test_choose(void **state)
{
	const char *nodes[] = {"alice", "carol", "dave", "erin"};
	const char *back[] = {"erin", "dave", "carol", "alice"};
	unsigned times[N(nodes)] = {0};
	const char *one, *left[N(nodes)];
	char home[16];
	size_t i, j, n;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(home, sizeof(home), "home%zu", i);
		one = nodes[outage_choose(home, nodes, N(nodes))];
		times[outage_choose(home, nodes, N(nodes))]++;
		/* In whatever order it knows them. */
		assert_string_equal(
		    back[outage_choose(home, back, N(back))], one);
		/* One who was not chosen goes: it stays the same one. */
		for (j = n = 0; j < N(nodes); j++) {
			if (strcmp(nodes[j], one) == 0 || j % 2 == 0)
				left[n++] = nodes[j];
		}
		assert_string_equal(left[outage_choose(home, left, n)], one);
	}
	for (i = 0; i < N(nodes); i++)
		assert_in_range(times[i], 180, 320);
	assert_int_equal(outage_choose("bob", nodes, 1), 0);
}

static void
check(const char *home, const struct outage *o, void *ctx)
{
	unsigned *n = ctx;

	assert_string_equal(home, "bob");
	assert_int_equal(o->stage, 2);
	assert_int_equal(o->since, NOW);
	assert_int_equal(o->day, 17);
	assert_int_equal(o->silent, 0);
	(*n)++;
}

static void
test_kept(void **state)
{
	struct outage o = {.stage = 1, .since = NOW, .day = 17, .silent = 5};
	const char *path = help_path("network.db");
	struct error error = {""};
	struct state *s;
	unsigned n = 0;
	bool fresh;

	(void)state;
	assert_int_equal(state_open(path, &s, &fresh, &error), 0);
	assert_int_equal(state_alert_set(s, "bob", &o), 0);
	assert_int_equal(state_alert_set(s, "dave", &o), 0);
	o.stage = 2;
	assert_int_equal(state_alert_set(s, "bob", &o), 0);
	o.stage = 0;
	assert_int_equal(state_alert_set(s, "dave", &o), 0);
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
	assert_int_equal(state_open(path, &s, &fresh, &error), 0);
	assert_int_equal(state_each_alert(s, check, &n), 0);
	assert_int_equal(n, 1);
	state_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stages),
	    cmocka_unit_test(test_heard),
	    cmocka_unit_test(test_cut_off),
	    cmocka_unit_test(test_slept),
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_choose),
	    help_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
