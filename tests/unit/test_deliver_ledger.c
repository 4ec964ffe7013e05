/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_ledger - delivery.db: each bundle once, each (acceptor,
 * nonce) once, each content once within days, through crashes (a ledger
 * that is closed in the middle and opened again) and failing commits.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "deliver/ledger.h"

#define NOW INT64_C(1795335600)
#define HOUR 3600
#define DAY 86400

static struct ledger *
open_ledger(void)
{
	struct ledger *l;
	struct error error;
	bool fresh;

	if (ledger_open(help_path("delivery.db"), &l, &fresh, &error) < 0)
		fail_msg("%s", error.text);
	return l;
}

static void
reopen(struct ledger **l)
{
	ledger_close(l);
	*l = open_ledger();
}

/* A ticket whose ID and nonce are one digit many times over. */
static struct ticket
ticket(char id, char nonce)
{
	struct ticket t = {.acceptor = "carol", .size = 1234, .time = NOW};

	memset(t.id, id, BUNDLE_ID_LEN);
	memset(t.nonce, nonce, NONCE_LEN);
	return t;
}

static enum ledger_answer
begin(struct ledger *l, const struct ticket *t, bool again)
{
	enum ledger_answer answer;

	assert_int_equal(ledger_begin(l, t, again, NOW, &answer), 0);
	return answer;
}

static void
end(struct ledger *l, const struct ticket *t, enum ledger_state state,
    const struct rcpts *rs)
{
	assert_int_equal(ledger_end(l, t->id, state, "why", rs, NOW), 0);
}

/* Two recipients, whose contents are one byte many times over. */
static struct rcpts
two(struct rcpt rcpt[2], int content)
{
	const struct rcpts rs = {rcpt, 2};
	size_t i;

	memset(rcpt, 0, 2 * sizeof(*rcpt));
	for (i = 0; i < 2; i++) {
		rcpt[i].path = i == 0 ? "<a@bob.example>" : "<b@bob.example>";
		rcpt[i].has_content = content != 0;
		memset(rcpt[i].content, content + (int)i, CONTENT_SIZE);
	}
	return rs;
}

static void
deliver(struct rcpt *r)
{
	r->state = RCPT_DELIVERED;
	r->now = true;
}

static void
test_once(void **state)
{
	struct ticket t = ticket('1', 'a');
	struct ledger *l = open_ledger();

	(void)state;
	assert_int_equal(ledger_is_durable(l, t.id), 0);
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	assert_int_equal(ledger_is_durable(l, t.id), 0);
	reopen(&l);
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	end(l, &t, LEDGER_DONE, NULL);
	assert_int_equal(ledger_is_durable(l, t.id), 1);
	reopen(&l);
	assert_int_equal(begin(l, &t, false), LEDGER_DUPLICATE);
	assert_int_equal(begin(l, &t, true), LEDGER_DUPLICATE);
	ledger_close(&l);
}

static void
test_states(void **state)
{
	static const struct {
		enum ledger_state state;
		enum ledger_answer asked, again;
		const char *listed;
	} cases[] = {
	    {LEDGER_RETRY, LEDGER_GO, LEDGER_GO, "retry"},
	    {LEDGER_DONE, LEDGER_DUPLICATE, LEDGER_DUPLICATE, NULL},
	    {LEDGER_REFUSED, LEDGER_DUPLICATE, LEDGER_GO, "refused"},
	    {LEDGER_QUARANTINED, LEDGER_DUPLICATE, LEDGER_GO, "quarantined"},
	};
	struct ledger *l = open_ledger();
	struct ticket t;
	struct buf list;
	char line[200];
	size_t i;

	(void)state;
	buf_init(&list, 4096);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = ticket((char)('1' + i), (char)('1' + i));
		assert_int_equal(begin(l, &t, false), LEDGER_GO);
		end(l, &t, cases[i].state, NULL);
		assert_int_equal(ledger_is_durable(l, t.id), 1);
		buf_reset(&list);
		assert_int_equal(ledger_list(l, &list), 0);
		snprintf(line, sizeof(line),
		    "%s %s 1234 carol 2026-11-22T08:20:00Z why\n",
		    cases[i].listed, t.id);
		assert_int_equal(strstr(buf_str(&list), line) != NULL,
		    cases[i].listed != NULL);
		assert_int_equal(begin(l, &t, false), cases[i].asked);
		assert_int_equal(begin(l, &t, true), cases[i].again);
	}
	buf_free(&list);
	/* A list that can't be told whole is cut at a line. */
	buf_init(&list, 200);
	assert_int_equal(ledger_list(l, &list), 0);
	assert_true(list.len > 0 && list.data[list.len - 1] == '\n');
	buf_free(&list);
	ledger_close(&l);
}

