/* SPDX-License-Identifier: MIT */
/*
 * test_relay_place - relayd/place.c and pace.c: how many copies, who is
 * drawn, when a peer is dialled again, what a day is.
 */
#include "help.h"

#include <string.h>

#include "relayd/pace.h"
#include "relayd/place.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* ---- copies ---- */

/* SPEC */
static void
test_copies(void **state)
{
	static const struct {
		unsigned wanted;
		uint64_t size;
		unsigned copies;
	} cases[] = {
	    {0, 1, 1},
	    {1, 1, 1},
	    {4, 1, 4},
	    {8, PLACE_BIG, 8},
	    {9, PLACE_BIG, 8},
	    {UINT32_MAX, 1, 8},
	    {4, PLACE_BIG, 4},
	    {4, PLACE_BIG + 1, 2},
	    {8, BUNDLE_SIZE_MAX, 2},
	    {2, PLACE_BIG + 1, 2},
	    {1, PLACE_BIG + 1, 1},
	    {0, PLACE_BIG + 1, 1},
	};
	struct ticket t = {.copies = 0};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		t.copies = cases[i].wanted;
		t.size = cases[i].size;
		assert_int_equal(place_copies(&t), cases[i].copies);
	}
}

/* ---- the draw ---- */

/* A source whose numbers are all combinations in turn: a counter in a
 * mixed base, of which each call takes a digit. */
struct turns {
	unsigned left;
	unsigned calls;
};

static uint32_t
turn(uint32_t below, void *ctx)
{
	struct turns *t = ctx;
	uint32_t digit;

	assert_true(below > 0);
	digit = t->left % below;
	t->left /= below;
	t->calls++;
	return digit;
}

static unsigned
set_of(const size_t *drawn, size_t count, size_t n)
{
	unsigned set = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		assert_true(drawn[i] < n);
		assert_int_equal(set & 1U << drawn[i], 0);
		set |= 1U << drawn[i];
	}
	return set;
}

/*
 * SPEC: over all the numbers that the source can give, every set of need of n
 * comes equally often: n!/(n-need)! combinations, need! for each set.
 */
static void
check_all_sets(size_t n, size_t need)
{
	unsigned seen[1 << 7] = {0}, all = 1, each = 1, sets = 0, set;
	struct turns t;
	size_t drawn[7];
	unsigned i;

	for (i = 0; i < need; i++) {
		all *= (unsigned)(n - i);
		each *= i + 1;
	}
	for (i = 0; i < all; i++) {
		t = (struct turns){.left = i};
		assert_int_equal(place_draw(n, need, turn, &t, drawn), need);
		assert_int_equal(t.calls, need);
		seen[set_of(drawn, need, n)]++;
	}
	for (set = 0; set < 1U << n; set++) {
		sets += seen[set] != 0;
		assert_true(seen[set] == 0 || seen[set] == each);
	}
	assert_int_equal(sets, all / each);
}

static void
test_every_set_equally(void **state)
{
	size_t n, need;

	(void)state;
	for (n = 0; n <= 7; n++) {
		for (need = 0; need <= n; need++)
			check_all_sets(n, need);
	}
}

/* Fewer than wanted: all of them, and nothing beyond is written. */
static void
test_too_few(void **state)
{
	size_t drawn[PLACE_COPIES_MAX], n, i;
	struct turns t = {.left = 12345};

	(void)state;
	for (n = 0; n < PLACE_COPIES_MAX; n++) {
		memset(drawn, 0xff, sizeof(drawn));
		assert_int_equal(
		    place_draw(n, PLACE_COPIES_MAX, turn, &t, drawn), n);
		assert_int_equal(set_of(drawn, n, n), (1U << n) - 1);
		for (i = n; i < PLACE_COPIES_MAX; i++)
			assert_int_equal(drawn[i], SIZE_MAX);
	}
	assert_int_equal(place_draw(5, 0, turn, &t, drawn), 0);
}

/* The system's source: within its bound, and not always the same. */
static void
test_random(void **state)
{
	unsigned seen[7] = {0}, i;
	uint32_t r;

	(void)state;
	for (i = 0; i < 7000; i++) {
		r = place_random(7, NULL);
		assert_true(r < 7);
		seen[r]++;
	}
	/* 1,000 each, give or take 29: ten times that never happens. */
	for (i = 0; i < 7; i++)
		assert_in_range(seen[i], 700, 1300);
	assert_int_equal(place_random(1, NULL), 0);
}

/* ---- backoff ---- */

#define NOW 1000000

static int64_t
wait_after(unsigned failures, unsigned min, unsigned max, uint32_t random)
{
	struct pace p = {.failures = failures};

	pace_failed(&p, NOW, min, max, random);
	assert_int_equal(p.failures, failures + 1);
	return p.next - NOW;
}

