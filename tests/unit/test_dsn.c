/* SPDX-License-Identifier: MIT */
/*
 * test_dsn - senders to be told: who is (lib/mail/dsn.c), what they read
 * (deliver/dsn_text.c), and that it is once (deliver/told.c). That it is
 * mail as RFC 3464 has it is seen in the lab, by a reader of another make.
 * And what goes to a home's alert address (alert_text.c, lib/mail/alert.c).
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "deliver/alert_text.h"
#include "deliver/dsn_text.h"
#include "deliver/told.h"
#include "mail/alert.h"
#include "mail/bundle.h"
#include "mail/date.h"
#include "mail/dsn.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TIME 1795252800 /* Sat, 21 Nov 2026 09:20:00 */

static void
envelope(struct bsmtp_envelope *e, const char *from, const char *params)
{
	bsmtp_envelope_init(e);
	assert_int_equal(bsmtp_set_mail(e, from, params), 0);
}

/* SPEC N-12.4; RFC 3461 section 4.1 */
static void
test_select(void **state)
{
	static const struct {
		const char *params;
		bool told;
	} cases[] = {
	    {"", true},
	    {"NOTIFY=FAILURE", true},
	    {"NOTIFY=success,failure", true},
	    {"notify=Delay,Failure ORCPT=rfc822;a@b.example", true},
	    {"ORCPT=rfc822;a@b.example", true},
	    {"NOTIFY=NEVER", false},
	    {"NOTIFY=SUCCESS", false},
	    {"NOTIFY=DELAY,SUCCESS", false},
	};
	struct bsmtp_envelope from, to;
	size_t i, told = 0;
	char rcpt[32];

	(void)state;
	envelope(&from, "<ann@sender.example>", "RET=HDRS ENVID=QQ1");
	for (i = 0; i < N(cases); i++) {
		snprintf(rcpt, sizeof(rcpt), "<r%zu@bob.example>", i);
		assert_int_equal(
		    bsmtp_add_rcpt(&from, rcpt, cases[i].params), 0);
		told += cases[i].told;
	}
	assert_int_equal(dsn_select(&from, &to), (int)told);
	assert_string_equal(to.mail.path, "<ann@sender.example>");
	assert_string_equal(to.mail.params, "RET=HDRS ENVID=QQ1");
	for (i = told = 0; i < N(cases); i++) {
		if (!cases[i].told)
			continue;
		assert_string_equal(to.rcpt[told].path, from.rcpt[i].path);
		assert_string_equal(to.rcpt[told++].params, cases[i].params);
	}
	bsmtp_envelope_free(&to);
	bsmtp_envelope_free(&from);
}

/* SPEC N-12.4 */
static void
test_null_sender(void **state)
{
	struct bsmtp_envelope from, to;

	(void)state;
	envelope(&from, "<>", "");
	assert_int_equal(bsmtp_add_rcpt(&from, "<bob@bob.example>", ""), 0);
	assert_int_equal(dsn_select(&from, &to), 0);
	bsmtp_envelope_free(&to);
	bsmtp_envelope_free(&from);
}

static void
make(struct dsn_record *r)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->network, "friends.example");
	strcpy(r->acceptor, "carol");
	strcpy(r->home, "bob");
	strcpy(r->id, ID);
	r->time = TIME;
	envelope(
	    &r->envelope, "<ann@sender.example>", "RET=HDRS ENVID=QQ+2B314");
	assert_int_equal(
	    bsmtp_add_rcpt(&r->envelope, "<bob@bob.example>",
		"NOTIFY=FAILURE ORCPT=rfc822;talk+2Bx@old.example"),
	    0);
	assert_int_equal(bsmtp_add_rcpt(&r->envelope,
			     "<b\xc3\xb6"
			     "b@bob.example>",
			     "ORCPT=utf-8;b\xc3\xb6"
			     "b@bob.example"),
	    0);
}

static void
test_record(void **state)
{
	struct dsn_record r, back;
	struct error error = {""};
	struct buf out;
	size_t len;

	(void)state;
	make(&r);
	buf_init(&out, DSN_MAX);
	assert_int_equal(dsn_write(&r, "carol.friends.example", &out), 0);
	assert_int_equal(out.len, bundle_padded(out.len));
	assert_int_equal(dsn_parse(out.data, out.len, &back, &error), 0);
	assert_string_equal(back.network, r.network);
	assert_string_equal(back.acceptor, r.acceptor);
	assert_string_equal(back.home, r.home);
	assert_string_equal(back.id, r.id);
	assert_int_equal(back.time, r.time);
	assert_string_equal(back.envelope.mail.params, r.envelope.mail.params);
	assert_int_equal(back.envelope.rcpt_count, 2);
	assert_string_equal(
	    back.envelope.rcpt[1].path, r.envelope.rcpt[1].path);
	bsmtp_envelope_free(&back.envelope);
	/* Cut off anywhere before the zeros it is none. */
	len = strlen(buf_str(&out));
	while (len-- > 0)
		assert_true(dsn_parse(out.data, len, &back, &error) < 0);
	buf_free(&out);
	bsmtp_envelope_free(&r.envelope);
}

