/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/trace.c, aside.c and drill.c as far as they are pure: the
 * daemons' words in, text and JSON out, and the test mail.
 */
#include "help.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/aside.h"
#include "cli/drill.h"
#include "cli/trace.h"

#define ID "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const char here[] =
    "id=" ID " home=bob size=4300 day=3 from=alice own=yes short=no copies=2 "
    "holders=alice,carol drawn=dave acceptor=alice time=1795256390 wanted=4 "
    "here=yes\n"
    "at=1795256390 what=accepted id=" ID " who=\"alice\"\n"
    "at=1795256391 what=drawn id=" ID " who=\"dave\"\n"
    "at=1795256392 what=refused id=" ID " who=\"dave\" "
    "text=\"no room\"\n"
    "at=1795256393 what=odd id=" ID " who=\"a\"\n";
static const char gone[] =
    "id=" ID " here=no receipt=bob receipt-time=1795256400 "
    "receipt-key=dac073e0123bdea5\n"
    "at=1795256390 what=brought id=" ID " who=\"alice\"\n"
    "at=1795256395 what=outcome id=" ID " who=\"done\" text=\"-\"\n"
    "at=1795256400 what=receipt id=" ID " who=\"bob\" "
    "text=\"brought by agamid-deliver\"\n";
static const char delivery[] =
    "trace\n"
    "refused 4300 alice 2026-11-21T10:19:50Z 2026-11-21T10:19:55Z one of "
    "two\n"
    "delivered <b@bob.example> 250 2.0.0 Ok: queued as 4BC1\n"
    "refused <\"a b\"@bob.example> 550 5.1.1 \x1b[2J no\n";

struct answers {
	struct buf relay, deliver;
};

static void
begin(struct answers *a, struct trace *t, const char *relay, const char *del)
{
	buf_init(&a->relay, 65536);
	buf_init(&a->deliver, 65536);
	buf_puts(&a->relay, relay);
	buf_puts(&a->deliver, del);
	trace_init(t, "alice", &a->relay, &a->deliver);
}

static void
finish(struct answers *a)
{
	buf_free(&a->relay);
	buf_free(&a->deliver);
}

static void
assert_text(const char *relay, const char *del, const char *want)
{
	const struct screen wide = {.width = 512};
	char plain[8192];
	struct answers a;
	struct trace t;
	struct buf out;
	size_t i, k = 0;

	begin(&a, &t, relay, del);
	buf_init(&out, TRACE_TEXT_MAX);
	trace_text(&t, &wide, &out);
	for (i = 0; i < out.len; i++) {
		if (out.data[i] > SCREEN_STRONG[0])
			plain[k++] = out.data[i];
	}
	plain[k] = '\0';
	assert_string_equal(plain, want);
	buf_free(&out);
	finish(&a);
}

/* SPEC N-19.3: what, when, and who said it. */
static void
test_text(void **state)
{
	(void)state;
	assert_text(here, "trace\n",
	    "bundle   " ID "\n"
	    "here     yes, for bob, 4.2 kB\n"
	    "ticket   by alice at 2026-11-21T10:19:50Z, wants 4 nodes\n"
	    "copies   2, known at alice,carol; to go to dave\n"
	    "2026-11-21T10:19:50Z  alice accepted and sealed it, and keeps "
	    "it\n"
	    "2026-11-21T10:19:51Z  dave was drawn to hold it\n"
	    "2026-11-21T10:19:52Z  dave would not take it: no room\n"
	    "2026-11-21T10:19:53Z  a\n");
	assert_text(gone, delivery,
	    "bundle   " ID "\n"
	    "here     no\n"
	    "receipt  by bob at 2026-11-21T10:20:00Z, key "
	    "dac073e0123bdea5\n"
	    "2026-11-21T10:19:50Z  alice brought it here\n"
	    "2026-11-21T10:19:55Z  agamid-deliver: done\n"
	    "2026-11-21T10:20:00Z  bob, its home, signed that it is there: "
	    "brought by agamid-deliver\n"
	    "At home, agamid-deliver says:\n"
	    "  refused 4300 alice 2026-11-21T10:19:50Z 2026-11-21T10:19:55Z "
	    "one of two\n"
	    "  delivered <b@bob.example> 250 2.0.0 Ok: queued as 4BC1\n"
	    "  refused <\"a b\"@bob.example> 550 5.1.1 ?[2J no\n");
}

static void
test_is_empty(void **state)
{
	static const struct {
		const char *relay, *deliver;
		bool empty;
	} rows[] = {
	    {"id=" ID " here=no\n", "trace\n", true},
	    {"id=" ID " here=no\n", "", true},
	    {"id=" ID " here=no\n", delivery, false},
	    {"id=" ID " here=yes\n", "", false},
	    {gone, "trace\n", false},
	};
	struct answers a;
	struct trace t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&a, &t, rows[i].relay, rows[i].deliver);
		assert_string_equal(t.id, ID);
		assert_int_equal(trace_is_empty(&t), rows[i].empty);
		finish(&a);
	}
}

