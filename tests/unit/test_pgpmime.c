/* SPDX-License-Identifier: MIT */
/*
 * test_pgpmime - the inner seal: the wrapper, its date, and that the
 * mailbox's own key opens what the home's key has opened.
 */
#include "help.h"
#include "seal_help.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "milter/pgpmime.h"
#include "milter/sealing.h"

#define NOW 1795342496 /* Sun, 22 Nov 2026 10:14:56 */

static const struct {
	const char *head;
	int rc;
	const char *date;
} dates[] = {
    {"Date: Sun, 22 Nov 2026 08:00:00 +0100\r\n", AG_OK,
	"Sun, 22 Nov 2026 08:00:00 +0100"},
    {"From: a\r\nDATE:x\r\nDate: y\r\n", AG_OK, "x"},
    {"From: a\nDate: x\n", AG_OK, "x"},
    {"From: a\r\n", AG_EAGAIN, NULL},
    {"From: a\r\nDate: x", AG_EAGAIN, NULL},
    {"", AG_EAGAIN, NULL},
    {"From: a\r\n\r\nDate: x\r\n", AG_ENOENT, NULL},
    {"\r\n", AG_ENOENT, NULL},
    {"Date:\r\n", AG_EAGAIN, NULL},
    {"Date: \r\n", AG_ENOENT, NULL},
    {"Date: a\x01\r\n", AG_ENOENT, NULL},
    {"Date: b\xc3\xb6se\r\n", AG_ENOENT, NULL},
    {"Date: 01234567890123456789012345678901\r\n", AG_ENOENT, NULL},
    {"X-Date: x\r\nDated: x\r\n", AG_EAGAIN, NULL},
};

static void
test_find_date(void **state)
{
	char date[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(pgpmime_find_date(dates[i].head,
				     strlen(dates[i].head), date, sizeof(date)),
		    dates[i].rc);
		if (dates[i].date != NULL)
			assert_string_equal(date, dates[i].date);
	}
}

static const struct bundle_client client = {.address = "192.0.2.7"};

static struct sealing *
begin(struct seal_node *n)
{
	struct bsmtp_envelope e;
	struct sealing_request req = {
	    .net = n->net,
	    .class = {.kind = MAIL_PEER, .home = "bob"},
	    .envelope = &e,
	    .client = &client,
	    .with = "ESMTP",
	    .received_from = true,
	    .queue_id = "",
	    .now = NOW,
	};
	struct sealing *job;
	struct address a;
	struct target t;

	assert_int_equal(address_parse("<secret@bob.example>", &a), AG_OK);
	assert_int_equal(decide_recipient(n->net, &a, &t), ANSWER_OK);
	assert_int_equal(strlen(t.class.key), OPENPGP_FPR_LEN);
	assert_true(sealer_usable(n->sealer, n->net, &t));
	req.class = t.class;
	bsmtp_envelope_init(&e);
	bsmtp_set_mail(&e, "<ann@sender.example>", "");
	bsmtp_add_rcpt(&e, "<secret@bob.example>", "");
	assert_int_equal(sealing_new(n->sealer, &req, &job), ANSWER_OK);
	bsmtp_envelope_free(&e);
	return job;
}

static enum answer
end(struct sealing *job)
{
	enum answer a = sealing_end(job);

	if (a == ANSWER_OK)
		do
			a = sealing_wait(job, 20000);
		while (a == ANSWER_WAIT);
	return a;
}

static void
check_lines(const char *text)
{
	const char *p = text;

	for (; (p = strchr(p, '\n')) != NULL; p++)
		assert_true(p > text && p[-1] == '\r');
}

/* SPEC D-1.2 */
static void
round_trip(const char *settings, const char *message, const char *date)
{
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	struct buf plain;
	const char *m;
	size_t i;

	seal_begin(&n, settings);
	job = begin(&n);
	for (i = 0; i < strlen(message); i++)
		assert_int_equal(sealing_push(job, message + i, 1), ANSWER_OK);
	assert_int_equal(end(job), ANSWER_OK);
	sealing_free(&job);
	seal_open(&n, NULL, "bob", 1 << 20, &o);
	m = seal_message(&o);
	check_lines(m);
	assert_int_equal(strncmp(m, "Date: ", 6), 0);
	assert_int_equal(strncmp(m + 6, date, strlen(date)), 0);
	assert_non_null(strstr(m, "\r\nX-Agamid-Sealed: 1\r\n"));
	assert_non_null(
	    strstr(m, "\r\nContent-Type: multipart/encrypted;\r\n"));
	assert_null(strstr(m, "WORD"));
	assert_null(strstr(m, "ann@sender.example"));
	buf_init(&plain, 1 << 20);
	seal_open_wrapper(m, &plain);
	assert_string_equal(buf_str(&plain), message);
	buf_free(&plain);
	seal_opened_free(&o);
	seal_end(&n);
	assert_int_equal(seal_tmp_count(), 0);
}

/* SPEC N-3.5 */
static void
test_round_trip(void **state)
{
	static const char message[] =
	    "Received: from somewhere\r\n"
	    "From: ann@sender.example\r\n"
	    "Subject: WORD\r\n"
	    "Date: Sun, 22 Nov 2026 08:00:00 +0100\r\n"
	    "\r\n"
	    "WORD\r\n"
	    ".dot\r\n";

	(void)state;
	round_trip(
	    "openpgp: gpgme\n", message, "Sun, 22 Nov 2026 08:00:00 +0100");
	round_trip(
	    "openpgp: auto\n", message, "Sun, 22 Nov 2026 08:00:00 +0100");
}

static void
test_no_date(void **state)
{
	(void)state;
	round_trip("", "Subject: WORD\r\n\r\nDate: x\r\n",
	    "Sun, 22 Nov 2026 10:14:56 +0000");
	round_trip("", "", "Sun, 22 Nov 2026 10:14:56 +0000");
	round_trip("", "X", "Sun, 22 Nov 2026 10:14:56 +0000");
}

/* A header that is longer than what is held back, and a long message. */
static void
test_long(void **state)
{
	static char block[65536];
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	int i;

	(void)state;
	memset(block, 'x', sizeof(block));
	memcpy(block, "X-Long: ", 8);
	memcpy(block + sizeof(block) - 2, "\r\n", 2);
	seal_begin(&n, "");
	job = begin(&n);
	for (i = 0; i < 100; i++)
		assert_int_equal(
		    sealing_push(job, block, sizeof(block)), ANSWER_OK);
	assert_int_equal(end(job), ANSWER_OK);
	sealing_free(&job);
	seal_open(&n, NULL, "bob", 65536, &o);
	assert_true(o.body_len > 100 * sizeof(block) * 4 / 3);
	seal_opened_free(&o);
	seal_end(&n);
}

/* Given up while the inner seal is at work. */
static void
test_given_up(void **state)
{
	static char block[65536];
	struct seal_node n;
	struct sealing *job;
	int i, k;

	(void)state;
	memset(block, '\n', sizeof(block));
	seal_begin(&n, "");
	for (i = 0; i < 5; i++) {
		job = begin(&n);
		for (k = 0; k < i; k++)
			sealing_push(job, block, sizeof(block));
		sealing_free(&job);
	}
	seal_end(&n);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_find_date),
	    help_test(test_round_trip),
	    help_test(test_no_date),
	    help_test(test_long),
	    help_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
