/* SPDX-License-Identifier: MIT */
/*
 * test_relay_expiry - when a bundle's time is over (relayd/expiry.c), and
 * what is remembered of what expired (relayd/state_expiry.c).
 */
#include "help.h"
#include "mail_help.h"
#include "state_help.h"

#include <stdio.h>
#include <string.h>

#include "relayd/expiry.h"
#include "relayd/state_expiry.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define DAY 86400ULL

/* SPEC N-12.1, N-5.4 */
static void
test_hold(void **state)
{
	static const struct {
		uint32_t today, since;
		uint64_t hold;
		enum hold_state want;
	} cases[] = {
	    {1, 1, 60 * DAY, HOLD_ON},
	    {60, 1, 60 * DAY, HOLD_ON},
	    {61, 1, 60 * DAY, HOLD_DUE},
	    {62, 1, 60 * DAY, HOLD_OVER},
	    {5000, 1, 60 * DAY, HOLD_OVER},
	    {100, 11, 90 * DAY, HOLD_ON},
	    {101, 11, 90 * DAY, HOLD_DUE},
	    /* Not a whole day more or less. */
	    {2, 1, DAY, HOLD_DUE},
	    {2, 1, DAY + 1, HOLD_ON},
	    {3, 1, DAY + 1, HOLD_DUE},
	    /* The count began anew. */
	    {1, 5000, DAY, HOLD_ON},
	    {0, UINT32_MAX, DAY, HOLD_ON},
	    {UINT32_MAX, 0, 90 * DAY, HOLD_OVER},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_int_equal(expiry_hold_state(cases[i].today,
				     cases[i].since, cases[i].hold),
		    cases[i].want);
}

/* SPEC N-12.7 */
static void
test_since(void **state)
{
	static const struct {
		uint32_t today;
		uint64_t hold;
		int64_t age; /* of the ticket, seconds */
		uint32_t want;
	} cases[] = {
	    {100, 60 * DAY, 0, 100},
	    {100, 60 * DAY, DAY - 1, 100},
	    {100, 60 * DAY, DAY, 99},
	    {100, 60 * DAY, 30 * DAY + 5, 70},
	    {100, 60 * DAY, 53 * DAY, 47},
	    /* Seven days are left at least. */
	    {100, 60 * DAY, 54 * DAY, 47},
	    {100, 60 * DAY, 60 * DAY, 47},
	    {100, 60 * DAY + 5, 60 * DAY, 47},
	    {100, 8 * DAY, 8 * DAY, 99},
	    {100, 7 * DAY, 6 * DAY, 100},
	    {100, DAY, DAY, 100},
	    /* No ticket is so old, nor of a time to come. */
	    {100, 60 * DAY, 61 * DAY, 100},
	    {100, 60 * DAY, 20000 * DAY, 100},
	    {100, 60 * DAY, -(int64_t)DAY, 100},
	    {100, 60 * DAY, -20000 * (int64_t)DAY, 100},
	    /* A node is younger than the mail. */
	    {20, 60 * DAY, 30 * DAY, 1},
	    {30, 60 * DAY, 30 * DAY, 1},
	    {1, 60 * DAY, 30 * DAY, 1},
	};
	int64_t now = 30000 * (int64_t)DAY + 77;
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_int_equal(expiry_since(cases[i].today, cases[i].hold,
				     now - cases[i].age, now),
		    cases[i].want);
}

/* What was done is committed, first. */
static struct state *
again(struct state *s)
{
	assert_int_equal(state_commit(s), 0);
	return reopen(s, false);
}

static void
count_id(const char *id, void *ctx)
{
	unsigned *n = ctx;

	assert_int_equal(strlen(id), BUNDLE_ID_LEN);
	(*n)++;
}

static void
assert_next(struct state *s, const char *home, const char *after, unsigned want)
{
	char id[BUNDLE_ID_LEN + 1], text[32];
	struct buf ticket;

	buf_init(&ticket, TICKET_MAX);
	if (want == 0) {
		assert_int_equal(
		    state_lapse_next(s, home, after, id, &ticket), 0);
	} else {
		assert_int_equal(
		    state_lapse_next(s, home, after, id, &ticket), 1);
		assert_string_equal(id, nth(want).text);
		snprintf(text, sizeof(text), "ticket %u", want);
		assert_string_equal(buf_str(&ticket), text);
	}
	buf_free(&ticket);
}

/* SPEC */
static void
test_lapses(void **state)
{
	struct state *s = reopen(NULL, true);
	char ticket[32];
	unsigned i, n = 0;

	(void)state;
	for (i = 1; i <= 6; i++) {
		snprintf(ticket, sizeof(ticket), "ticket %u", i);
		assert_int_equal(
		    state_lapse_add(s, nth(i).text, i % 2 == 0 ? "bob" : "dave",
			ticket, 10 + i, i > 4),
		    0);
	}
	/* The first word counts. */
	assert_int_equal(
	    state_lapse_add(s, nth(2).text, "dave", "x", 99, true), 0);
	s = again(s);
	assert_true(state_lapse_is(s, nth(2).text));
	assert_false(state_lapse_is(s, nth(7).text));
	assert_int_equal(state_lapse_count(s), 6);
	assert_int_equal(state_each_lapse(s, count_id, &n), 0);
	assert_int_equal(n, 6);
	assert_next(s, "bob", "", 2);
	assert_next(s, "bob", nth(2).text, 4);
	assert_next(s, "bob", nth(6).text, 0);
	assert_next(s, "carol", "", 0);
	/* Nobody hears of it but its home. */
	assert_int_equal(state_lapse_told(s, nth(2).text, "dave"), 0);
	assert_int_equal(state_lapse_told(s, nth(2).text, "bob"), 1);
	assert_int_equal(state_lapse_told(s, nth(2).text, "bob"), 0);
	assert_next(s, "bob", "", 4);
	assert_int_equal(state_lapse_count(s), 5);
	/* Only what is told, and has no sender to be told, is forgotten. */
	assert_int_equal(state_lapse_told(s, nth(6).text, "bob"), 1);
	assert_int_equal(state_lapses_expire(s, 12), 0);
	assert_true(state_lapse_is(s, nth(2).text));
	assert_int_equal(state_lapses_expire(s, 99), 0);
	assert_false(state_lapse_is(s, nth(2).text));
	assert_true(state_lapse_is(s, nth(4).text));
	assert_true(state_lapse_is(s, nth(6).text));
	state_close(&s);
}

static void
test_senders(void **state)
{
	struct state *s = reopen(NULL, true);
	char id[BUNDLE_ID_LEN + 1];
	unsigned i;

	(void)state;
	for (i = 1; i <= 4; i++)
		state_lapse_add(s, nth(i).text, "bob", "t", 1, i % 2 == 0);
	assert_int_equal(state_dsn_count(s), 2);
	assert_int_equal(state_dsn_next(s, "", id), 1);
	assert_string_equal(id, nth(2).text);
	assert_int_equal(state_dsn_next(s, id, id), 1);
	assert_string_equal(id, nth(4).text);
	assert_int_equal(state_dsn_next(s, id, id), 0);
	assert_int_equal(state_dsn_done(s, nth(2).text), 0);
	s = again(s);
	assert_int_equal(state_dsn_next(s, "", id), 1);
	assert_string_equal(id, nth(4).text);
	state_close(&s);
}

static void
count_loss(const struct loss *l, void *ctx)
{
	unsigned *n = ctx;

	assert_string_equal(l->acceptor, "alice");
	assert_string_equal(l->peer, "carol");
	assert_int_equal(l->size, 1ULL << 33);
	assert_int_equal(l->time, 1795000000);
	assert_int_equal(l->at, 1795003600);
	(*n)++;
}

/* SPEC */
static void
test_losses(void **state)
{
	struct state *s = reopen(NULL, true);
	struct loss l = {.peer = "carol",
	    .acceptor = "alice",
	    .size = 1ULL << 33,
	    .time = 1795000000,
	    .at = 1795003600};
	unsigned i, n = 0;
	bool is_new;

	(void)state;
	for (i = 0; i < LOSSES_MAX + 10; i++) {
		memcpy(l.id, nth(i).text, sizeof(l.id));
		assert_int_equal(state_loss_add(s, &l, &is_new), 0);
		assert_true(is_new);
	}
	snprintf(l.peer, sizeof(l.peer), "mallory");
	assert_int_equal(state_loss_add(s, &l, &is_new), 0);
	assert_false(is_new);
	s = again(s);
	assert_int_equal(state_loss_count(s), LOSSES_MAX);
	assert_int_equal(state_each_loss(s, count_loss, &n), 0);
	assert_int_equal(n, LOSSES_MAX);
	/* The oldest have gone. */
	assert_int_equal(state_loss_del(s, nth(3).text), 0);
	assert_int_equal(state_loss_count(s), LOSSES_MAX);
	assert_int_equal(state_loss_del(s, nth(13).text), 0);
	assert_int_equal(state_loss_count(s), LOSSES_MAX - 1);
	state_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hold),
	    cmocka_unit_test(test_since),
	    help_test(test_lapses),
	    help_test(test_senders),
	    help_test(test_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
