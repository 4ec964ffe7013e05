/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_words - agamid-deliver's small parsers and writers: its own
 * requests and answers, an SMTP server's replies, XCLIENT, and when a
 * delivery may begin.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "deliver/load.h"
#include "deliver/request.h"
#include "mail/smtp_reply.h"
#include "deliver/xclient.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- requests ---- */

static const struct {
	const char *text;
	int rc;
	enum request_kind kind;
	size_t count;
} request_cases[] = {
    {"deliver " ID64 "\n", 0, REQUEST_DELIVER, 1},
    {"again " ID64 "\n", 0, REQUEST_AGAIN, 1},
    {"sign " ID64 "\n", 0, REQUEST_SIGN, 1},
    {"sign " ID64 " " ID64 " " ID64 "\n", 0, REQUEST_SIGN, 3},
    {"list\n", 0, REQUEST_LIST, 0},
    {"totals\n", 0, REQUEST_TOTALS, 0},
    {"trace " ID64 "\n", 0, REQUEST_TRACE, 1},
    {"drill " ID64 "\n", 0, REQUEST_DRILL, 1},
    {"dsn " ID64 "\n", 0, REQUEST_DSN, 1},
    {"confirm bob\n", 0, REQUEST_CONFIRM, 1},
    {"away bob-2 3 1795342496\n", 0, REQUEST_AWAY, 1},
    {"confirm\n", AG_EINVAL, 0, 0},
    {"confirm \n", AG_EINVAL, 0, 0},
    {"confirm bob", AG_EINVAL, 0, 0},
    {"confirm bob carol\n", AG_EINVAL, 0, 0},
    {"confirm -bob\n", AG_EINVAL, 0, 0},
    {"confirm " ID64 "\n", AG_EINVAL, 0, 0},
    {"away bob\n", AG_EINVAL, 0, 0},
    {"away bob 0 1\n", AG_EINVAL, 0, 0},
    {"away bob 4 1\n", AG_EINVAL, 0, 0},
    {"away bob 1\n", AG_EINVAL, 0, 0},
    {"away bob 1 -1\n", AG_EINVAL, 0, 0},
    {"away  1 1\n", AG_EINVAL, 0, 0},
    {"away Bob 1 1\n", AG_EINVAL, 0, 0},
    {"dsn " ID64 " " ID64 "\n", AG_EINVAL, 0, 0},
    {"mark carol.a-1 " ID64 "\n", 0, REQUEST_MARK, 1},
    {"totals " ID64 "\n", AG_EINVAL, 0, 0},
    {"trace\n", AG_EINVAL, 0, 0},
    {"trace " ID64 " " ID64 "\n", AG_EINVAL, 0, 0},
    {"drill 12\n", AG_EINVAL, 0, 0},
    {"mark " ID64 "\n", AG_EINVAL, 0, 0},
    {"mark  " ID64 "\n", AG_EINVAL, 0, 0},
    {"mark .carol " ID64 "\n", AG_EINVAL, 0, 0},
    {"mark carol 12\n", AG_EINVAL, 0, 0},
    {"", AG_EINVAL, 0, 0},
    {"\n", AG_EINVAL, 0, 0},
    {"list", AG_EINVAL, 0, 0},
    {"list \n", AG_EINVAL, 0, 0},
    {"list\nlist\n", AG_EINVAL, 0, 0},
    {"deliver\n", AG_EINVAL, 0, 0},
    {"deliver " ID64, AG_EINVAL, 0, 0},
    {"deliver " ID64 " " ID64 "\n", AG_EINVAL, 0, 0},
    {"deliver " ID64 "0\n", AG_EINVAL, 0, 0},
    {"deliver  " ID64 "\n", AG_EINVAL, 0, 0},
    {"deliver 0123\n", AG_EINVAL, 0, 0},
    {"Deliver " ID64 "\n", AG_EINVAL, 0, 0},
    {"deliver ../../../../../../../../../../../../../../../../etc/passwd123"
     "4567890\n",
	AG_EINVAL, 0, 0},
    {"sign \n", AG_EINVAL, 0, 0},
    {"sign " ID64 " \n", AG_EINVAL, 0, 0},
};

static void
test_request(void **state)
{
	static struct request r;
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(request_cases) / sizeof(request_cases[0]); i++) {
		text = request_cases[i].text;
		assert_int_equal(
		    request_parse(text, strlen(text), &r), request_cases[i].rc);
		if (request_cases[i].rc < 0)
			continue;
		assert_int_equal(r.kind, request_cases[i].kind);
		assert_int_equal(r.count, request_cases[i].count);
		if (r.kind == REQUEST_AWAY) {
			assert_string_equal(r.ids[0], "bob-2");
			assert_int_equal(r.stage, 3);
			assert_int_equal(r.since, 1795342496);
		} else if (r.kind == REQUEST_CONFIRM) {
			assert_string_equal(r.ids[0], "bob");
		} else if (r.count > 0) {
			assert_string_equal(r.ids[r.count - 1], ID64);
		}
	}
}