static void
test_nonce(void **state)
{
	struct ticket one = ticket('1', 'a'), two_ = ticket('2', 'a');
	struct ticket other = ticket('3', 'a'), third = ticket('4', 'a');
	struct ledger *l = open_ledger();

	(void)state;
	strcpy(other.acceptor, "dave");
	assert_int_equal(begin(l, &one, false), LEDGER_GO);
	assert_int_equal(begin(l, &two_, false), LEDGER_BUSY);
	assert_int_equal(ledger_is_durable(l, two_.id), 0);
	end(l, &one, LEDGER_RETRY, NULL);
	assert_int_equal(begin(l, &two_, false), LEDGER_DUPLICATE);
	assert_int_equal(begin(l, &third, false), LEDGER_DUPLICATE);
	assert_int_equal(ledger_is_durable(l, two_.id), 1);
	assert_int_equal(begin(l, &two_, true), LEDGER_DUPLICATE);
	assert_int_equal(begin(l, &other, false), LEDGER_GO);
	assert_int_equal(begin(l, &one, false), LEDGER_GO);
	ledger_close(&l);
}

static void
test_poison(void **state)
{
	struct ticket t = ticket('1', 'a'), tried = ticket('2', 'b');
	struct ledger *l = open_ledger();
	int i;

	(void)state;
	/* One whose attempts end, though in vain, never is. */
	assert_int_equal(begin(l, &tried, false), LEDGER_GO);
	assert_int_equal(ledger_pause(l, tried.id), 0);
	for (i = 0; i < LEDGER_STARTS_MAX; i++) {
		assert_int_equal(begin(l, &t, false), LEDGER_GO);
		assert_int_equal(begin(l, &tried, false), LEDGER_GO);
		assert_int_equal(ledger_pause(l, tried.id), 0);
		reopen(&l);
	}
	assert_int_equal(begin(l, &t, false), LEDGER_POISON);
	assert_int_equal(begin(l, &t, true), LEDGER_GO);
	/* Nor one that was once opened well. */
	end(l, &t, LEDGER_RETRY, NULL);
	for (i = 0; i <= LEDGER_STARTS_MAX; i++)
		assert_int_equal(begin(l, &t, false), LEDGER_GO);
	ledger_close(&l);
}

/* SPEC N-10.13 */
static void
test_unopened(void **state)
{
	const struct ticket t = ticket('a', '1'), other = ticket('b', '2');
	struct ledger *l = open_ledger();
	int i;

	(void)state;
	assert_int_equal(begin(l, &other, false), LEDGER_GO);
	end(l, &other, LEDGER_DONE, NULL); /* before; that says nothing */
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	for (i = 1; i < LEDGER_OPENS_MAX; i++)
		assert_int_equal(ledger_unopened(l, t.id, NOW + i), 0);
	assert_int_equal(ledger_unopened(l, t.id, NOW + i), 1);
	end(l, &t, LEDGER_QUARANTINED, NULL);
	/* It counts anew, and another one was opened in between. */
	for (i = 1; i < LEDGER_STARTS_MAX; i++)
		assert_int_equal(ledger_unopened(l, t.id, NOW - DAY), 0);
	reopen(&l);
	assert_int_equal(ledger_unopened(l, t.id, NOW), 1);
	ledger_close(&l);
}

static void
test_forget(void **state)
{
	struct ticket t = ticket('1', 'a'), other = ticket('1', 'b');
	struct ledger *l = open_ledger();

	(void)state;
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	assert_int_equal(ledger_forget(l, t.id), 0);
	assert_int_equal(begin(l, &other, false), LEDGER_GO);
	end(l, &other, LEDGER_DONE, NULL);
	assert_int_equal(ledger_forget(l, t.id), 0);
	assert_int_equal(ledger_is_durable(l, t.id), 1);
	ledger_close(&l);
}