#define BATCH(from)                          \
	"EHLO a.b\r\nMAIL FROM:" from "\r\n" \
	"RCPT TO:<bob@bob.example>\r\nDATA\r\n.\r\nQUIT\r\n"

static void
test_no_record(void **state)
{
	static const char *const bad[] = {
	    "",
	    "agamid-dsn 2 friends.example carol bob " ID
	    " 1\r\n" BATCH("<a@b.example>"),
	    "agamid-dsn 1 friends.example carol bob " ID
	    " 1\n" BATCH("<a@b.example>"),
	    "agamid-dsn 1 friends.example carol bob 0123 1\r\n" BATCH(
		"<a@b.example>"),
	    "agamid-dsn 1 friends.example Carol bob " ID
	    " 1\r\n" BATCH("<a@b.example>"),
	    "agamid-dsn 1 friends.example carol bob " ID
	    " x\r\n" BATCH("<a@b.example>"),
	    "agamid-dsn 1 friends.example carol bob " ID " 1\r\n" BATCH("<>"),
	    "agamid-dsn 1 friends.example carol bob " ID " 1\r\n",
	};
	struct error error = {""};
	struct dsn_record r;
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++)
		assert_true(dsn_parse(bad[i], strlen(bad[i]), &r, &error) < 0);
}

/* SPEC N-12.4; RFC 3464, RFC 6533 */
static void
test_text(void **state)
{
	struct dsn_record r;
	struct dsn_facts f = {.record = &r,
	    .host = "carol.friends.example",
	    .home = "bob.friends.example",
	    .unique = "00ff",
	    .now = TIME + 61 * 86400};
	struct buf out;
	const char *line;
	struct cursor c;
	size_t len;

	(void)state;
	make(&r);
	buf_init(&out, 65536);
	assert_int_equal(dsn_text_write(&f, &out), 0);
	assert_non_null(strstr(buf_str(&out),
	    "Date: Thu, 21 Jan 2027 09:20:00 +0000\n"
	    "From: Mail Delivery System "
	    "<MAILER-DAEMON@carol.friends.example>\n"
	    "To: <ann@sender.example>\n"
	    "Message-ID: <dsn.00ff@carol.friends.example>\n"));
	assert_non_null(strstr(buf_str(&out),
	    "Content-Type: message/delivery-status\n"
	    "\n"
	    "Original-Envelope-Id: QQ+314\n"
	    "Reporting-MTA: dns; carol.friends.example\n"
	    "Arrival-Date: Sat, 21 Nov 2026 09:20:00 +0000\n"
	    "\n"
	    "Original-Recipient: rfc822; talk+x@old.example\n"
	    "Final-Recipient: rfc822; bob@bob.example\n"
	    "Action: failed\n"
	    "Status: 4.4.7\n"
	    "\n"
	    "Original-Recipient: utf-8; b??b@bob.example\n"
	    "Final-Recipient: utf-8; b\\x{F6}b@bob.example\n"
	    "Action: failed\n"
	    "Status: 4.4.7\n"
	    "\n"
	    "--=_00ff--\n"));
	cursor_init(&c, out.data, out.len);
	while (cursor_line(&c, &line, &len))
		assert_true(len <= 998 && memchr(line, '\r', len) == NULL);
	buf_free(&out);
	bsmtp_envelope_free(&r.envelope);
}

/* A thousand recipients, as long as they may be, make no endless mail. */
static void
test_large(void **state)
{
	struct dsn_record r;
	struct dsn_facts f = {.record = &r,
	    .host = "carol.friends.example",
	    .home = "bob.friends.example",
	    .unique = "00ff",
	    .now = TIME};
	char rcpt[ADDRESS_MAX], orcpt[1000];
	struct buf out;
	unsigned i;

	(void)state;
	make(&r);
	memset(rcpt, 'x', sizeof(rcpt));
	strcpy(rcpt + 400, "@bob.example>");
	rcpt[0] = '<';
	memset(orcpt, 'y', sizeof(orcpt));
	memcpy(orcpt, "ORCPT=rfc822;", 13);
	orcpt[999] = '\0';
	for (i = 0; i < 900; i++)
		assert_int_equal(bsmtp_add_rcpt(&r.envelope, rcpt, orcpt), 0);
	buf_init(&out, 1 << 20);
	assert_int_equal(dsn_text_write(&f, &out), 0);
	assert_true(out.len < 150000);
	assert_non_null(strstr(buf_str(&out), "and 852 others\n"));
	buf_free(&out);
	bsmtp_envelope_free(&r.envelope);
}