/* As many IDs as a receipt holds, and not one more. */
static void
test_request_bound(void **state)
{
	static struct request r;
	struct buf text;
	size_t i;

	(void)state;
	buf_init(&text, 65536);
	buf_puts(&text, "sign");
	for (i = 0; i < RECEIPT_IDS_MAX; i++)
		buf_puts(&text, " " ID64);
	buf_puts(&text, "\n");
	assert_int_equal(request_parse(text.data, text.len, &r), 0);
	assert_int_equal(r.count, RECEIPT_IDS_MAX);
	text.len--;
	buf_puts(&text, " " ID64 "\n");
	assert_int_equal(request_parse(text.data, text.len, &r), AG_EINVAL);
	buf_free(&text);
}

static const struct {
	enum outcome outcome;
	const char *text, *out;
} outcome_cases[] = {
    {OUTCOME_DONE, "x", "done " ID64 "\n"},
    {OUTCOME_DUPLICATE, NULL, "duplicate " ID64 "\n"},
    {OUTCOME_RETRY, "450 later", "retry " ID64 " 450 later\n"},
    {OUTCOME_REFUSED, "a\nb\r\x7f", "refused " ID64 " a?b??\n"},
    {OUTCOME_QUARANTINED, "", "quarantined " ID64 " no reason given\n"},
    {OUTCOME_INVALID, NULL, "invalid " ID64 " no reason given\n"},
};

static void
test_outcome(void **state)
{
	char longest[2 * OUTCOME_TEXT_MAX];
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	for (i = 0; i < sizeof(outcome_cases) / sizeof(outcome_cases[0]); i++) {
		buf_reset(&out);
		assert_int_equal(outcome_write(outcome_cases[i].outcome, ID64,
				     outcome_cases[i].text, &out),
		    0);
		assert_string_equal(buf_str(&out), outcome_cases[i].out);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	buf_reset(&out);
	assert_int_equal(outcome_write(OUTCOME_RETRY, ID64, longest, &out), 0);
	assert_int_equal(
	    out.len, strlen("retry ") + 64 + 1 + OUTCOME_TEXT_MAX + 1);
	buf_free(&out);
}

/* ---- replies ---- */

static const struct {
	const char *in;
	ssize_t used; /* or an error */
	int code;
	const char *text, *line;
} reply_cases[] = {
    {"250 Ok\r\n", 8, 250, "Ok", "250 Ok"},
    {"250 Ok\n", 7, 250, "Ok", "250 Ok"},
    {"354\r\n", 5, 354, "", "354 "},
    {"220 a\r\n250 b\r\n", 7, 220, "a", "220 a"},
    {"250-a\r\n250-b c\r\n250 d\r\n", 23, 250, "a\nb c\nd", "250 a b c d"},
    {"550-5.1.1 \x01no\r\n550 \x7f\r\n", 22, 550, "5.1.1 \x01no\n\x7f",
	"550 5.1.1 ?no ?"},
    {"", 0, 0, "", NULL},
    {"250", 0, 0, "", NULL},
    {"250 Ok", 0, 0, "", NULL},
    {"250-a\r\n", 0, 0, "", NULL},
    {"250-a\r\n25", 0, 0, "", NULL},
    {"\r\n", AG_EINVAL, 0, NULL, NULL},
    {"25\r\n", AG_EINVAL, 0, NULL, NULL},
    {"250_a\r\n", AG_EINVAL, 0, NULL, NULL},
    {"150 a\r\n", AG_EINVAL, 0, NULL, NULL},
    {"600 a\r\n", AG_EINVAL, 0, NULL, NULL},
    {"2x0 a\r\n", AG_EINVAL, 0, NULL, NULL},
    {"250-a\r\n251 b\r\n", AG_EINVAL, 0, NULL, NULL},
    {"HTTP/1.1 400 Bad Request\r\n", AG_EINVAL, 0, NULL, NULL},
};

static void
test_reply(void **state)
{
	static struct smtp_reply r;
	char line[100];
	const char *in;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(reply_cases) / sizeof(reply_cases[0]); i++) {
		in = reply_cases[i].in;
		assert_int_equal(
		    smtp_reply_parse(in, strlen(in), &r), reply_cases[i].used);
		if (reply_cases[i].used <= 0)
			continue;
		assert_int_equal(r.code, reply_cases[i].code);
		assert_string_equal(r.text, reply_cases[i].text);
		smtp_reply_line(&r, line, sizeof(line));
		assert_string_equal(line, reply_cases[i].line);
	}
}

