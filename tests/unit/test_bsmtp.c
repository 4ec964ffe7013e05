/* SPDX-License-Identifier: MIT */
/*
 * test_bsmtp - a transaction written and parsed: the example of the spec,
 * what a hostile acceptor might write, and a property test: whatever the
 * message and wherever the pieces are cut, what comes out is what went in,
 * and whatever is accepted is what the writer would have made.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bsmtp_echo.h"
#include "mail/bsmtp.h"
#include "mail_help.h"

#define HEAD                                                     \
	"EHLO carol.friends.example\r\n"                         \
	"MAIL FROM:<ann@sender.example> BODY=8BITMIME RET=HDRS " \
	"ENVID=QQ314159\r\n"                                     \
	"RCPT TO:<talktome@bob.example> NOTIFY=FAILURE "         \
	"ORCPT=rfc822;talktome@bob.example\r\n"                  \
	"DATA\r\n"
#define MESSAGE                                                         \
	"Received: from mail.sender.example by carol.friends.example; " \
	"Sun, 22 Nov 2026 08:00:00 +0000\r\n"                           \
	"Subject: Hello\r\n\r\n.This line begins with one dot.\r\n"
#define TAIL ".\r\nQUIT\r\n"
#define EHLO "EHLO c.example\r\n"
#define MAIL "MAIL FROM:<a@a.example>\r\n"
#define RCPT "RCPT TO:<b@b.example>\r\n"
#define START EHLO MAIL RCPT "DATA\r\n"

static void
write_example(struct buf *out)
{
	struct bsmtp_stuff s = {false, false};
	struct bsmtp_envelope e;

	bsmtp_envelope_init(&e);
	buf_init(out, 65536);
	assert_int_equal(bsmtp_set_mail(&e, "<ann@sender.example>",
			     "BODY=8BITMIME RET=HDRS ENVID=QQ314159"),
	    0);
	assert_int_equal(
	    bsmtp_add_rcpt(&e, "<talktome@bob.example>",
		"NOTIFY=FAILURE ORCPT=rfc822;talktome@bob.example"),
	    0);
	assert_int_equal(bsmtp_write_head(&e, "carol.friends.example", out), 0);
	assert_int_equal(
	    bsmtp_write_data(&s, MESSAGE, strlen(MESSAGE), out), 0);
	assert_int_equal(bsmtp_write_tail(&s, out), 0);
	bsmtp_envelope_free(&e);
}

/* SPEC B-3.1, B-3.2, B-3.7: the example, in pieces of each size */
static void
test_spec_example(void **state)
{
	struct bsmtp_echo echo;
	struct error error;
	struct buf b;
	size_t piece;

	(void)state;
	write_example(&b);
	help_assert_in_spec(buf_str(&b));
	assert_memory_equal(b.data, HEAD, strlen(HEAD));
	for (piece = 0; piece <= b.len; piece++) {
		bsmtp_echo_init(&echo);
		assert_int_equal(bsmtp_echo_parse(&echo, b.data, b.len, piece,
				     piece, &error),
		    0);
		assert_int_equal(echo.envelopes, 1);
		assert_int_equal(echo.dones, 1);
		assert_int_equal(echo.head_rc, 0);
		assert_string_equal(buf_str(&echo.head), HEAD);
		assert_string_equal(buf_str(&echo.body), MESSAGE);
		bsmtp_echo_free(&echo);
	}
	buf_free(&b);
}

/* SPEC B-3.11, B-4.3: cut anywhere it is refused; zeros alone may follow,
 * as many as there are */
static void
test_end(void **state)
{
	struct bsmtp_echo echo;
	struct error error;
	struct buf b;
	size_t i, len;

	(void)state;
	write_example(&b);
	for (i = 0; i < b.len; i++) {
		bsmtp_echo_init(&echo);
		assert_int_equal(
		    bsmtp_echo_parse(&echo, b.data, i, 7, i, &error),
		    AG_EINVAL);
		assert_int_equal(echo.dones, 0);
		bsmtp_echo_free(&echo);
	}
	len = b.len;
	for (i = 0; i < 300; i++)
		assert_int_equal(buf_putc(&b, '\0'), 0);
	for (i = len; i <= b.len; i++) {
		bsmtp_echo_init(&echo);
		assert_int_equal(
		    bsmtp_echo_parse(&echo, b.data, i, 50, i, &error), 0);
		bsmtp_echo_free(&echo);
	}
	for (i = len; i < b.len; i++) {
		b.data[i] = "\r\nQ\1"[i % 4];
		bsmtp_echo_init(&echo);
		assert_int_equal(
		    bsmtp_echo_parse(&echo, b.data, b.len, 50, i, &error),
		    AG_EINVAL);
		bsmtp_echo_free(&echo);
		b.data[i] = '\0';
	}
	buf_free(&b);
}