/* SPEC: doubled up to the maximum, a quarter less or more. */
static void
test_backoff(void **state)
{
	static const int64_t seconds[] = {
	    60, 120, 240, 480, 960, 1800, 1800, 1800};
	struct pace p = {.failures = 0};
	uint32_t r;
	unsigned i;

	(void)state;
	for (i = 0; i < N(seconds); i++) {
		int64_t ms = seconds[i] * 1000;

		assert_int_equal(wait_after(i, 60, 1800, 0), ms * 3 / 4);
		assert_int_equal(
		    wait_after(i, 60, 1800, (uint32_t)(ms / 2)), ms * 5 / 4);
		assert_int_equal(
		    wait_after(i, 60, 1800, (uint32_t)(ms / 4)), ms);
		for (r = 1; r < UINT32_MAX / 2; r *= 3)
			assert_in_range(wait_after(i, 60, 1800, r),
			    (uintmax_t)ms * 3 / 4, (uintmax_t)ms * 5 / 4);
		pace_failed(&p, NOW, 60, 1800, (uint32_t)(ms / 4));
		assert_int_equal(p.next, NOW + ms);
	}
	assert_int_equal(p.failures, N(seconds));
}

static void
test_backoff_edges(void **state)
{
	static const struct {
		unsigned failures, min, max;
		int64_t seconds;
	} cases[] = {
	    {0, 10, 10, 10},
	    {9, 10, 10, 10},
	    {0, 20, 10, 10}, /* min over max */
	    {1, 7, 13, 13},
	    {1, 6, 13, 12},
	    {1000000, 1, 1800, 1800},
	    {UINT32_MAX - 1, 60, 1800, 1800},
	    {100, 1, UINT32_MAX, UINT32_MAX},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_int_equal(wait_after(cases[i].failures, cases[i].min,
				     cases[i].max, 0),
		    cases[i].seconds * 1000 - cases[i].seconds * 1000 / 4);
	/* No wait at all is no division by zero. */
	assert_int_equal(wait_after(0, 0, 0, UINT32_MAX), 0);
}

/* SPEC: a hello ends it. */
static void
test_sign_of_life(void **state)
{
	struct pace p = {.failures = 0};
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++)
		pace_failed(&p, NOW, 60, 1800, 1);
	pace_alive(&p);
	assert_int_equal(p.failures, 0);
	assert_int_equal(p.next, 0);
	pace_failed(&p, NOW, 60, 1800, 15000);
	assert_int_equal(p.next, NOW + 60000);
}

static void
test_rest(void **state)
{
	struct pace p = {.failures = 4};

	(void)state;
	pace_rest(&p, NOW, 1800, 0);
	assert_int_equal(p.failures, 0);
	assert_int_equal(p.next, NOW + 1350000);
	pace_rest(&p, NOW, 1800, 900000);
	assert_int_equal(p.next, NOW + 2250000);
}

/* ---- days ---- */

#define DATE 20779
#define AT(date) ((int64_t)(date)*86400)

/* SPEC node 5.2: a wrong clock makes no bundle old. */
static void
test_days(void **state)
{
	static const struct {
		int64_t now, ran;
		bool changed;
		uint32_t day;
		int64_t date;
	} steps[] = {
	    {AT(DATE), 0, true, 1, DATE}, /* the first */
	    {AT(DATE), 99999, false, 1, DATE},
	    {AT(DATE + 1) - 1, 99999, false, 1, DATE},
	    {AT(DATE + 1), 0, true, 2, DATE + 1},
	    {AT(DATE + 400), 1, true, 3, DATE + 400}, /* 399 days: one */
	    {AT(DATE + 2), 0, false, 3, DATE + 400}, /* back */
	    {AT(DATE + 2), DAY_AGAIN - 1, false, 3, DATE + 400},
	    {AT(DATE + 3), DAY_AGAIN, true, 4, DATE + 3}, /* believed */
	    {AT(DATE + 4), 0, true, 5, DATE + 4},
	    {0, 0, false, 5, DATE + 4}, /* no clock after a reset */
	    {AT(DATE + 4) + 5, 0, false, 5, DATE + 4},
	    {AT(DATE + 5), 0, true, 6, DATE + 5},
	};
	struct day_count d = {.day = 0};
	size_t i;

	(void)state;
	for (i = 0; i < N(steps); i++) {
		assert_int_equal(day_advance(&d, steps[i].now, steps[i].ran),
		    steps[i].changed);
		assert_int_equal(d.day, steps[i].day);
		assert_int_equal(d.date, steps[i].date);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_copies),
	    help_test(test_every_set_equally),
	    help_test(test_too_few),
	    help_test(test_random),
	    help_test(test_backoff),
	    help_test(test_backoff_edges),
	    help_test(test_sign_of_life),
	    help_test(test_rest),
	    help_test(test_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