/* A server that never ends its reply. */
static void
test_reply_bounds(void **state)
{
	static char text[SMTP_REPLY_MAX + SMTP_LINE_MAX];
	static struct smtp_reply r;
	size_t i;

	(void)state;
	memset(text, '2', sizeof(text));
	assert_int_equal(
	    smtp_reply_parse(text, SMTP_LINE_MAX + 1, &r), AG_ETOOBIG);
	for (i = 0; i + 8 <= sizeof(text); i += 8)
		memcpy(text + i, "250-abc\n", 8);
	assert_int_equal(smtp_reply_parse(text, SMTP_REPLY_MAX - 8, &r), 0);
	assert_int_equal(
	    smtp_reply_parse(text, SMTP_REPLY_MAX, &r), AG_ETOOBIG);
	/* One that just ends in time is read, its text cut. */
	text[SMTP_REPLY_MAX - 8 + 3] = ' ';
	assert_int_equal(
	    smtp_reply_parse(text, SMTP_REPLY_MAX, &r), SMTP_REPLY_MAX);
	assert_true(strlen(r.text) < SMTP_REPLY_MAX);
}

/* As Postfix 3.7 answers. */
static void
test_offer(void **state)
{
	static const char full[] =
	    "bob.friends.example\nPIPELINING\nSIZE\nXCLIENT NAME ADDR PROTO "
	    "HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\n"
	    "ENHANCEDSTATUSCODES\n8BITMIME\ndsn\nSMTPUTF8\nCHUNKING";
	static struct smtp_reply r = {.code = 250};
	struct smtp_offer o;

	(void)state;
	strcpy(r.text, full);
	smtp_offer_parse(&r, &o);
	assert_true(o.eightbitmime && o.smtputf8 && o.dsn && o.size);
	assert_true(o.xclient);
	strcpy(r.text, "SIZE\nSIZE 1000\nDSNX\nXCLIENT NAME ADDR PROTO");
	smtp_offer_parse(&r, &o);
	assert_true(o.size);
	assert_false(o.dsn || o.xclient || o.eightbitmime || o.smtputf8);
	/* The first line is the server's name, whatever it says. */
	strcpy(r.text, "SIZE");
	smtp_offer_parse(&r, &o);
	assert_false(o.size);
}

/* ---- XCLIENT ---- */

#define NONE "[UNAVAILABLE]"

static const struct {
	struct bundle_client client;
	const char *name, *reverse, *address, *port, *helo, *protocol, *ehlo;
} client_cases[] = {
    {{"mail.sender.example", "ptr.sender.example", "192.0.2.200", "40312",
	 "helo.example", "ESMTP", "", ""},
	NONE, NONE, NONE, NONE, "helo.example", "ESMTP", "helo.example"},
    {{"mail.sender.example", "ptr.sender.example", "198.51.100.7", "40312",
	 "a+b=c", "SMTP", "", ""},
	"mail.sender.example", "ptr.sender.example", "198.51.100.7", "40312",
	"a+2Bb+3Dc", "SMTP", "a+b=c"},
    {{"unknown", "x_y.example", "2a01:0db8:0::7", "0", "[198.51.100.7]", "LMTP",
	 "", ""},
	NONE, "x_y.example", "IPV6:2a01:db8::7", NONE, "[198.51.100.7]",
	"ESMTP", "[198.51.100.7]"},
    {{"", "", "::ffff:198.51.100.7", "65536", "", "", "", ""}, NONE, NONE,
	"198.51.100.7", NONE, NONE, "ESMTP", "unknown"},
    {{"a.example", "a.example", "10.0.0.1", "25", "h", "ESMTP", "", ""}, NONE,
	NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "127.0.0.1", "25", "h", "ESMTP", "", ""}, NONE,
	NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "::1", "25", "h", "ESMTP", "", ""}, NONE, NONE,
	NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "::ffff:10.1.2.3", "25", "h", "ESMTP", "", ""},
	NONE, NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "fe80::1", "25", "h", "ESMTP", "", ""}, NONE,
	NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "203.0.113.9", "25", "h", "ESMTP", "", ""},
	NONE, NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "2a01:4f8::5", "25", "h", "ESMTP", "", ""},
	NONE, NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"a.example", "a.example", "999.1.1.1", "25", "h", "ESMTP", "", ""}, NONE,
	NONE, NONE, NONE, "h", "ESMTP", "h"},
    {{"LOCALHOST", "bob.example", "198.51.100.7", "25", "a b\tc", "ESMTP", "",
	 ""},
	NONE, NONE, "198.51.100.7", "25", "a?b?c", "ESMTP", "a?b?c"},
    {{"bob.friends.example", "-x.example", "198.51.100.7", "25", "h", "ESMTP",
	 "", ""},
	NONE, NONE, "198.51.100.7", "25", "h", "ESMTP", "h"},
    {{"198.51.100.7", "a..b", "198.51.100.7", "25", "h", "ESMTP", "", ""}, NONE,
	NONE, "198.51.100.7", "25", "h", "ESMTP", "h"},
    {{"a b.example", "a\r\nQUIT", "198.51.100.7", "25", "h\r\nQUIT", "ESMTP",
	 "", ""},
	NONE, NONE, "198.51.100.7", "25", "h??QUIT", "ESMTP", "h??QUIT"},
};