#define ROW(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *text;
	size_t len;
} bads[] = {
    /* commands that are none, or out of order */
    ROW("HELO c.example\r\n"),
    ROW("ehlo c.example\r\n"),
    ROW("EHLO  c.example\r\n"),
    ROW("EHLO c.example \r\n"),
    ROW("EHLO c\r\n"),
    ROW("EHLO [192.0.2.1]\r\n"),
    ROW("EHLO C.example\r\n"),
    ROW("EHLO\r\n"),
    ROW("\r\n" START TAIL),
    ROW(" " START TAIL),
    ROW("QUIT\r\n"),
    ROW(MAIL RCPT "DATA\r\n" TAIL),
    ROW(EHLO RCPT "DATA\r\n" TAIL),
    ROW(EHLO EHLO MAIL RCPT "DATA\r\n" TAIL),
    ROW(EHLO MAIL "DATA\r\n" TAIL),
    ROW(EHLO MAIL MAIL RCPT "DATA\r\n" TAIL),
    ROW(EHLO MAIL RCPT MAIL "DATA\r\n" TAIL),
    ROW(EHLO MAIL RCPT "RSET\r\nDATA\r\n" TAIL),
    ROW(EHLO MAIL RCPT "NOOP\r\nDATA\r\n" TAIL),
    ROW(EHLO MAIL RCPT "\r\nDATA\r\n" TAIL),
    ROW(EHLO MAIL RCPT "QUIT\r\n"),
    ROW(EHLO MAIL RCPT "BDAT 1 LAST\r\nx"),
    ROW(EHLO MAIL RCPT "DATA \r\n" TAIL),
    ROW(EHLO MAIL RCPT "data\r\n" TAIL),
    ROW(EHLO MAIL RCPT "XCLIENT ADDR=192.168.1.9\r\nDATA\r\n" TAIL),
    ROW(EHLO "STARTTLS\r\n" MAIL RCPT "DATA\r\n" TAIL),
    /* foreign forms */
    ROW(EHLO "MAIL FROM: <a@a.example>\r\n"),
    ROW(EHLO "Mail From:<a@a.example>\r\n"),
    ROW(EHLO "MAIL FROM:a@a.example\r\n"),
    ROW(EHLO "MAIL FROM:<a@a.example> X=1\r\n"),
    ROW(EHLO "MAIL FROM:<a@a.example> SIZE=1 SIZE=2\r\n"),
    ROW(EHLO "SEND FROM:<a@a.example>\r\n"),
    ROW(EHLO MAIL "RCPT TO: <b@b.example>\r\n"),
    ROW(EHLO MAIL "RCPT TO:<b@b.example> \r\n"),
    ROW(EHLO MAIL "RCPT TO:<b@b.example>,<c@b.example>\r\n"),
    ROW(EHLO MAIL "RCPT TO:b@b.example\r\n"),
    ROW(EHLO MAIL "RCPT TO:<>\r\n"),
    ROW(EHLO MAIL "RCPT TO:<@c.example:b@b.example>\r\n"),
    ROW(EHLO MAIL "RCPT TO:<b@b.example> SIZE=1\r\n"),
    /* line ends and bytes that don't belong in a command */
    ROW("EHLO c.example\n"),
    ROW("EHLO c.example\r\r\n"),
    ROW("EHLO c.example\r"
	"MAIL FROM:<a@a.example>\r\n"),
    ROW("EHLO c.example\0\r\n"),
    ROW(EHLO "MAIL FROM:<a@a.example>\nRCPT TO:<b@b.example>\r\n"),
    ROW(EHLO "MAIL FROM:<a@a.example>\rRCPT TO:<b@b.example>\r\n"),
    ROW(EHLO "MAIL FROM:<a@a.example>\0 SIZE=1\r\n"),
    ROW(EHLO MAIL "RCPT TO:<b@b.example>\n" RCPT "DATA\r\n" TAIL),
    ROW(EHLO MAIL "RCPT TO:<b\t@b.example>\r\n"),
    ROW(EHLO MAIL "RCPT TO:<b\xff@b.example>\r\n"),
    ROW(EHLO MAIL RCPT "DATA\n" TAIL),
    /* behind the message */
    ROW(START ".\r\nQUIT\n"),
    ROW(START ".\r\nquit\r\n"),
    ROW(START ".\r\nQUIT \r\n"),
    ROW(START ".\r\n\r\nQUIT\r\n"),
    ROW(START ".\r\n" MAIL RCPT "DATA\r\n" TAIL),
    ROW(START ".\r\nRSET\r\n" MAIL RCPT "DATA\r\n" TAIL),
    ROW(START TAIL EHLO MAIL RCPT "DATA\r\n" TAIL),
    ROW(START TAIL "\r\n"),
    ROW(START TAIL "\0\0x\0"),
    /* lines of the message that the writer would have stuffed */
    ROW(START ".x\r\n" TAIL),
    ROW(START "x\r\n.x\r\n" TAIL),
    ROW(START "x\r\n.\n" TAIL),
    ROW(START "x\r\n.\r" TAIL),
    ROW(START "x\r\n.\r\r\n" TAIL),
    ROW(START "x\r\n.\0\r\n" TAIL),
    /* a message that never ends */
    ROW(START "x\n.\r\nQUIT\r\n"),
    ROW(START "x\n.\nQUIT\r\n"),
    ROW(START "x\r.\rQUIT\r\n"),
    ROW(START "x\r.\r\nQUIT\r\n"),
    ROW(START "x\r\n..\r\nQUIT\r\n"),
};

