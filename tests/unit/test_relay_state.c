/* SPDX-License-Identifier: MIT */
/*
 * test_relay_state - relayd/state.c, what is remembered of bundles across
 * a restart, and index.c, what is held, in memory.
 */
#include "help.h"
#include "mail_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "mail/receipt.h"
#include "relayd/events.h"
#include "relayd/index.h"
#include "relayd/state.h"
#include "util/error.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 5000
#define Z32 "00000000000000000000000000000000"
#define Z64 Z32 Z32

struct id {
	char text[BUNDLE_ID_LEN + 1];
};

/* The nth of as many IDs as are wanted, all alike but for some digits. */
static struct id
nth(unsigned n)
{
	struct id id;

	snprintf(id.text, sizeof(id.text), "%024x%08x%032x", 0, n, 0xabc);
	return id;
}

static struct state *
reopen(struct state *s, bool fresh)
{
	struct error error = {""};
	bool was_fresh = !fresh;

	state_close(&s);
	assert_null(s);
	assert_int_equal(
	    state_open(help_path("network.db"), &s, &was_fresh, &error), 0);
	assert_int_equal(was_fresh, fresh);
	return s;
}

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
	assert_int_equal(state_drawn_count(s, "bob"), 100);
	assert_int_equal(state_drawn_count(s, "dave"), 200);
	assert_int_equal(state_drawn_count(s, "carol"), 0);
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

/* ---- the index ---- */

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

/* Events ----------------------------------------------------------------- */

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
	const struct CMUnitTest tests[] = {
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
	    help_test(test_events),
	    help_test(test_events_expire),
	    help_test(test_event_id),
	    help_test(test_event_names),
	    help_test(test_numbers),
	    help_test(test_spread),
	    help_test(test_confirmed),
	    help_test(test_index),
	    help_test(test_index_slots),
	    help_test(test_index_refuses),
	    help_test(test_index_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