static char domain[] = "bob.example";
static char address4[] = "192.0.2.200", address6[] = "2a01:4f8:0:0::5";
static char net[] = "203.0.113.0/24";
static char *domains[] = {domain}, *addresses[] = {address4, address6};
static char *networks[] = {net};
static const struct xclient_own own = {
    .host = "bob.friends.example",
    .domains = domains,
    .domain_count = 1,
    .addresses = addresses,
    .address_count = 2,
    .networks = networks,
    .network_count = 1,
};

static void
test_xclient(void **state)
{
	struct xclient x;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(client_cases) / sizeof(client_cases[0]); i++) {
		xclient_make(&client_cases[i].client, &own, &x);
		assert_string_equal(x.name, client_cases[i].name);
		assert_string_equal(x.reverse_name, client_cases[i].reverse);
		assert_string_equal(x.address, client_cases[i].address);
		assert_string_equal(x.port, client_cases[i].port);
		assert_string_equal(x.helo, client_cases[i].helo);
		assert_string_equal(x.protocol, client_cases[i].protocol);
		assert_string_equal(x.ehlo, client_cases[i].ehlo);
	}
}

/* Values that grow too long in xtext are left out; one line, always. */
static void
test_xclient_long(void **state)
{
	struct bundle_client c = {.address = "198.51.100.7"};
	struct xclient x;
	struct buf out;

	(void)state;
	memset(c.helo, '+', sizeof(c.helo) - 1);
	memset(c.name, 'a', sizeof(c.name) - 1);
	xclient_make(&c, &own, &x);
	assert_string_equal(x.helo, NONE);
	assert_string_equal(x.name, NONE);
	assert_int_equal(strlen(x.ehlo), 255);
	buf_init(&out, SMTP_LINE_MAX);
	assert_int_equal(xclient_write(&x, &out), 0);
	assert_string_equal(buf_str(&out),
	    "XCLIENT NAME=" NONE " REVERSE_NAME=" NONE
	    " ADDR=198.51.100.7 PORT=" NONE " HELO=" NONE " PROTO=ESMTP");
	buf_free(&out);
}

static void
test_xclient_hide(void **state)
{
	struct xclient x;

	(void)state;
	xclient_make(&client_cases[1].client, &own, &x);
	assert_true(xclient_hide(&x));
	assert_string_equal(x.address, NONE);
	assert_string_equal(x.name, NONE);
	assert_string_equal(x.helo, "a+2Bb+3Dc");
	assert_false(xclient_hide(&x));
}

/* ---- load ---- */

static void
test_load(void **state)
{
	(void)state;
	assert_true(load_allows(0.5, 2, 0, 2, 900, 0));
	assert_true(load_allows(0.5, 2, 1, 2, 900, 0));
	assert_false(load_allows(0.5, 2, 2, 2, 900, 0));
	assert_true(load_allows(-1, 0, 1, 2, 900, 0));
	/* under load: one at a time, with pauses */
	assert_false(load_allows(8.1, 2, 1, 2, 20, 5000));
	assert_false(load_allows(8.1, 2, 0, 2, 20, 19));
	assert_true(load_allows(8.1, 2, 0, 2, 20, 20));
	assert_false(load_allows(8.1, 2, 0, 2, 60000, 999));
	assert_true(load_allows(8.1, 2, 0, 2, 60000, LOAD_PAUSE_MAX_MS));
	assert_true(load_allows(8.1, 4, 1, 2, 900, 0));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_request),
	    help_test(test_request_bound),
	    help_test(test_outcome),
	    help_test(test_reply),
	    help_test(test_reply_bounds),
	    help_test(test_offer),
	    help_test(test_xclient),
	    help_test(test_xclient_long),
	    help_test(test_xclient_hide),
	    help_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
