/* SPDX-License-Identifier: MIT */
/*
 * test_lmtp_session - the second door's conversation: who is refused, what
 * is sealed for whom, a reply for each recipient.
 */
#include "help.h"
#include "lmtp_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/lmtp_peers.h"
#include "util/error.h"

static void
talk_begin(struct talk *t, const char *settings)
{
	seal_begin(&t->node, settings);
	talk_open(t, &lmtp_peers);
}

static void
talk_end(struct talk *t)
{
	talk_close(t);
	seal_end(&t->node);
}

static void
open_mail(struct talk *t, const char *mail)
{
	say(t, "LHLO carol.friends.example", "250-");
	say(t, mail, "250 2.1.0");
}

static const char message[] = "From: ann@sender.example\r\n"
			      "Message-ID: <1@sender.example>\r\n"
			      "\r\n"
			      "hello\r\n";

static void
test_greeting(void **state)
{
	static const char *const words[] = {"SIZE 104857600\r\n", "PIPELINING",
	    "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES",
	    "XFORWARD NAME ADDR PORT PROTO HELO SOURCE IDENT"};
	struct talk t;
	size_t i;

	(void)state;
	talk_begin(&t, "");
	say(&t, "MAIL FROM:<a@b.example>", "503 ");
	say(&t, "EHLO x", "500 ");
	say(&t, "LHLO", "501 ");
	say(&t, "LHLO carol.friends.example", "250-");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_non_null(strstr(buf_str(&t.reply), words[i]));
	say(&t, "VRFY bob", "252 ");
	say(&t, "NOOP", "250 ");
	assert_int_equal(say(&t, "QUIT", "221 "), LMTP_NEXT_CLOSE);
	talk_end(&t);
}

static const struct {
	const char *rcpt, *reply;
} recipients[] = {
    {"<bob@bob.example>", "250 2.1.5"},
    {"<secret@bob.example>", "250 2.1.5"},
    {"<anyone@dave.example> NOTIFY=NEVER", "250 2.1.5"},
    /* SPEC N-1.4, N-1.2 */
    {"<nobody@bob.example>", "550 5.1.1"},
    /* SPEC N-18.4 */
    {"<bob@x.bob.example>", "554 5.7.1"},
    {"<bob@elsewhere.example>", "554 5.7.1"},
    /* At the wrong door: never bounced. */
    {"<carol@carol.example>", "451 4.3.0"},
    {"<@x.example:bob@bob.example>", "501 5.5.4"},
    {"<>", "501 5.5.4"},
    {"<bob@bob.example> SIZE=1", "501 5.5.4"},
};

static void
test_recipients(void **state)
{
	char line[256];
	struct talk t;
	size_t i;

	(void)state;
	talk_begin(&t, "");
	say(&t, "LHLO x", "250-");
	say(&t, "RCPT TO:<bob@bob.example>", "503 ");
	say(&t, "DATA", "503 ");
	say(&t, "MAIL FROM:<ann@sender.example> RET=HDRS ENVID=x", "250 ");
	say(&t, "MAIL FROM:<ann@sender.example>", "503 ");
	say(&t, "DATA", "503 ");
	for (i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
		snprintf(line, sizeof(line), "RCPT TO:%s", recipients[i].rcpt);
		say(&t, line, recipients[i].reply);
	}
	say(&t, "RSET", "250 ");
	say(&t, "RCPT TO:<bob@bob.example>", "503 ");
	talk_end(&t);
	assert_int_equal(seal_new_count(), 0);
}

static void
test_sizes(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, "");
	say(&t, "LHLO x", "250-");
	say(&t, "MAIL FROM:<a@b.example> SIZE=104857601", "552 5.3.4");
	say(&t, "MAIL FROM:<a@b.example> SIZE=99999999999999999999", "552 ");
	say(&t, "MAIL FROM:<a@b.example> SIZE=2000000", "250 ");
	say(&t, "RCPT TO:<dave@dave.example>", "552 5.3.4");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	talk_end(&t);
	talk_begin(&t, "reserve: 1000000G\n");
	open_mail(&t, "MAIL FROM:<a@b.example>");
	say(&t, "RCPT TO:<bob@bob.example>", "452 4.3.1");
	talk_end(&t);
}

/* SPEC N-3.7: one bundle a home; a reply a recipient, in their order. */
static void
two_homes(size_t piece)
{
	struct seal_opened o;
	struct talk t;

	talk_begin(&t, "");
	say(&t, "LHLO x", "250-");
	say(&t, "XFORWARD NAME=mail.sender.example ADDR=192.0.2.7 PORT=4031",
	    "250 ");
	say(&t, "XFORWARD PROTO=ESMTP HELO=h.example IDENT=4XyZ SOURCE=REMOTE",
	    "250 ");
	say(&t, "MAIL FROM:<ann@sender.example> BODY=8BITMIME", "250 ");
	say(&t, "XFORWARD NAME=x", "503 ");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	say(&t, "RCPT TO:<dave@dave.example>", "250 ");
	say(&t, "RCPT TO:<bob+2@bob.example> NOTIFY=NEVER", "250 ");
	assert_string_equal(send_mail(&t, message, piece),
	    "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n");
	assert_int_equal(seal_new_count(), 2);
	seal_open_for(&t.node, "bob", &o);
	assert_string_equal(buf_str(&o.envelope),
	    "EHLO carol.friends.example\r\n"
	    "MAIL FROM:<ann@sender.example> BODY=8BITMIME\r\n"
	    "RCPT TO:<bob@bob.example>\r\n"
	    "RCPT TO:<bob+2@bob.example> NOTIFY=NEVER\r\n"
	    "DATA\r\n");
	assert_string_equal(seal_message(&o), message);
	assert_non_null(strstr(buf_str(&o.body), "with LMTP id 4XyZ;"));
	assert_string_equal(o.head.client.name, "mail.sender.example");
	assert_string_equal(o.head.client.address, "192.0.2.7");
	assert_string_equal(o.head.client.port, "4031");
	assert_string_equal(o.head.client.protocol, "ESMTP");
	assert_string_equal(o.head.client.helo, "h.example");
	seal_opened_free(&o);
	seal_open_for(&t.node, "dave", &o);
	assert_string_equal(buf_str(&o.envelope),
	    "EHLO carol.friends.example\r\n"
	    "MAIL FROM:<ann@sender.example> BODY=8BITMIME\r\n"
	    "RCPT TO:<dave@dave.example>\r\n"
	    "DATA\r\n");
	assert_string_equal(seal_message(&o), message);
	seal_opened_free(&o);
	/* The next transaction knows nothing of this client. */
	say(&t, "MAIL FROM:<ann@sender.example>", "250 ");
	talk_end(&t);
}