static void
test_recall(void **state)
{
	struct ticket t = ticket('1', 'a');
	struct ledger *l = open_ledger();
	struct rcpt rcpt[2], later[2];
	struct rcpts rs = two(rcpt, 0), ls;

	(void)state;
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	assert_int_equal(ledger_recall(l, t.id, false, &rs), 0);
	assert_int_equal(rcpt[0].state, RCPT_WAITING);
	assert_int_equal(ledger_injecting_since(l, t.id), 0);
	assert_int_equal(ledger_injecting(l, t.id, &rs, NOW), 0);
	assert_int_equal(ledger_injecting_since(l, t.id), NOW);
	assert_int_equal(ledger_is_durable(l, t.id), 1);
	deliver(&rcpt[0]);
	rcpt[1].state = RCPT_REFUSED;
	strcpy(rcpt[1].reply, "550 no");
	end(l, &t, LEDGER_REFUSED, &rs);
	assert_int_equal(ledger_injecting_since(l, t.id), 0);
	reopen(&l);
	ls = two(later, 0);
	assert_int_equal(ledger_recall(l, t.id, false, &ls), 0);
	assert_int_equal(later[0].state, RCPT_DELIVERED);
	assert_int_equal(later[1].state, RCPT_REFUSED);
	assert_string_equal(later[1].reply, "550 no");
	assert_int_equal(ledger_recall(l, t.id, true, &ls), 0);
	assert_int_equal(later[0].state, RCPT_DELIVERED);
	assert_int_equal(later[1].state, RCPT_WAITING);
	/* Other recipients than then. */
	later[0].path = "<c@bob.example>";
	assert_int_equal(ledger_recall(l, t.id, false, &ls), AG_EINVAL);
	ls.count = 1;
	later[0].path = rcpt[0].path;
	assert_int_equal(ledger_recall(l, t.id, false, &ls), AG_EINVAL);
	ledger_close(&l);
}

/* A bundle of these contents begins; what ledger_injecting() says. */
static int
inject(struct ledger *l, char id, struct rcpts *rs, int64_t now)
{
	struct ticket t = ticket(id, id);
	enum ledger_answer answer;

	assert_int_equal(ledger_begin(l, &t, false, now, &answer), 0);
	assert_int_equal(answer, LEDGER_GO);
	return ledger_injecting(l, t.id, rs, now);
}

static void
test_equal_content(void **state)
{
	struct ledger *l = open_ledger();
	struct rcpt a[2], b[2];
	struct rcpts as = two(a, 7), bs = two(b, 7);
	struct ticket t = ticket('1', '1');

	(void)state;
	assert_int_equal(inject(l, '1', &as, NOW), 0);
	deliver(&a[0]);
	end(l, &t, LEDGER_RETRY, &as); /* the second one waits */
	assert_int_equal(inject(l, '2', &bs, NOW + 6 * DAY), 0);
	assert_int_equal(b[0].state, RCPT_EQUAL);
	assert_int_equal(b[1].state, RCPT_WAITING);
	/* The first bundle's own is never its equal. */
	as = two(a, 7);
	assert_int_equal(inject(l, '1', &as, NOW), AG_EAGAIN);
	ledger_close(&l);
}

static void
test_content_expires(void **state)
{
	struct ledger *l = open_ledger();
	struct rcpt a[2], b[2];
	struct rcpts as = two(a, 7), bs = two(b, 7);
	struct ticket t = ticket('1', '1');

	(void)state;
	assert_int_equal(inject(l, '1', &as, NOW), 0);
	deliver(&a[0]);
	deliver(&a[1]);
	end(l, &t, LEDGER_DONE, &as);
	assert_int_equal(inject(l, '2', &bs, NOW + CONTENT_DAYS * DAY), 0);
	assert_int_equal(b[0].state, RCPT_WAITING);
	ledger_close(&l);
}

/* Without a Message-ID nothing is compared. */
static void
test_no_content(void **state)
{
	struct ledger *l = open_ledger();
	struct rcpt a[2], b[2];
	struct rcpts as = two(a, 0), bs = two(b, 0);
	struct ticket t = ticket('1', '1');

	(void)state;
	assert_int_equal(inject(l, '1', &as, NOW), 0);
	deliver(&a[0]);
	deliver(&a[1]);
	end(l, &t, LEDGER_DONE, &as);
	assert_int_equal(inject(l, '2', &bs, NOW), 0);
	assert_int_equal(b[0].state, RCPT_WAITING);
	ledger_close(&l);
}

/* A mail that is on its way makes its equal wait, a crash included, but
 * not for ever; when its way was in vain, not at all. */
static void
test_claim(void **state)
{
	struct ledger *l = open_ledger();
	struct rcpt a[2], b[2];
	struct rcpts as = two(a, 7), bs = two(b, 7);
	struct ticket t = ticket('1', '1');

	(void)state;
	assert_int_equal(inject(l, '1', &as, NOW), 0);
	reopen(&l);
	assert_int_equal(inject(l, '2', &bs, NOW), AG_EAGAIN);
	assert_int_equal(b[0].state, RCPT_WAITING);
	assert_int_equal(inject(l, '1', &as, NOW), 0);
	end(l, &t, LEDGER_RETRY, &as);
	assert_int_equal(inject(l, '2', &bs, NOW), 0);
	assert_int_equal(inject(l, '1', &as, NOW), AG_EAGAIN);
	assert_int_equal(inject(l, '1', &as, NOW + HOUR), 0);
	ledger_close(&l);
}

