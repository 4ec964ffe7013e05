/* SPDX-License-Identifier: MIT */
/*
 * test_received - our Received line (RFC 5321 section 4.4): its form, and
 * that nothing from outside breaks it.
 */
#include "help.h"

#include <string.h>

#include "milter/received.h"
#include "util/error.h"

#define NOW 1795342496 /* Sun, 22 Nov 2026 10:14:56 */

static void
assert_line(const struct received *r, const char *expected)
{
	struct buf b;

	buf_init(&b, 8192);
	assert_int_equal(received_write(r, &b), AG_OK);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
test_stranger(void **state)
{
	static const struct bundle_client client = {
	    .name = "mail.sender.example",
	    .address = "192.0.2.7",
	    .helo = "mail.sender.example",
	    .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
	};
	static const struct received r = {
	    .client = &client,
	    .by = "carol.friends.example",
	    .with = "ESMTPS",
	    .id = "4XyZ12",
	    .rcpt = "<talktome@bob.example>",
	    .time = NOW,
	};

	(void)state;
	assert_line(&r,
	    "Received: from mail.sender.example "
	    "(mail.sender.example [192.0.2.7])\r\n"
	    "\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tby carol.friends.example (Agamid) with ESMTPS "
	    "id 4XyZ12\r\n"
	    "\tfor <talktome@bob.example>;\r\n"
	    "\tSun, 22 Nov 2026 10:14:56 +0000\r\n");
}

static void
test_unknown_client(void **state)
{
	static const struct bundle_client client = {.address = "2001:db8::7"};
	static const struct received r = {
	    .client = &client,
	    .by = "carol.friends.example",
	    .with = "SMTP",
	    .id = "",
	    .time = 0,
	};

	(void)state;
	assert_line(&r,
	    "Received: from unknown "
	    "(unknown [IPv6:2001:db8::7])\r\n"
	    "\tby carol.friends.example (Agamid) with SMTP;\r\n"
	    "\tThu, 1 Jan 1970 00:00:00 +0000\r\n");
}

static void
test_second_door(void **state)
{
	static const struct received r = {
	    .by = "carol.friends.example",
	    .with = "LMTP",
	    .id = "4XyZ12",
	    .rcpt = "bob@bob.example",
	    .time = NOW,
	};

	(void)state;
	assert_line(&r,
	    "Received: by carol.friends.example (Agamid) with LMTP "
	    "id 4XyZ12\r\n"
	    "\tfor <bob@bob.example>;\r\n"
	    "\tSun, 22 Nov 2026 10:14:56 +0000\r\n");
}

/* Words that would end a comment, fold a line, add a header. */
static const char *const hostile[] = {
    "a)\r\nX-Injected: 1",
    "a (b",
    "a\\",
    "\"a",
    "a;b",
    "a\tb",
    "<a@b>",
    "b\xc3\xb6se",
};

static void
test_hostile_helo(void **state)
{
	struct bundle_client client = {.address = "192.0.2.7"};
	struct received r = {
	    .client = &client,
	    .by = "carol.friends.example",
	    .with = "ESMTP",
	    .id = "x",
	    .time = NOW,
	};
	const char *line, *end;
	struct buf b;
	size_t i, lines;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		print_message("%s\n", hostile[i]);
		strcpy(client.helo, hostile[i]);
		strcpy(client.name, hostile[i]);
		strcpy(client.tls, hostile[i]);
		buf_init(&b, 8192);
		assert_int_equal(received_write(&r, &b), AG_OK);
		lines = 0;
		for (line = buf_str(&b); *line != '\0'; line = end + 1) {
			assert_true(*line == '\t' || lines == 0);
			end = strchr(line, '\n');
			assert_non_null(end);
			assert_true(end[-1] == '\r');
			assert_null(memchr(line, '\\', end - line));
			assert_null(memchr(line, '"', end - line));
			lines++;
		}
		assert_int_equal(lines, 4);
		/* One comment for the client, one for TLS, one for us. */
		lines = 0;
		for (line = buf_str(&b); *line != '\0'; line++) {
			assert_true((unsigned char)*line < 0x7f);
			lines += *line == '(';
		}
		assert_int_equal(lines, 3);
		buf_free(&b);
	}
}

static void
test_rcpt_left_out(void **state)
{
	static const char *const odd[] = {
	    "<\"a b\"@bob.example>", "<a;b@bob.example>", "<>", ""};
	struct received r = {
	    .by = "h.example", .with = "LMTP", .id = "", .time = NOW};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		r.rcpt = odd[i];
		assert_line(&r,
		    "Received: by h.example (Agamid) with LMTP;\r\n"
		    "\tSun, 22 Nov 2026 10:14:56 +0000\r\n");
	}
}

/* RFC 3848, RFC 6531 section 4.3 */
static void
test_with(void **state)
{
	(void)state;
	assert_string_equal(received_with("SMTP", false, false), "SMTP");
	assert_string_equal(received_with("ESMTP", false, false), "ESMTP");
	assert_string_equal(received_with("ESMTP", true, false), "ESMTPS");
	assert_string_equal(received_with("ESMTP", false, true), "UTF8SMTP");
	assert_string_equal(received_with("ESMTP", true, true), "UTF8SMTPS");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_stranger),
	    help_test(test_unknown_client),
	    help_test(test_second_door),
	    help_test(test_hostile_helo),
	    help_test(test_rcpt_left_out),
	    help_test(test_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