static void
test_two_homes(void **state)
{
	(void)state;
	two_homes(65536);
	two_homes(1);
}

/* Own users' mail has no client, whoever gave it to Postfix. */
static void
no_client(const char *xforward, const char *mail)
{
	struct seal_opened o;
	struct talk t;

	talk_begin(&t, "");
	say(&t, "LHLO x", "250-");
	say(&t, xforward, "250 ");
	say(&t, mail, "250 ");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	assert_string_equal(send_mail(&t, message, 7), "250 2.0.0 Ok\r\n");
	seal_open_for(&t.node, "bob", &o);
	assert_string_equal(o.head.client.name, "");
	assert_string_equal(o.head.client.address, "");
	assert_string_equal(o.head.client.protocol, "");
	seal_opened_free(&o);
	talk_end(&t);
}

static void
test_no_client(void **state)
{
	(void)state;
	no_client("XFORWARD NAME=laptop ADDR=198.51.100.9 PROTO=ESMTP "
		  "SOURCE=REMOTE",
	    "MAIL FROM:<carol@carol.example>");
	no_client("XFORWARD NAME=x ADDR=192.0.2.7 SOURCE=LOCAL",
	    "MAIL FROM:<ann@sender.example>");
}

/* SPEC N-3.7: Postfix's own Received line is this node's trace. */
static void
test_postfix_received(void **state)
{
	static const char traced[] =
	    "received: by carol.friends.example (Postfix)\r\n"
	    "\tid 4XyZ; Sun, 22 Nov 2026 10:14:56 +0000\r\n"
	    "Subject: x\r\n"
	    "\r\n"
	    "hello\r\n";
	static const char *const others[] = {
	    "Received", "Received\r\n", "X", "", "Received-SPF: pass\r\n"};
	struct seal_opened o;
	struct talk t;
	size_t i;

	(void)state;
	talk_begin(&t, "");
	open_mail(&t, "MAIL FROM:<ann@sender.example>");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	assert_string_equal(send_mail(&t, traced, 4), "250 2.0.0 Ok\r\n");
	seal_open_for(&t.node, "bob", &o);
	assert_string_equal(buf_str(&o.body), traced);
	seal_opened_free(&o);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		say(&t, "MAIL FROM:<ann@sender.example>", "250 ");
		say(&t, "RCPT TO:<dave@dave.example>", "250 ");
		assert_string_equal(
		    send_mail(&t, others[i], 4), "250 2.0.0 Ok\r\n");
	}
	assert_int_equal(seal_new_count(), 6);
	talk_end(&t);
}

/* One home's trouble is not the other's. */
static void
test_one_too_big(void **state)
{
	static char big[2 * 1024 * 1024];
	struct talk t;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	talk_begin(&t, "");
	open_mail(&t, "MAIL FROM:<ann@sender.example>");
	say(&t, "RCPT TO:<dave@dave.example>", "250 ");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	assert_string_equal(send_mail(&t, big, 60000),
	    "552 5.3.4 Message is bigger than this recipient's home takes\r\n"
	    "250 2.0.0 Ok\r\n");
	assert_int_equal(seal_new_count(), 1);
	talk_end(&t);
	assert_int_equal(seal_tmp_count(), 0);
}

static void
test_too_many_errors(void **state)
{
	enum lmtp_next next = LMTP_NEXT_COMMAND;
	struct talk t;
	int i;

	(void)state;
	talk_begin(&t, "");
	for (i = 0; i < 100 && next == LMTP_NEXT_COMMAND; i++)
		next = say(&t, "NONSENSE", "");
	assert_int_equal(i, 21);
	assert_int_equal(strncmp(buf_str(&t.reply), "421 ", 4), 0);
	talk_end(&t);
}

/* Cut off in the middle of a message. */
static void
test_cut_off(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, "");
	open_mail(&t, "MAIL FROM:<ann@sender.example>");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	say(&t, "DATA", "354 ");
	lmtp_session_data(t.s, message, strlen(message));
	talk_end(&t);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

#ifdef ENABLE_FAULT_POINTS
/* SPEC N-7.3 */
static void
test_other_answer(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, "");
	open_mail(&t, "MAIL FROM:<ann@sender.example>");
	say(&t, "RCPT TO:<bob@bob.example>", "250 ");
	help_faults("seal.answer error");
	assert_int_equal(strncmp(send_mail(&t, message, 100), "451 ", 4), 0);
	assert_int_equal(seal_new_count(), 0);
	talk_end(&t);
}
#endif

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_greeting),
	    help_test(test_recipients),
	    help_test(test_sizes),
	    help_test(test_two_homes),
	    help_test(test_no_client),
	    help_test(test_postfix_received),
	    help_test(test_one_too_big),
	    help_test(test_too_many_errors),
	    help_test(test_cut_off),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_other_answer),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