#ifdef ENABLE_FAULT_POINTS
/* A commit that fails changes nothing. */
static void
test_failing_commit(void **state)
{
	struct ticket t = ticket('1', 'a');
	struct ledger *l = open_ledger();
	enum ledger_answer answer;

	(void)state;
	help_faults("deliver.commit error");
	help_expect_log("fault point");
	assert_int_equal(ledger_begin(l, &t, false, NOW, &answer), AG_EIO);
	help_faults(NULL);
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	help_faults("deliver.commit error 1");
	help_expect_log("fault point");
	assert_int_equal(
	    ledger_end(l, t.id, LEDGER_DONE, "", NULL, NOW), AG_EIO);
	help_faults(NULL);
	assert_int_equal(ledger_is_durable(l, t.id), 0);
	ledger_close(&l);
}
#endif

/* What is too old to come again is forgotten, what is kept is not. */
static void
test_prune(void **state)
{
	struct ticket old = ticket('1', '1'), kept = ticket('2', '2');
	struct ticket fresh = ticket('3', '3');
	struct ledger *l = open_ledger();
	struct rcpt a[2];
	struct rcpts as = two(a, 7);

	(void)state;
	assert_int_equal(begin(l, &old, false), LEDGER_GO);
	end(l, &old, LEDGER_DONE, &as);
	assert_int_equal(begin(l, &kept, false), LEDGER_GO);
	end(l, &kept, LEDGER_REFUSED, &as);
	assert_int_equal(begin(l, &fresh, false), LEDGER_GO);
	assert_int_equal(ledger_end(l, fresh.id, LEDGER_DONE, "", NULL,
			     NOW + 401 * (int64_t)DAY),
	    0);
	assert_int_equal(ledger_is_durable(l, old.id), 0);
	assert_int_equal(ledger_is_durable(l, kept.id), 1);
	assert_int_equal(ledger_is_durable(l, fresh.id), 1);
	ledger_close(&l);
}

/* SPEC N-19.3: what became of a bundle and its recipients. */
static void
test_trace(void **state)
{
	struct ticket t = ticket('1', 'a'), d = ticket('2', 'b');
	struct ledger *l = open_ledger();
	struct rcpt rcpt[2];
	struct rcpts rs;
	struct buf out;
	char want[300];

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(ledger_trace(l, t.id, &out), 0);
	assert_string_equal(buf_str(&out), "");
	assert_int_equal(begin(l, &t, false), LEDGER_GO);
	rs = two(rcpt, 0);
	deliver(&rcpt[0]);
	strcpy(rcpt[0].reply, "250 2.0.0 Ok: queued as 4BC1");
	rcpt[1].state = RCPT_REFUSED;
	strcpy(rcpt[1].reply, "550 5.1.1 no");
	end(l, &t, LEDGER_REFUSED, &rs);
	assert_int_equal(ledger_trace(l, t.id, &out), 0);
	assert_non_null(strstr(buf_str(&out), "refused 1234 carol "));
	assert_non_null(strstr(buf_str(&out),
	    "\ndelivered <a@bob.example> 250 2.0.0 Ok: queued as 4BC1\n"
	    "refused <b@bob.example> 550 5.1.1 no\n"));
	buf_reset(&out);

	/* A test mail is found by its MAC. */
	assert_int_equal(ledger_drill(l, "ab12", &out), 0);
	assert_string_equal(buf_str(&out), "");
	assert_int_equal(begin(l, &d, false), LEDGER_GO);
	assert_int_equal(
	    ledger_end(l, d.id, LEDGER_DONE, LEDGER_DRILL "ab12", NULL, NOW),
	    0);
	assert_int_equal(ledger_drill(l, "ab12", &out), 0);
	snprintf(want, sizeof(want), "%s\n", d.id);
	assert_string_equal(buf_str(&out), want);
	buf_reset(&out);
	assert_int_equal(ledger_totals(l, &out), 0);
	assert_string_equal(buf_str(&out), "done 1\nrefused 1\n");
	buf_free(&out);
	ledger_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_once),
	    help_test(test_states),
	    help_test(test_nonce),
	    help_test(test_trace),
	    help_test(test_poison),
	    help_test(test_unopened),
	    help_test(test_forget),
	    help_test(test_recall),
	    help_test(test_equal_content),
	    help_test(test_content_expires),
	    help_test(test_no_content),
	    help_test(test_claim),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_failing_commit),
#endif
	    help_test(test_prune),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
