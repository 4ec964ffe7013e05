/* SPDX-License-Identifier: MIT */
/*
 * test_relay_repair - relayd/tally.c, the pure parts of repair.c, and what
 * they remember (state_repair.c).
 */
#include "help.h"
#include "mail_help.h"

#include <stdio.h>
#include <string.h>

#include "relayd/repair.h"
#include "relayd/state_repair.h"
#include "relayd/tally.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define DAY 86400
#define Z32 "00000000000000000000000000000000"

/* ---- tallies: SPEC, R-15.3 ---- */

static void
make_id(unsigned n, uint8_t id[TALLY_ID])
{
	unsigned i;

	for (i = 0; i < TALLY_ID; i++)
		id[i] = (uint8_t)(n * 37 + i * (n + 3));
}

static void
test_order_does_not_matter(void **state)
{
	static struct tally up, down;
	uint8_t id[TALLY_ID], wire[TALLY_SIZE];
	static struct tally read;
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		make_id(i, id);
		tally_add(&up, id, i);
		make_id(999 - i, id);
		tally_add(&down, id, 999 - i);
	}
	assert_memory_equal(&up, &down, sizeof(up));
	assert_int_equal(up.count, 1000);
	assert_int_equal(up.bytes, 999 * 500);
	tally_write(&up, wire);
	tally_read(wire, &read);
	assert_memory_equal(read.digests, up.digests, sizeof(read.digests));
}

