/* SPDX-License-Identifier: MIT */
/*
 * test_lmtp - LMTP's parsers: commands, XFORWARD, message data.
 */
#include "help.h"

#include <string.h>

#include "milter/lmtp.h"
#include "util/error.h"

static const struct {
	const char *line;
	enum lmtp_verb verb;
	const char *arg;
} commands[] = {
    {"LHLO mx.carol.example\r\n", LMTP_LHLO, "mx.carol.example"},
    {"lhlo x\n", LMTP_LHLO, "x"},
    {"MAIL FROM:<a@b> SIZE=1\r\n", LMTP_MAIL, "<a@b> SIZE=1"},
    {"mail from: <a@b>\r\n", LMTP_MAIL, "<a@b>"},
    {"MAIL FROM:<>\r\n", LMTP_MAIL, "<>"},
    {"RCPT TO:<bob@bob.example> NOTIFY=NEVER\r\n", LMTP_RCPT,
	"<bob@bob.example> NOTIFY=NEVER"},
    {"RCPT TO <x>\r\n", LMTP_UNKNOWN, ""},
    {"DATA\r\n", LMTP_DATA, ""},
    {"DATA  \r\n", LMTP_DATA, ""},
    {"DATABASE\r\n", LMTP_UNKNOWN, ""},
    {"RSET\r\n", LMTP_RSET, ""},
    {"NOOP hm\r\n", LMTP_NOOP, "hm"},
    {"QUIT\r\n", LMTP_QUIT, ""},
    {"VRFY bob\r\n", LMTP_VRFY, "bob"},
    {"XFORWARD NAME=x\r\n", LMTP_XFORWARD, "NAME=x"},
    {"EHLO x\r\n", LMTP_HELO, "x"},
    {"HELO x\r\n", LMTP_HELO, "x"},
    {"BDAT 1 LAST\r\n", LMTP_UNKNOWN, ""},
    {"\r\n", LMTP_UNKNOWN, ""},
};

static void
test_commands(void **state)
{
	struct lmtp_command c;
	size_t i, skip;
	ssize_t n;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *line = commands[i].line;

		print_message("%s", line);
		n = lmtp_parse_command(line, strlen(line), &c, &skip);
		assert_int_equal(n, strlen(line));
		assert_int_equal(skip, strlen(line));
		assert_int_equal(c.verb, commands[i].verb);
		assert_string_equal(c.arg, commands[i].arg);
		assert_int_equal(
		    lmtp_parse_command(line, strlen(line) - 1, &c, &skip), 0);
	}
}

static void
test_bad_lines(void **state)
{
	static char line[LMTP_LINE_MAX + 1];
	struct lmtp_command c;
	size_t skip;

	(void)state;
	assert_int_equal(
	    lmtp_parse_command("NO\0P\r\n", 6, &c, &skip), AG_EINVAL);
	assert_int_equal(skip, 6);
	assert_int_equal(
	    lmtp_parse_command("MAIL FROM:<a\rb>\r\nX\r\n", 20, &c, &skip),
	    AG_EINVAL);
	assert_int_equal(skip, 17);
	memset(line, 'x', sizeof(line));
	assert_int_equal(
	    lmtp_parse_command(line, LMTP_LINE_MAX - 1, &c, &skip), 0);
	assert_int_equal(
	    lmtp_parse_command(line, sizeof(line), &c, &skip), AG_ETOOBIG);
	/* The longest: everything but the line's end is the argument. */
	memcpy(line, "MAIL FROM:", 10);
	line[LMTP_LINE_MAX - 1] = '\n';
	assert_int_equal(
	    lmtp_parse_command(line, sizeof(line), &c, &skip), LMTP_LINE_MAX);
	assert_int_equal(strlen(c.arg), LMTP_LINE_MAX - 11);
}