/* SPEC B-3.1, B-3.2, B-3.3, B-3.8, B-3.9, B-3.11 */
static void
test_refused(void **state)
{
	struct bsmtp_echo echo;
	struct error error;
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s\n", bads[i].text);
		for (piece = 0; piece < 5; piece++) {
			bsmtp_echo_init(&echo);
			assert_int_equal(bsmtp_echo_parse(&echo, bads[i].text,
					     bads[i].len, piece, piece, &error),
			    AG_EINVAL);
			bsmtp_echo_free(&echo);
		}
	}
}

static const struct {
	const char *batch;
	size_t len;
	const char *body;
	size_t body_len;
} bodies[] = {
#define BODY(batch, body)                                             \
	{                                                             \
		START batch TAIL, sizeof(START batch TAIL) - 1, body, \
		    sizeof(body) - 1                                  \
	}
    BODY("", ""),
    BODY("\r\n", "\r\n"),
    BODY("..\r\n", ".\r\n"),
    BODY("...\r\n", "..\r\n"),
    BODY("..x\r\n..\r\n", ".x\r\n.\r\n"),
    /* bare LF, CR and NUL; dots behind them */
    BODY("a\n.\nb\r\n", "a\n.\nb\r\n"),
    BODY("a\n.\r\nb\r\n", "a\n.\r\nb\r\n"),
    BODY("a\r.\rb\r\n", "a\r.\rb\r\n"),
    BODY("a\r.\r\nb\r\n", "a\r.\r\nb\r\n"),
    BODY("a\r\n..\nb\r\n", "a\r\n.\nb\r\n"),
    BODY("a\r\r\n..\r\r\n", "a\r\r\n.\r\r\n"),
    BODY("\n..\r\n", "\n..\r\n"),
    BODY("\0\r\n..\0\r\n", "\0\r\n.\0\r\n"),
    /* commands in a message are its text */
    BODY("x\n.\nMAIL FROM:<e@e.example>\nRCPT TO:<e@e.example>\r\n",
	"x\n.\nMAIL FROM:<e@e.example>\nRCPT TO:<e@e.example>\r\n"),
    BODY("QUIT\r\n", "QUIT\r\n"),
#undef BODY
};

/* SPEC B-3.7, B-3.8, B-3.10: written and parsed, verbatim */
static void
test_bodies(void **state)
{
	struct bsmtp_stuff s;
	struct bsmtp_echo echo;
	struct error error;
	struct buf b;
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		for (piece = 0; piece < 9; piece++) {
			bsmtp_echo_init(&echo);
			assert_int_equal(
			    bsmtp_echo_parse(&echo, bodies[i].batch,
				bodies[i].len, piece, piece, &error),
			    0);
			assert_int_equal(echo.body.len, bodies[i].body_len);
			assert_memory_equal(buf_str(&echo.body), bodies[i].body,
			    bodies[i].body_len);
			bsmtp_echo_free(&echo);
		}
		buf_init(&b, 4096);
		memset(&s, 0, sizeof(s));
		assert_int_equal(buf_puts(&b, START), 0);
		assert_int_equal(bsmtp_write_data(&s, bodies[i].body,
				     bodies[i].body_len, &b),
		    0);
		assert_int_equal(bsmtp_write_tail(&s, &b), 0);
		assert_int_equal(b.len, bodies[i].len);
		assert_memory_equal(b.data, bodies[i].batch, b.len);
		buf_free(&b);
	}
}

