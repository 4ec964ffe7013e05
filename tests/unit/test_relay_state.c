/* SPDX-License-Identifier: MIT */
/*
 * test_relay_state - relayd/state*.c: what is remembered of bundles across
 * a restart. Events have a file of their own.
 */
#include "help.h"
#include "mail_help.h"
#include "state_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "mail/receipt.h"
#include "relayd/state.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
assert_copies(struct state *s, const char *id, const char *want)
{
	struct copy copies[STATE_COPIES_MAX];
	struct buf got;
	int i, n;

	n = state_copies(s, id, copies, STATE_COPIES_MAX);
	assert_true(n >= 0);
	buf_init(&got, 4096);
	for (i = 0; i < n; i++)
		assert_int_equal(buf_printf(&got, "%s=%d ", copies[i].peer,
				     (int)copies[i].state),
		    0);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
}

/* ---- days ---- */

static void
test_day(void **state)
{
	struct day_count d = {.day = 9, .date = 9};
	struct state *s = reopen(NULL, true);

	(void)state;
	assert_int_equal(state_day(s, &d), 0);
	assert_int_equal(d.day, 0);
	assert_int_equal(d.date, 0);
	d = (struct day_count){.day = UINT32_MAX, .date = 20779};
	assert_int_equal(state_set_day(s, &d), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	memset(&d, 0, sizeof(d));
	assert_int_equal(state_day(s, &d), 0);
	assert_int_equal(d.day, UINT32_MAX);
	assert_int_equal(d.date, 20779);
	state_close(&s);
}

/* ---- copies ---- */

static void
test_copies(void **state)
{
	struct state *s = reopen(NULL, true);
	struct id a = nth(1), b = nth(2);
	struct copy first;

	(void)state;
	assert_copies(s, a.text, "");
	assert_int_equal(state_copy(s, a.text, "bob"), 0);
	assert_int_equal(state_copy_set(s, a.text, "me", COPY_OWN), 0);
	assert_int_equal(state_copy_set(s, a.text, "dave", COPY_DRAWN), 0);
	assert_int_equal(state_copy_add(s, a.text, "dave", COPY_HAS), 0);
	assert_int_equal(state_copy_add(s, a.text, "bob", COPY_BROUGHT), 0);
	assert_int_equal(state_copy_set(s, b.text, "bob", COPY_DRAWN), 0);
	assert_copies(s, a.text, "bob=2 dave=4 me=1 ");
	assert_int_equal(state_copy_set(s, a.text, "dave", COPY_HAS), 0);
	assert_int_equal(state_copy(s, a.text, "dave"), COPY_HAS);
	assert_int_equal(state_copies(s, a.text, &first, 1), 1);
	assert_string_equal(first.peer, "bob");
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_copies(s, a.text, "bob=2 dave=3 me=1 ");
	assert_copies(s, b.text, "bob=4 ");
	assert_int_equal(state_forget(s, a.text), 0);
	assert_copies(s, a.text, "");
	assert_copies(s, b.text, "bob=4 ");
	state_close(&s);
}

/* SPEC: who refused may be drawn again, nobody else is forgotten. */
static void
test_forgive(void **state)
{
	struct state *s = reopen(NULL, true);
	struct id a = nth(1), b = nth(2);

	(void)state;
	state_copy_set(s, a.text, "alice", COPY_REFUSED);
	state_copy_set(s, a.text, "bob", COPY_DRAWN);
	state_copy_set(s, a.text, "me", COPY_SHORT);
	state_copy_set(s, b.text, "alice", COPY_REFUSED);
	assert_int_equal(state_forgive(s, a.text), 0);
	assert_copies(s, a.text, "bob=4 me=6 ");
	assert_copies(s, b.text, "alice=5 ");
	state_close(&s);
}

/* SPEC: what was committed is there, and nothing else. */
static void
test_uncommitted(void **state)
{
	struct state *s = reopen(NULL, true);
	struct id a = nth(1), b = nth(2);

	(void)state;
	assert_int_equal(state_commit(s), 0); /* nothing to do */
	assert_int_equal(state_copy_set(s, a.text, "bob", COPY_DRAWN), 0);
	assert_int_equal(state_commit(s), 0);
	assert_int_equal(state_copy_set(s, b.text, "bob", COPY_DRAWN), 0);
	assert_copies(s, b.text, "bob=4 ");
	s = reopen(s, false);
	assert_copies(s, a.text, "bob=4 ");
	assert_copies(s, b.text, "");
	state_close(&s);
}

#ifdef ENABLE_FAULT_POINTS
/* A commit that fails takes all of it back; the next one goes on. */
static void
test_commit_fails(void **state)
{
	struct state *s = reopen(NULL, true);
	struct id a = nth(1);

	(void)state;
	assert_int_equal(state_copy_set(s, a.text, "bob", COPY_DRAWN), 0);
	help_faults("relay.commit error");
	help_expect_log("fault point");
	assert_int_equal(state_commit(s), AG_EIO);
	help_faults(NULL);
	assert_copies(s, a.text, "");
	assert_int_equal(state_copy_set(s, a.text, "dave", COPY_DRAWN), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_copies(s, a.text, "dave=4 ");
	state_close(&s);
}
#endif

/* What can't be read is an error, never "nothing is known". */
static void
test_unreadable(void **state)
{
	struct day_count d = {.day = 7, .date = 20779};
	struct state *s = reopen(NULL, true);
	sqlite3 *other;

	(void)state;
	assert_int_equal(state_set_day(s, &d), 0);
	assert_int_equal(state_copy_set(s, nth(1).text, "bob", COPY_HAS), 0);
	assert_int_equal(state_commit(s), 0);
	assert_int_equal(state_day(s, &d), 0);
	assert_int_equal(state_copy(s, nth(1).text, "bob"), COPY_HAS);
	assert_int_equal(
	    sqlite3_open(help_path("network.db"), &other), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(
		other, "DROP TABLE meta; DROP TABLE copies", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(other);
	help_expect_log("no such table: meta");
	assert_int_equal(state_day(s, &d), AG_EIO);
	help_expect_log("no such table: copies");
	assert_int_equal(state_copy(s, nth(1).text, "bob"), AG_EIO);
	state_close(&s);
}

static void
test_drawn(void **state)
{
	struct state *s = reopen(NULL, true);
	char id[BUNDLE_ID_LEN + 1] = "";
	unsigned i;

	(void)state;
	for (i = 0; i < 300; i++) {
		state_copy_set(s, nth(i * 7 % 300).text,
		    i * 7 % 3 == 0 ? "bob" : "dave", COPY_DRAWN);
		state_copy_set(s, nth(i).text, "carol", COPY_HAS);
	}
	assert_int_equal(state_copy_count(s, "bob", COPY_DRAWN), 100);
	assert_int_equal(state_copy_count(s, "dave", COPY_DRAWN), 200);
	assert_int_equal(state_copy_count(s, "carol", COPY_DRAWN), 0);
	for (i = 0; i < 300; i += 3) {
		assert_int_equal(state_drawn_next(s, "bob", id, id), 1);
		assert_string_equal(id, nth(i).text);
	}
	assert_int_equal(state_drawn_next(s, "bob", id, id), 0);
	assert_int_equal(state_drawn_next(s, "carol", "", id), 0);
	state_close(&s);
}

static void
count_origin(const char *id, const char *peer, enum copy_state state, void *ctx)
{
	unsigned *seen = ctx;

	assert_int_equal(strlen(id), BUNDLE_ID_LEN);
	assert_string_equal(peer, state == COPY_BROUGHT ? "bob" : "me");
	seen[state]++;
}

static void
test_origins(void **state)
{
	struct state *s = reopen(NULL, true);
	unsigned seen[8] = {0}, i;

	(void)state;
	for (i = 0; i < 60; i++) {
		enum copy_state c = (enum copy_state)(i % 6 + 1);

		state_copy_set(
		    s, nth(i).text, c == COPY_BROUGHT ? "bob" : "me", c);
	}
	assert_int_equal(state_each_origin(s, count_origin, seen), 0);
	for (i = 0; i < N(seen); i++)
		assert_int_equal(seen[i],
		    i == COPY_OWN || i == COPY_BROUGHT || i == COPY_SHORT ? 10
									  : 0);
	state_close(&s);
}

/* ---- receipts ---- */

static void
make_receipt(struct receipt *r, unsigned from, unsigned count)
{
	struct sign_key key;
	unsigned i;

	memset(r, 0, sizeof(*r));
	snprintf(r->network, sizeof(r->network), "friends.example");
	snprintf(r->home, sizeof(r->home), "bob");
	r->time = 1795334400;
	r->count = count;
	for (i = 0; i < count; i++)
		memcpy(r->ids[i], nth(from + i).text, sizeof(r->ids[i]));
	help_key(&key);
	assert_int_equal(receipt_sign(r, &key), 0);
}

/* Keep count of its IDs. */
static int64_t
add_receipt(struct state *s, const struct receipt *r, unsigned count, int day)
{
	const char *ids[RECEIPT_IDS_MAX];
	int64_t n = 0;
	unsigned i;

	for (i = 0; i < count; i++)
		ids[i] = r->ids[i];
	assert_int_equal(
	    state_receipt_add(s, r, ids, count, (uint32_t)day, &n), 0);
	assert_true(n > 0);
	return n;
}

static void
assert_found(struct state *s, unsigned n, const struct receipt *want)
{
	struct receipt *r = help_keep(malloc(sizeof(*r)));
	struct buf text;

	buf_init(&text, RECEIPT_MAX);
	assert_int_equal(
	    state_receipt_find(s, nth(n).text, &text), want == NULL ? 0 : 1);
	assert_int_equal(
	    state_receipt_find(s, nth(n).text, NULL), want == NULL ? 0 : 1);
	if (want == NULL) {
		assert_int_equal(text.len, 0);
	} else {
		assert_int_equal(receipt_parse(text.data, text.len, r), 0);
		assert_memory_equal(r, want, sizeof(*r));
	}
	buf_free(&text);
}

static void
count_id(const char *id, void *ctx)
{
	assert_int_equal(strlen(id), BUNDLE_ID_LEN);
	(*(unsigned *)ctx)++;
}

static void
test_receipts(void **state)
{
	static struct receipt most, other;
	struct state *s = reopen(NULL, true);
	unsigned count = 0;

	(void)state;
	make_receipt(&most, 0, RECEIPT_IDS_MAX);
	make_receipt(&other, 100, 200);
	assert_found(s, 0, NULL);
	add_receipt(s, &most, RECEIPT_IDS_MAX - 1, 3);
	add_receipt(s, &other, 200, 4);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_found(s, 0, &most);
	assert_found(s, 100, &most); /* the first stays */
	assert_found(s, 255, &other); /* it was none of the first's */
	assert_found(s, 299, &other);
	assert_found(s, 300, NULL);
	assert_int_equal(state_receipt_count(s), 300);
	assert_int_equal(state_each_receipted(s, count_id, &count), 0);
	assert_int_equal(count, 300);
	state_close(&s);
}

/* SPEC: forgotten by the day it was kept, with who was to hear it. */
static void
test_receipts_expire(void **state)
{
	static struct receipt old, young;
	struct state *s = reopen(NULL, true);
	int64_t n, n_old, n_young;
	struct buf text;

	(void)state;
	make_receipt(&old, 0, 10);
	make_receipt(&young, 10, 10);
	n_old = add_receipt(s, &old, 10, 3);
	n_young = add_receipt(s, &young, 10, 4);
	assert_int_equal(state_tell_add(s, "bob", n_old), 0);
	assert_int_equal(state_tell_add(s, "bob", n_young), 0);
	assert_int_equal(state_receipts_expire(s, 3), 0);
	assert_int_equal(state_receipt_count(s), 20);
	assert_int_equal(state_receipts_expire(s, 4), 0);
	assert_int_equal(state_receipt_count(s), 10);
	assert_found(s, 9, NULL);
	assert_found(s, 10, &young);
	assert_int_equal(state_tell_count(s, "bob"), 1);
	buf_init(&text, RECEIPT_MAX);
	assert_int_equal(state_tell_next(s, "bob", 0, &n, &text), 1);
	assert_int_equal(n, n_young);
	buf_free(&text);
	/* A number is not given twice. */
	assert_int_equal(state_receipts_expire(s, 5), 0);
	assert_true(add_receipt(s, &old, 10, 5) > n_young);
	state_close(&s);
}

/* SPEC: told until it is noted, in the next session too. */
static void
test_tells(void **state)
{
	static struct receipt r;
	struct state *s = reopen(NULL, true);
	int64_t n[3], got = 0;
	struct buf text;
	unsigned i;

	(void)state;
	buf_init(&text, RECEIPT_MAX);
	for (i = 0; i < N(n); i++) {
		make_receipt(&r, i, 1);
		n[i] = add_receipt(s, &r, 1, 1);
		assert_int_equal(state_tell_add(s, "bob", n[i]), 0);
		assert_int_equal(state_tell_add(s, "bob", n[i]), 0);
	}
	assert_int_equal(state_tell_add(s, "dave", n[1]), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_int_equal(state_tell_count(s, "bob"), 3);
	for (i = 0; i < N(n); i++) {
		buf_reset(&text);
		assert_int_equal(
		    state_tell_next(s, "bob", got, &got, &text), 1);
		assert_int_equal(got, n[i]);
		assert_non_null(strstr(buf_str(&text), nth(i).text));
	}
	assert_int_equal(state_tell_next(s, "bob", got, &got, &text), 0);
	assert_int_equal(state_tell_done(s, "bob", n[1]), 0);
	assert_int_equal(state_tell_count(s, "bob"), 2);
	assert_int_equal(state_tell_count(s, "dave"), 1);
	assert_int_equal(state_tell_next(s, "bob", n[0], &got, &text), 1);
	assert_int_equal(got, n[2]);
	assert_int_equal(state_tell_next(s, "carol", 0, &got, &text), 0);
	buf_free(&text);
	state_close(&s);
}

static void
test_numbers(void **state)
{
	struct state *s = reopen(NULL, true);
	int64_t n = 7;

	(void)state;
	assert_int_equal(state_number(s, "pause", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_set_number(s, "pause", INT64_MAX), 0);
	assert_int_equal(state_set_number(s, "away:bob", 5), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	assert_int_equal(state_number(s, "pause", &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(state_set_number(s, "pause", 0), 0);
	assert_int_equal(state_number(s, "pause", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_number(s, "away:bob", &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
}

/* state_spread_fn */
static void
put_spread(unsigned nodes, unsigned bundles, void *ctx)
{
	buf_printf(ctx, "%u:%u ", nodes, bundles);
}

/* SPEC N-19.2: what was accepted here counts, and who has it. */
static void
test_spread(void **state)
{
	struct state *s = reopen(NULL, true);
	struct buf got;

	(void)state;
	state_copy_set(s, nth(1).text, "me", COPY_OWN);
	state_copy_set(s, nth(1).text, "a", COPY_HAS);
	state_copy_set(s, nth(1).text, "b", COPY_DRAWN);
	state_copy_set(s, nth(1).text, "c", COPY_REFUSED);
	state_copy_set(s, nth(2).text, "me", COPY_SHORT);
	state_copy_set(s, nth(2).text, "a", COPY_BROUGHT);
	state_copy_set(s, nth(3).text, "me", COPY_SHORT);
	state_copy_set(s, nth(4).text, "a", COPY_BROUGHT);
	buf_init(&got, 256);
	assert_int_equal(state_each_spread(s, -1, put_spread, &got), 0);
	assert_string_equal(buf_str(&got), "1:1 2:2 ");
	buf_free(&got);
	assert_int_equal(state_commit(s), 0);
	state_close(&s);
}

static void
put_confirmed(const char *peer, int64_t when, void *ctx)
{
	buf_printf(ctx, "%s:%lld ", peer, (long long)when);
}

/* SPEC: kept over a restart, and the latest counts. */
static void
test_confirmed(void **state)
{
	struct state *s = reopen(NULL, true);
	struct buf got;

	(void)state;
	assert_int_equal(state_confirmed_set(s, "carol", 1795000000), 0);
	assert_int_equal(state_confirmed_set(s, "bob", 1795000001), 0);
	assert_int_equal(state_confirmed_set(s, "carol", 1795000002), 0);
	assert_int_equal(state_commit(s), 0);
	s = reopen(s, false);
	buf_init(&got, 256);
	assert_int_equal(state_each_confirmed(s, put_confirmed, &got), 0);
	assert_string_equal(buf_str(&got), "bob:1795000001 carol:1795000002 ");
	buf_free(&got);
	state_close(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_day),
	    help_test(test_copies),
	    help_test(test_forgive),
	    help_test(test_uncommitted),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_commit_fails),
#endif
	    help_test(test_unreadable),
	    help_test(test_drawn),
	    help_test(test_origins),
	    help_test(test_receipts),
	    help_test(test_receipts_expire),
	    help_test(test_tells),
	    help_test(test_numbers),
	    help_test(test_spread),
	    help_test(test_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