static void
test_xforward(void **state)
{
	struct lmtp_xforward x = {.local = false};

	(void)state;
	assert_int_equal(lmtp_parse_xforward("NAME=mail.sender.example "
					     "ADDR=192.0.2.7 PORT=40312",
			     &x),
	    AG_OK);
	assert_int_equal(
	    lmtp_parse_xforward("PROTO=ESMTP HELO=a+20b  IDENT=4F2 "
				"SOURCE=REMOTE",
		&x),
	    AG_OK);
	assert_string_equal(x.client.name, "mail.sender.example");
	assert_string_equal(x.client.address, "192.0.2.7");
	assert_string_equal(x.client.port, "40312");
	assert_string_equal(x.client.protocol, "ESMTP");
	assert_string_equal(x.client.helo, "a b");
	assert_string_equal(x.ident, "4F2");
	assert_false(x.local);
	assert_int_equal(lmtp_parse_xforward("NAME=[UNAVAILABLE] "
					     "ADDR=IPv6:2001:db8::7 "
					     "SOURCE=LOCAL",
			     &x),
	    AG_OK);
	assert_string_equal(x.client.name, "");
	assert_string_equal(x.client.address, "2001:db8::7");
	assert_true(x.local);
}

static void
test_bad_xforward(void **state)
{
	static const char *const bad[] = {
	    "NAME",
	    "=x",
	    "LOGIN=x",
	    "NAME=+4",
	    "NAME=+G0",
	    "NAME=+0D+0A",
	    "NAME=+00",
	    "PORT=123456789",
	};
	struct lmtp_xforward x = {.local = false};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%s\n", bad[i]);
		assert_int_equal(lmtp_parse_xforward(bad[i], &x), AG_EINVAL);
	}
}

static const struct {
	const char *in, *out;
	size_t taken;
} messages[] = {
    {".\r\n", "", 3},
    {".\r\nQUIT\r\n", "", 3},
    {"a\r\n.\r\n", "a\r\n", 6},
    {"a\r\n..\r\n.\r\n", "a\r\n.\r\n", 10},
    {"..a\r\n.b\r\n.\r\n", ".a\r\nb\r\n", 12},
    /* Only CRLF "." CRLF is the end. */
    {"a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", 10},
    {"a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", 11},
    {"a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", 11},
    {"a\r\n.\r.\r\n.\r\n", "a\r\n\r.\r\n", 11},
    {"a\r\r\n.\r\n", "a\r\r\n", 7},
    {"a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", 10},
    {"a.\r\n.\r\n", "a.\r\n", 7},
};

/* Each message whole, byte by byte, and cut in two at every place. */
static void
test_data(void **state)
{
	size_t i, cut, len, n, total, taken, outlen;
	char out[64];
	bool end;

	(void)state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const char *in = messages[i].in;

		len = strlen(in);
		for (cut = 0; cut <= len; cut++) {
			struct lmtp_data d = {0};

			print_message("%zu cut at %zu\n", i, cut);
			taken = lmtp_data(&d, in, cut, out, &outlen, &end);
			assert_true(outlen <= cut + 1);
			total = outlen;
			if (!end) {
				n = lmtp_data(&d, in + cut, len - cut,
				    out + total, &outlen, &end);
				taken += n;
				total += outlen;
			}
			assert_true(end);
			assert_int_equal(taken, messages[i].taken);
			assert_int_equal(total, strlen(messages[i].out));
			assert_memory_equal(out, messages[i].out, total);
		}
	}
}

static void
test_data_never_ends(void **state)
{
	static const char *const open[] = {
	    "", "a", "a\r\n", "a\r\n.", "a\r\n.\r", "a\n.\n", "..\r\n", ".\n"};
	struct lmtp_data d;
	char out[64];
	size_t i, outlen;
	bool end;

	(void)state;
	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		d.state = 0;
		lmtp_data(&d, open[i], strlen(open[i]), out, &outlen, &end);
		assert_false(end);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_commands),
	    help_test(test_bad_lines),
	    help_test(test_xforward),
	    help_test(test_bad_xforward),
	    help_test(test_data),
	    help_test(test_data_never_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