/* SPEC B-3.10: a message that does not end in CRLF gets one */
static void
test_final_crlf(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"\r\n", "\r\n"},
	    {"x", "x\r\n"}, {"x\n", "x\n\r\n"}, {"x\r", "x\r\r\n"},
	    {".", "..\r\n"}, {"x\r\n.", "x\r\n..\r\n"}, {"x\r\n", "x\r\n"}};
	struct bsmtp_stuff s;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&b, 4096);
		memset(&s, 0, sizeof(s));
		assert_int_equal(
		    bsmtp_write_data(&s, rows[i][0], strlen(rows[i][0]), &b),
		    0);
		assert_int_equal(bsmtp_write_tail(&s, &b), 0);
		assert_memory_equal(
		    buf_str(&b), rows[i][1], strlen(rows[i][1]));
		assert_string_equal(buf_str(&b) + strlen(rows[i][1]), TAIL);
		buf_free(&b);
	}
}

static const char *
random_message(uint64_t *seed, struct buf *b)
{
	static const char bytes[] = {'.', '\r', '\n', '\0', 'a', '\xff'};
	size_t len = bsmtp_echo_random(seed) % 60, i;
	uint64_t r;

	for (i = 0; i < len; i++) {
		r = bsmtp_echo_random(seed);
		if (r % 4 == 0)
			assert_int_equal(buf_puts(b, "\r\n"), 0);
		else
			assert_int_equal(
			    buf_putc(b, bytes[r / 4 % sizeof(bytes)]), 0);
	}
	return buf_str(b);
}

/* In random pieces. */
static void
write_message(const struct buf *message, uint64_t *seed, struct buf *out)
{
	struct bsmtp_stuff s = {false, false};
	size_t at, n;

	for (at = 0; at < message->len; at += n) {
		n = 1 + bsmtp_echo_random(seed) % 9;
		if (n > message->len - at)
			n = message->len - at;
		assert_int_equal(
		    bsmtp_write_data(&s, message->data + at, n, out), 0);
	}
	assert_int_equal(bsmtp_write_tail(&s, out), 0);
}

/* What is accepted is what the writer makes of it. */
static void
assert_canonical(const struct buf *b, uint64_t seed)
{
	struct bsmtp_echo echo;
	struct error error;
	struct buf again;
	int rc;

	bsmtp_echo_init(&echo);
	rc = bsmtp_echo_parse(&echo, b->data, b->len, 9, seed, &error);
	if (rc == 0) {
		buf_init(&again, 65536);
		assert_int_equal(bsmtp_echo_write(&echo, &again), 0);
		assert_int_equal(again.len, b->len);
		assert_memory_equal(again.data, b->data, b->len);
		buf_free(&again);
	} else {
		assert_int_equal(rc, AG_EINVAL);
	}
	bsmtp_echo_free(&echo);
}

/* SPEC B-3.1, B-3.8, B-3.10: round trip of random messages in random
 * pieces, then with a byte of the batch changed, dropped or doubled */
static void
test_round_trip(void **state)
{
	struct buf message, batch;
	struct bsmtp_echo echo;
	struct error error;
	uint64_t round, seed;
	size_t at;

	(void)state;
	for (round = 1; round <= 4000; round++) {
		seed = round;
		buf_init(&message, 4096);
		buf_init(&batch, 65536);
		random_message(&seed, &message);
		assert_int_equal(buf_puts(&batch, START), 0);
		write_message(&message, &seed, &batch);

		if (message.len > 0 &&
		    (message.len < 2 ||
			memcmp(message.data + message.len - 2, "\r\n", 2) != 0))
			assert_int_equal(buf_puts(&message, "\r\n"), 0);
		bsmtp_echo_init(&echo);
		if (bsmtp_echo_parse(
			&echo, batch.data, batch.len, 9, seed, &error) < 0)
			fail_msg("round %llu: %s", (unsigned long long)round,
			    error.text);
		assert_int_equal(echo.body.len, message.len);
		assert_memory_equal(
		    buf_str(&echo.body), buf_str(&message), message.len);
		bsmtp_echo_free(&echo);
		assert_canonical(&batch, seed);

		at = bsmtp_echo_random(&seed) % batch.len;
		batch.data[at] = ".\r\n\0aQ \x01"[bsmtp_echo_random(&seed) % 8];
		assert_canonical(&batch, seed);
		at = bsmtp_echo_random(&seed) % batch.len;
		memmove(batch.data + at, batch.data + at + 1, batch.len - at);
		batch.len--;
		assert_canonical(&batch, seed);
		buf_free(&message);
		buf_free(&batch);
	}
}

