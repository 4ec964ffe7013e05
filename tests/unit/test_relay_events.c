/* SPDX-License-Identifier: MIT */
/*
 * test_relay_events - relayd/state_events.c: what happened to a bundle, as
 * `agamid trace` will tell it.
 */
#include "help.h"
#include "mail_help.h"
#include "state_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/events.h"
#include "relayd/state.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* state_event_fn: "kind who text at;" of each into a buffer. */
static void
put_event(const struct event_row *e, void *ctx)
{
	buf_printf(ctx, "%s %s %s %lld;", event_name(e->kind), e->who, e->text,
	    (long long)e->at);
}

static void
assert_events(struct state *s, const char *id, const char *want)
{
	struct buf got;

	buf_init(&got, 4096);
	assert_int_equal(state_each_event(s, id, put_event, &got), 0);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
}

/* SPEC N-19.3: the first of each kind and node, in order, across a
 * restart; others' are apart. */
static void
test_events(void **state)
{
	struct state *s = reopen(NULL, true);
	const struct id a = nth(1), b = nth(2);
	char text[2 * EVENT_TEXT_MAX + 1];
	struct buf got;

	(void)state;
	assert_events(s, a.text, "");
	assert_int_equal(
	    state_event_add(s, a.text, EVENT_ACCEPTED, "alice", NULL, 1, 1000),
	    0);
	assert_int_equal(
	    state_event_add(s, b.text, EVENT_BROUGHT, "carol", "", 1, 1001), 0);
	assert_int_equal(state_event_add(s, a.text, EVENT_REFUSED, "dave",
			     "no \"room'", 2, 1002),
	    0);
	assert_int_equal(
	    state_event_add(s, a.text, EVENT_REFUSED, "dave", "again", 2, 1003),
	    0);
	assert_int_equal(
	    state_event_add(s, a.text, EVENT_REFUSED, "erin", "", 2, 1004), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_events(s, a.text,
	    "accepted alice  1000;refused dave no \"room' 1002;"
	    "refused erin  1004;");
	assert_events(s, b.text, "brought carol  1001;");

	buf_init(&got, 4096);
	assert_int_equal(state_last_events(s, 2, put_event, &got), 0);
	assert_string_equal(
	    buf_str(&got), "refused dave no \"room' 1002;refused erin  1004;");
	buf_free(&got);

	/* A peer's text is cut. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(state_event_add(s, nth(3).text, EVENT_OUTCOME,
			     "refused", text, 2, 1005),
	    0);
	buf_init(&got, 4096);
	assert_int_equal(state_each_event(s, nth(3).text, put_event, &got), 0);
	assert_int_equal(
	    got.len, strlen("outcome refused  1005;") + EVENT_TEXT_MAX);
	buf_free(&got);
	state_close(&s);
}

/* SPEC N-19.3: they don't stay for ever, and are never too many. */
static void
test_events_expire(void **state)
{
	struct state *s = reopen(NULL, true);
	unsigned i;

	(void)state;
	for (i = 1; i <= 10; i++)
		assert_int_equal(state_event_add(s, nth(i).text, EVENT_ACCEPTED,
				     "a", NULL, i, i),
		    0);
	assert_int_equal(state_events_expire(s, 4, 100), 0);
	assert_events(s, nth(3).text, "");
	assert_events(s, nth(4).text, "accepted a  4;");
	assert_int_equal(state_events_expire(s, 0, 2), 0);
	assert_events(s, nth(8).text, "");
	assert_events(s, nth(9).text, "accepted a  9;");
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
}

/* The beginning of an ID is enough, if there is but one. */
static void
test_event_id(void **state)
{
	struct state *s = reopen(NULL, true);
	char id[BUNDLE_ID_LEN + 1];

	(void)state;
	assert_int_equal(state_event_id(s, "000000", id), 0);
	state_event_add(s, nth(0x12345678).text, EVENT_HAS, "a", NULL, 1, 1);
	state_event_add(s, nth(0x12345678).text, EVENT_TOLD, "a", NULL, 1, 1);
	state_event_add(s, nth(0x12345679).text, EVENT_HAS, "a", NULL, 1, 1);
	assert_int_equal(state_event_id(s, "000000", id), AG_EEXIST);
	assert_int_equal(
	    state_event_id(s, "00000000000000000000000012345678", id), 1);
	assert_string_equal(id, nth(0x12345678).text);
	assert_int_equal(state_event_id(s, nth(0x12345679).text, id), 1);
	assert_int_equal(
	    state_event_id(s, "000000000000000000000000123456", id), AG_EEXIST);
	assert_int_equal(state_event_id(s, "1", id), 0);
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
}

static void
test_event_names(void **state)
{
	int kind;

	(void)state;
	for (kind = 1; kind < EVENT_KINDS; kind++)
		assert_string_not_equal(event_name((enum event_kind)kind), "?");
	assert_string_equal(event_name((enum event_kind)0), "?");
	assert_string_equal(event_name(EVENT_KINDS), "?");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_events),
	    help_test(test_events_expire),
	    help_test(test_event_id),
	    help_test(test_event_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