/* As the spec says it, byte by byte. */
static void
test_digest(void **state)
{
	static const uint8_t one[TALLY_ID] = {
	    7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	static const uint8_t two[TALLY_ID] = {
	    7, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t want[8] = {0xfe, 2, 3, 4, 5, 6, 7, 9};
	static const uint8_t zeros[8];
	static struct tally t;
	uint8_t wire[TALLY_SIZE];
	unsigned i;

	(void)state;
	tally_add(&t, one, 10);
	tally_add(&t, two, 20);
	tally_write(&t, wire);
	for (i = 0; i < TALLY_BUCKETS; i++)
		assert_memory_equal(
		    wire + (size_t)8 * i, i == 7 ? want : zeros, 8);
}

static void
test_marks(void **state)
{
	static uint8_t marks[256 * TALLY_MARK];
	uint8_t nonce[TALLY_NONCE] = {1}, other[TALLY_NONCE] = {2};
	uint8_t id[TALLY_ID], mark[TALLY_MARK];
	unsigned i;

	(void)state;
	for (i = 0; i < 256; i++) {
		make_id(i * 2, id);
		tally_mark(nonce, id, marks + (size_t)i * TALLY_MARK);
	}
	tally_sort(marks, 256);
	for (i = 0; i < 512; i++) {
		make_id(i, id);
		tally_mark(nonce, id, mark);
		assert_int_equal(tally_has(marks, 256, mark), i % 2 == 0);
		tally_mark(other, id, mark);
		assert_false(tally_has(marks, 256, mark));
	}
	assert_false(tally_has(marks, 0, mark));
}

/* ---- whose turn it is: SPEC R-16.3 ---- */

/* All agree, each has another rank, and each is the first of some. */
static void
test_rank(void **state)
{
	static const char *const names[] = {"alice", "carol", "dave", "erin"};
	const char *others[3];
	unsigned first[4] = {0}, seen, i, k, n, rank;
	char id[BUNDLE_ID_LEN + 1];

	(void)state;
	for (i = 0; i < 400; i++) {
		snprintf(id, sizeof(id), "%032x%032x", i, i * 7);
		for (seen = 0, k = 0; k < 4; k++) {
			for (n = 0; n < 3; n++)
				others[n] = names[(k + 1 + n) % 4];
			rank = repair_rank(id, names[k], others, 3);
			assert_true(rank < 4);
			seen |= 1U << rank;
			first[k] += rank == 0;
		}
		assert_int_equal(seen, 15);
	}
	for (k = 0; k < 4; k++)
		assert_in_range(first[k], 60, 140);
	assert_int_equal(repair_rank(id, "alice", NULL, 0), 0);
}

/* SPEC */
static void
test_young(void **state)
{
	static const struct {
		uint32_t today, since;
		int64_t age; /* of the ticket, days */
		bool young;
	} cases[] = {
	    {1, 1, 0, true}, {50, 1, 49, true}, {54, 1, 10, false},
	    {10, 9, 52, true}, {10, 9, 53, false}, {10, 9, 4000, false},
	    {10, 9, -4000, true}, /* a clock set back */
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_int_equal(
		    repair_is_young(cases[i].today, cases[i].since, 5000 * DAY,
			(5000 - cases[i].age) * DAY, 60 * DAY),
		    cases[i].young);
}

/* ---- what is remembered ---- */

static struct state *
open_state(void)
{
	struct error error = {""};
	struct state *s;
	bool fresh;

	assert_int_equal(
	    state_open(help_path("network.db"), &s, &fresh, &error), 0);
	return s;
}

static void
put_heard(const char *peer, int64_t day, void *ctx)
{
	struct buf *out = ctx;

	buf_printf(out, "%s:%lld ", peer, (long long)day);
}

static void
test_heard(void **state)
{
	struct state *s = open_state();
	struct buf got;

	(void)state;
	buf_init(&got, 1024);
	assert_int_equal(state_heard_set(s, "carol", 3), 0);
	assert_int_equal(state_heard_set(s, "dave", 4), 0);
	assert_int_equal(state_heard_set(s, "carol", 9), 0);
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
	s = open_state();
	assert_int_equal(state_each_heard(s, put_heard, &got), 0);
	assert_string_equal(buf_str(&got), "carol:9 dave:4 ");
	buf_free(&got);
	state_close(&s);
}

/* SPEC: what was replaced is passed over, for good. */
static void
test_replaced(void **state)
{
	static const char *const ids[] = {
	    Z32 "0000000000000000000000000000000a",
	    Z32 "0000000000000000000000000000000b",
	    Z32 "0000000000000000000000000000000c",
	};
	struct state *s = open_state();
	char id[BUNDLE_ID_LEN + 1];
	uint32_t day;
	size_t i;

	(void)state;
	for (i = 0; i < N(ids); i++)
		assert_int_equal(
		    state_copy_set(s, ids[i], "dave", COPY_HAS), 0);
	assert_int_equal(state_copy_set(s, ids[0], "erin", COPY_HAS), 0);
	assert_int_equal(state_missing_add(s, ids[0], "dave", 5), 0);
	assert_int_equal(state_missing_add(s, ids[0], "dave", 6), 0);
	assert_int_equal(state_missing_since(s, ids[0], "dave", &day), 1);
	assert_int_equal(day, 5);
	assert_int_equal(state_missing_since(s, ids[1], "dave", &day), 0);
	assert_int_equal(state_unreplaced_next(s, "dave", COPY_HAS, "", id), 1);
	assert_string_equal(id, ids[0]);
	assert_int_equal(state_missing_replaced(s, ids[0], "dave", 6), 0);
	assert_int_equal(state_missing_replaced(s, ids[2], "dave", 6), 0);
	assert_int_equal(state_missing_back(s, ids[2], "dave"), 0);
	assert_int_equal(state_unreplaced_next(s, "dave", COPY_HAS, "", id), 1);
	assert_string_equal(id, ids[1]);
	assert_int_equal(state_unreplaced_next(s, "dave", COPY_HAS, id, id), 0);
	assert_int_equal(state_unreplaced_next(s, "erin", COPY_HAS, "", id), 1);
	assert_int_equal(
	    state_unreplaced_next(s, "dave", COPY_LOST, "", id), 0);
	assert_int_equal(state_missing_forget(s, ids[0]), 0);
	assert_int_equal(state_missing_since(s, ids[0], "dave", &day), 0);
	assert_int_equal(state_copy_count(s, "dave", COPY_HAS), 3);
	assert_int_equal(state_copy_next(s, "dave", COPY_HAS, ids[1], id), 1);
	assert_string_equal(id, ids[2]);
	assert_int_equal(state_copy_next(s, "dave", COPY_HAS, id, id), 0);
	state_close(&s);
}

/* SPEC: what is on fewer nodes than wanted, whatever the reason. */
static void
test_below(void **state)
{
	static const struct {
		enum copy_state own, copy;
		const char *peer;
		bool replaced;
		unsigned want;
	} cases[] = {
	    {COPY_OWN, COPY_HAS, "dave", false, 0},
	    {COPY_OWN, COPY_REFUSED, "dave", false, 0},
	    {COPY_SHORT, COPY_HAS, "dave", false, 1},
	    {COPY_OWN, COPY_DRAWN, "dave", false, 1},
	    {COPY_OWN, COPY_LOST, "dave", false, 1},
	    {COPY_OWN, COPY_LOST, "dave", true, 0},
	    {COPY_OWN, COPY_UNPROVEN, "dave", false, 1},
	    {COPY_OWN, COPY_UNPROVEN, "dave", true, 0},
	    {COPY_OWN, COPY_HAS, "silent", false, 1},
	    {COPY_OWN, COPY_HAS, "silent", true, 0},
	    {COPY_OWN, COPY_DRAWN, "silent", true, 1},
	    {COPY_OWN, COPY_REFUSED, "silent", false, 0},
	    /* Another node accepted it. */
	    {COPY_BROUGHT, COPY_LOST, "dave", false, 0},
	};
	static const char id[] = Z32 "0000000000000000000000000000000a";
	struct state *s = open_state();
	size_t i;

	(void)state;
	assert_int_equal(state_heard_set(s, "dave", 9), 0);
	assert_int_equal(state_heard_set(s, "silent", 6), 0);
	for (i = 0; i < N(cases); i++) {
		assert_int_equal(
		    state_copy_set(s, id, "alice", cases[i].own), 0);
		assert_int_equal(state_copy_set(s, id, "erin", COPY_HAS), 0);
		assert_int_equal(
		    state_copy_set(s, id, cases[i].peer, cases[i].copy), 0);
		if (cases[i].replaced)
			assert_int_equal(
			    state_missing_replaced(s, id, cases[i].peer, 9), 0);
		assert_int_equal(state_below_count(s, 6), cases[i].want);
		assert_int_equal(state_forget(s, id), 0);
		assert_int_equal(state_missing_forget(s, id), 0);
	}
	state_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_order_does_not_matter),
	    help_test(test_digest),
	    help_test(test_marks),
	    help_test(test_rank),
	    help_test(test_young),
	    help_test(test_heard),
	    help_test(test_replaced),
	    help_test(test_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