static const char *
text_at(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text == NULL ? "(none)" : text;
}

/* SPEC N-19.4 */
static void
test_json(void **state)
{
	const json_t *part;
	struct answers a;
	struct trace t;
	json_t *o;

	(void)state;
	begin(&a, &t, gone, delivery);
	o = trace_json(&t);
	assert_int_equal(json_integer_value(json_object_get(o, "version")), 1);
	assert_true(json_is_null(json_object_get(o, "here")));
	assert_string_equal(
	    text_at(json_object_get(o, "receipt"), "by"), "bob");
	part = json_object_get(o, "delivery");
	assert_string_equal(text_at(part, "reason"), "one of two");
	part = json_object_get(part, "recipients");
	assert_int_equal(json_array_size(part), 2);
	part = json_array_get(part, 1);
	assert_string_equal(text_at(part, "path"), "<\"a b\"@bob.example>");
	assert_string_equal(text_at(part, "reply"), "550 5.1.1 \x1b[2J no");
	part = json_array_get(json_object_get(o, "events"), 1);
	assert_string_equal(text_at(part, "who"), "done");
	json_decref(o);
	finish(&a);

	begin(&a, &t, here, "");
	o = trace_json(&t);
	assert_true(json_is_null(json_object_get(o, "delivery")));
	assert_true(json_is_null(json_object_get(o, "receipt")));
	part = json_object_get(o, "here");
	assert_int_equal(
	    json_integer_value(json_object_get(part, "size")), 4300);
	assert_int_equal(json_array_size(json_object_get(part, "holders")), 2);
	json_decref(o);
	finish(&a);
}

/* Whatever an answer holds. */
static void
test_rubbish(void **state)
{
	static const char *const bad[] = {"", "\n", "id=\n", "what=\n",
	    "at=x what=\"\n", "trace\n\n", "trace\na\n",
	    "trace\na b c d e f\nx", "trace\na b c d e f\nx\n \n"};
	const struct screen s = {.width = 80};
	struct answers a;
	struct buf out;
	struct trace t;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			begin(&a, &t, bad[i], bad[k]);
			buf_init(&out, TRACE_TEXT_MAX);
			trace_text(&t, &s, &out);
			(void)trace_is_empty(&t);
			json_decref(trace_json(&t));
			buf_free(&out);
			finish(&a);
		}
	}
}

static void
test_aside(void **state)
{
	static const char good[] =
	    "quarantined " ID " 1234 carol 2026-11-22T08:20:00Z can't be "
	    "opened";
	struct aside_item item;
	size_t i;

	(void)state;
	assert_true(aside_parse(good, strlen(good), &item));
	assert_string_equal(item.state, "quarantined");
	assert_string_equal(item.id, ID);
	assert_int_equal(item.size, 1234);
	assert_string_equal(item.acceptor, "carol");
	assert_string_equal(item.reason, "can't be opened");
	/* Without the reason it is one; cut before, it is none. */
	for (i = 0; i < sizeof(good); i++)
		assert_int_equal(aside_parse(good, i, &item),
		    i > strlen(good) - strlen("can't be opened") - 1);
	assert_false(aside_parse("list", 4, &item));
}

/* SPEC N-19.5: its field is the one that is looked for; the end is there. */
static void
test_drill_message(void **state)
{
	static char host[] = "bob.friends.example", carol[] = "carol";
	const struct manifest self = {.host = host}, peer = {.name = carol};
	const uint8_t secret[DRILL_SECRET_SIZE] = {1};
	struct drill d = {
	    .self = &self, .peer = &peer, .to = "postmaster@bob.example"};
	const char *p, *text;
	struct buf out;

	(void)state;
	drill_write(secret, "carol", 1795256390, d.value);
	buf_init(&out, 8192);
	assert_int_equal(
	    drill_message(&d, "Sat, 21 Nov 2026 10:19:50 +0000", &out), 0);
	text = buf_str(&out);
	assert_non_null(strstr(text, "\r\nX-Agamid-Drill: carol 1795256390 "));
	assert_non_null(strstr(text, "\r\nMessage-ID: <drill."));
	assert_string_equal(text + out.len - 5, "\r\n.\r\n");
	assert_ptr_equal(strstr(text, "\r\n.\r\n"), text + out.len - 5);
	for (p = text; *p != '\0'; p++)
		assert_true((*p == '\n') == (p > text && p[-1] == '\r'));
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_text),
	    help_test(test_is_empty),
	    help_test(test_json),
	    help_test(test_rubbish),
	    help_test(test_aside),
	    help_test(test_drill_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