/* A handler's refusal comes back, and the parser takes nothing more. */
static void
test_handler_refuses(void **state)
{
	static const char at[] = "ebd";
	struct bsmtp_handler none = {NULL, NULL, NULL, NULL};
	struct bsmtp_parser *p;
	struct bsmtp_echo echo;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		bsmtp_echo_init(&echo);
		echo.fail_at = at[i];
		echo.fail_rc = AG_EPERM;
		assert_int_equal(bsmtp_echo_parse(&echo, START "x\r\n" TAIL,
				     strlen(START "x\r\n" TAIL), 0, 0, &error),
		    AG_EPERM);
		bsmtp_echo_free(&echo);
	}
	p = bsmtp_parser_new(&none);
	assert_non_null(p);
	assert_int_equal(
	    bsmtp_parse(p, START "x\r\n", strlen(START "x\r\n"), &error), 0);
	assert_int_equal(bsmtp_parse(p, ".x", 2, &error), AG_EINVAL);
	assert_int_equal(bsmtp_parse(p, TAIL, strlen(TAIL), &error), AG_EINVAL);
	assert_int_equal(bsmtp_parse_end(p, &error), AG_EINVAL);
	bsmtp_parser_free(&p);
	bsmtp_parser_free(&p);
	assert_null(p);
}

/* SPEC B-3.1, B-3.2: 1,000 recipients and not one more; long lines */
static void
test_bounds(void **state)
{
	struct bsmtp_echo echo;
	struct error error;
	struct buf b;
	unsigned i, count;

	(void)state;
	for (count = BSMTP_RCPT_MAX; count <= BSMTP_RCPT_MAX + 1; count++) {
		buf_init(&b, 1 << 20);
		assert_int_equal(buf_puts(&b, EHLO MAIL), 0);
		for (i = 0; i < count; i++)
			assert_int_equal(buf_puts(&b, RCPT), 0);
		assert_int_equal(buf_puts(&b, "DATA\r\n" TAIL), 0);
		bsmtp_echo_init(&echo);
		assert_int_equal(
		    bsmtp_echo_parse(&echo, b.data, b.len, 0, 0, &error),
		    count == BSMTP_RCPT_MAX ? 0 : AG_EINVAL);
		bsmtp_echo_free(&echo);
		buf_free(&b);
	}
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_puts(&b, EHLO), 0);
	for (i = 0; i < 3 * BSMTP_LINE_MAX; i++)
		assert_int_equal(buf_putc(&b, 'x'), 0);
	bsmtp_echo_init(&echo);
	assert_int_equal(
	    bsmtp_echo_parse(&echo, b.data, b.len, 100, 1, &error), AG_EINVAL);
	assert_non_null(strstr(error.text, "longer than 2048"));
	bsmtp_echo_free(&echo);
	buf_free(&b);
}

static void
test_head_is_not_written(void **state)
{
	struct bsmtp_envelope e;
	struct buf b;

	(void)state;
	bsmtp_envelope_init(&e);
	buf_init(&b, 4096);
	assert_int_equal(bsmtp_write_head(&e, "c.example", &b), AG_EINVAL);
	assert_int_equal(bsmtp_set_mail(&e, "<>", ""), 0);
	assert_int_equal(bsmtp_write_head(&e, "c.example", &b), AG_EINVAL);
	assert_int_equal(bsmtp_add_rcpt(&e, "<b@b.example>", ""), 0);
	assert_int_equal(bsmtp_write_head(&e, "c example", &b), AG_EINVAL);
	assert_int_equal(
	    bsmtp_write_head(&e, "c.example\r\nQUIT", &b), AG_EINVAL);
	assert_int_equal(b.len, 0);
	assert_int_equal(bsmtp_write_head(&e, "c.example", &b), 0);
	assert_string_equal(
	    buf_str(&b), EHLO "MAIL FROM:<>\r\n" RCPT "DATA\r\n");
	buf_free(&b);
	bsmtp_envelope_free(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_spec_example),
	    help_test(test_end),
	    help_test(test_refused),
	    help_test(test_bodies),
	    help_test(test_final_crlf),
	    help_test(test_round_trip),
	    help_test(test_handler_refuses),
	    help_test(test_bounds),
	    help_test(test_head_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