/* SPEC N-12.6 */
static void
test_told(void **state)
{
	const char *path = help_path("told.db");
	struct error error = {""};
	struct told *t;

	(void)state;
	assert_int_equal(told_open(path, &t, &error), 0);
	assert_int_equal(told_is(t, "dsn", ID), 0);
	assert_int_equal(told_add(t, "dsn", ID, TIME), 0);
	assert_int_equal(told_is(t, "dsn", ID), 1);
	assert_int_equal(told_is(t, "other", ID), 0);
	told_close(&t);
	assert_int_equal(told_open(path, &t, &error), 0);
	assert_int_equal(told_is(t, "dsn", ID), 1);
	assert_int_equal(told_add(t, "away", "bob 1 1", TIME), 0);
	assert_int_equal(told_add(t, "away", "bob 1 2", TIME + 10), 0);
	assert_int_equal(told_add(t, "away", "bobby 1 1", TIME + 10), 0);
	assert_int_equal(told_count(t, "away", "bob ", TIME), 1);
	assert_int_equal(told_count(t, "away", "bob ", TIME - 1), 2);
	assert_int_equal(told_count(t, "dsn", "bob ", 0), 0);
	/* What is long over goes. */
	assert_int_equal(told_add(t, "away", "x", TIME + 401 * 86400LL), 0);
	assert_int_equal(told_is(t, "dsn", ID), 0);
	told_close(&t);
}

/* Mail to a home's alert address. ------------------------------------------ */

/* SPEC N-24.2, N-24.3 */
static void
test_token(void **state)
{
	static const uint8_t secret[ALERT_SECRET_SIZE] = {1, 2, 3};
	static const uint8_t other[ALERT_SECRET_SIZE] = {1, 2, 4};
	static const struct {
		const uint8_t *secret;
		const char *network, *home, *address;
	} differ[] = {
	    {other, "a.b", "bob", "b@c.d"},
	    {secret, "a.c", "bob", "b@c.d"},
	    {secret, "a.b", "bo", "b@c.d"},
	    {secret, "a.b", "bob", "c@c.d"},
	    {secret, "a.bb", "ob", "b@c.d"},
	};
	char token[ALERT_TOKEN_LEN + 1], again[ALERT_TOKEN_LEN + 1];
	size_t i;

	(void)state;
	alert_token(secret, "a.b", "bob", "b@c.d", token);
	alert_token(secret, "a.b", "bob", "b@c.d", again);
	assert_string_equal(token, again);
	assert_int_equal(strlen(token), ALERT_TOKEN_LEN);
	for (i = 0; i < N(differ); i++) {
		alert_token(differ[i].secret, differ[i].network, differ[i].home,
		    differ[i].address, again);
		assert_string_not_equal(token, again);
	}
}

#define TOKEN "0123456789abcdef0123456789abcdef"

/* SPEC M-3.17 */
static void
test_entries(void **state)
{
	static const char *const entries[] = {
	    "carol:" TOKEN, "carol-2:fedcba9876543210fedcba9876543210"};
	static const char *const bad[] = {"", ":", "carol", "carol:", ":" TOKEN,
	    "carol:" TOKEN "0", "carol:0" TOKEN, "carol " TOKEN, "Carol:" TOKEN,
	    "carol:0123456789ABCDEF0123456789ABCDEF",
	    "carolcarolcarolcarolcarolcarolcaro:" TOKEN};
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++)
		assert_false(alert_entry_is(bad[i]));
	for (i = 0; i < N(entries); i++)
		assert_true(alert_entry_is(entries[i]));
	assert_string_equal(alert_find(entries, 2, "carol"), TOKEN);
	assert_string_equal(alert_find(entries, 2, "carol-2"), entries[1] + 8);
	assert_null(alert_find(entries, 2, "caro"));
	assert_null(alert_find(entries, 0, "carol"));
}

/* SPEC N-24.2 */
static void
test_alert_text(void **state)
{
	char *domain = (char *)(uintptr_t) "carol.example";
	struct manifest self = {
	    .name = (char *)(uintptr_t) "carol",
	    .host = (char *)(uintptr_t) "carol.friends.example",
	    .domains = &domain,
	    .domain_count = 1,
	};
	struct manifest home = {
	    .name = (char *)(uintptr_t) "bob",
	    .network = (char *)(uintptr_t) "friends.example",
	    .host = (char *)(uintptr_t) "bob.friends.example",
	    .alert = (char *)(uintptr_t) "bob@elsewhere.example",
	    .hold = 60 * 86400,
	};
	struct alert_facts f = {.self = &self,
	    .home = &home,
	    .token = TOKEN,
	    .unique = "00ff",
	    .stage = 2,
	    .since = TIME,
	    .now = TIME + 86400};
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(alert_text_confirm(&f, &out), 0);
	assert_non_null(
	    strstr(buf_str(&out), "\nTo: <bob@elsewhere.example>\n"));
	assert_non_null(strstr(
	    buf_str(&out), "\n    agamid alert confirm carol:" TOKEN "\n"));
	buf_reset(&out);
	assert_int_equal(alert_text_away(&f, &out), 0);
	assert_non_null(
	    strstr(buf_str(&out), "since\nSat, 21 Nov 2026 09:20:00 +0000.\n"));
	assert_non_null(strstr(buf_str(&out), "This is mail 2 of at most 3."));
	assert_non_null(strstr(buf_str(&out), "for 60 days at most."));
	assert_null(strstr(buf_str(&out), TOKEN));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_null_sender),
	    cmocka_unit_test(test_record),
	    cmocka_unit_test(test_no_record),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_large),
	    help_test(test_told),
	    cmocka_unit_test(test_token),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_alert_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
