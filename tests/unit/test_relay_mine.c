/* SPDX-License-Identifier: MIT */
/* test_relay_mine - relayd/mine.c: own mail in its queues. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "relayd/mine.h"

static struct mine *
add(struct mine_queues *q, unsigned number)
{
	char id[BUNDLE_ID_LEN + 1];

	snprintf(id, sizeof(id), "%064x", number);
	return mine_add(q, id);
}

static void
states(void **state)
{
	struct mine_queues q;
	struct mine *a, *b;

	(void)state;
	mine_init(&q);
	a = add(&q, 1);
	b = add(&q, 2);
	assert_int_equal(q.count, 2);
	assert_int_equal(mine_count(&q, MINE_WAITING), 2);
	assert_ptr_equal(TAILQ_FIRST(&q.by_state[MINE_WAITING]), a);
	mine_set_state(&q, a, MINE_BUSY);
	mine_set_state(&q, b, MINE_BUSY);
	assert_int_equal(q.busy, 2);
	assert_ptr_equal(mine_find(&q, MINE_BUSY, b->id), b);
	assert_null(mine_find(&q, MINE_WAITING, b->id));
	mine_set_state(&q, a, MINE_LATER);
	assert_int_equal(q.busy, 1);
	mine_drop(&q, b); /* while it is busy */
	assert_int_equal(q.busy, 0);
	assert_int_equal(q.count, 1);
	mine_forget(&q);
	assert_int_equal(q.count, 0);
}

/* Those that want a receipt come by time, whatever the order. */
static void
receipts(void **state)
{
	static const int64_t at[] = {30, 10, 20, 10, 40};
	struct mine_queues q;
	struct mine *m;
	int64_t last = 0;
	unsigned i;

	(void)state;
	mine_init(&q);
	for (i = 0; i < 5; i++)
		mine_set_sign(&q, add(&q, i), SIGN_WANTED, at[i]);
	assert_int_equal(q.wanted, 5);
	TAILQ_FOREACH (m, &q.by_sign[SIGN_WANTED], next_sign) {
		assert_true(m->sign_at >= last);
		last = m->sign_at;
	}
	m = TAILQ_FIRST(&q.by_sign[SIGN_WANTED]);
	mine_set_sign(&q, m, SIGN_ASKED, 0);
	assert_int_equal(q.wanted, 4);
	mine_drop(&q, m);
	mine_drop(&q, TAILQ_FIRST(&q.by_sign[SIGN_WANTED]));
	assert_int_equal(q.wanted, 3);
	assert_true(TAILQ_EMPTY(&q.by_sign[SIGN_ASKED]));
	mine_forget(&q);
	assert_int_equal(q.wanted, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(states),
	    help_test(receipts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
