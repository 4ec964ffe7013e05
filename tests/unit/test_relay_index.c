/* SPDX-License-Identifier: MIT */
/*
 * test_relay_index - relayd/index.c: what is held, in memory.
 */
#include "help.h"
#include "mail_help.h"
#include "state_help.h"

#include <stdio.h>
#include <stdlib.h>

#include "relayd/index.h"
#include "relayd/state.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 5000
#define Z32 "00000000000000000000000000000000"
#define Z64 Z32 Z32

static struct index *
filled(unsigned count)
{
	struct index *ix = index_new();
	struct held *h;
	unsigned i;

	assert_non_null(ix);
	for (i = 0; i < count; i++) {
		h = index_add(ix, nth(i).text);
		assert_non_null(h);
		assert_int_equal(h->day, 0);
		assert_int_equal(h->flags, 0);
		h->size = i + 1;
		h->day = i;
	}
	assert_int_equal(index_count(ix), count);
	return ix;
}

/* Those for which i % every == 0 are gone, and no others. */
static void
check_index(struct index *ix, unsigned count, unsigned every)
{
	char id[BUNDLE_ID_LEN + 1];
	struct held *h;
	unsigned i;

	for (i = 0; i < count; i++) {
		h = index_find(ix, nth(i).text);
		if (i % every == 0) {
			assert_null(h);
			continue;
		}
		assert_non_null(h);
		assert_int_equal(h->day, i);
		held_id(h, id);
		assert_string_equal(id, nth(i).text);
	}
}

static unsigned
walk(struct index *ix)
{
	struct held *h;
	unsigned n = 0;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		assert_int_equal(index_slot(ix, h), slot);
		n++;
	}
	return n;
}

static void
test_index(void **state)
{
	struct index *ix = filled(MANY);
	unsigned i;

	(void)state;
	assert_int_equal(walk(ix), MANY);
	index_free(&ix);
	assert_null(ix);
	index_free(&ix);
	ix = filled(MANY);
	for (i = 0; i < MANY; i += 3)
		index_del(ix, index_find(ix, nth(i).text));
	check_index(ix, MANY, 3);
	assert_int_equal(index_count(ix), MANY - (MANY + 2) / 3);
	assert_int_equal(walk(ix), index_count(ix));
	index_free(&ix);
}

/* Slots are used again; those of the others stay. */
static void
test_index_slots(void **state)
{
	struct index *ix = filled(MANY);
	struct held *h;
	size_t slot;
	unsigned i;

	(void)state;
	slot = index_slot(ix, index_find(ix, nth(MANY - 1).text));
	for (i = 0; i < MANY - 1; i++)
		index_del(ix, index_find(ix, nth(i).text));
	assert_int_equal(walk(ix), 1);
	for (i = 0; i < MANY - 1; i++) {
		h = index_add(ix, nth(MANY + i).text);
		assert_non_null(h);
		assert_in_range(index_slot(ix, h), 0, MANY - 1);
		assert_int_equal(h->day, 0);
	}
	h = index_find(ix, nth(MANY - 1).text);
	assert_int_equal(index_slot(ix, h), slot);
	assert_int_equal(walk(ix), MANY);
	index_free(&ix);
}

static void
test_index_refuses(void **state)
{
	static const char *const wrong[] = {
	    "", "abc", Z64 "0", Z32 "0000000000000000000000000000000A"};
	struct index *ix = filled(2);
	size_t i;

	(void)state;
	assert_null(index_add(ix, nth(0).text));
	assert_null(index_add(ix, nth(1).text));
	assert_null(index_find(ix, nth(2).text));
	for (i = 0; i < N(wrong); i++) {
		assert_null(index_add(ix, wrong[i]));
		assert_null(index_find(ix, wrong[i]));
	}
	assert_int_equal(index_count(ix), 2);
	assert_int_equal(walk(ix), 2);
	index_free(&ix);
}

/* The largest bundle that there may be (SPEC) is no free slot. */
static void
test_index_largest(void **state)
{
	struct index *ix = filled(1);
	struct held *h = index_find(ix, nth(0).text);
	uint64_t largest = BUNDLE_SIZE_MAX;

	(void)state;
	h->size = largest;
	h->flags = INDEX_SHORT | INDEX_OWN | INDEX_GONE;
	h->from = UINT16_MAX;
	assert_int_equal(h->size, largest);
	assert_int_equal(h->flags, INDEX_SHORT | INDEX_OWN | INDEX_GONE);
	assert_int_equal(walk(ix), 1);
	index_free(&ix);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_index),
	    help_test(test_index_slots),
	    help_test(test_index_refuses),
	    help_test(test_index_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
