/* SPDX-License-Identifier: MIT */
/*
 * test_envelope - libmilter's argument vectors into a bundle's envelope.
 */
#include "help.h"

#include <string.h>

#include "milter/envelope.h"
#include "util/error.h"

static const struct {
	const char *argv[8];
	const char *path, *params;
} mails[] = {
    /* SPEC N-3.4: verbatim */
    {{"<ann@sender.example>", "SIZE=1234", "BODY=8BITMIME", "RET=HDRS",
	 "ENVID=QQ+2B1"},
	"<ann@sender.example>",
	"SIZE=1234 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1"},
    {{"<b\xc3\xb6@sender.example>", "SMTPUTF8"}, "<b\xc3\xb6@sender.example>",
	"SMTPUTF8"},
    {{"<>"}, "<>", ""},
    {{"ann@sender.example"}, "<ann@sender.example>", ""},
    {{"<a@b.example>", "body=8bitmime"}, "<a@b.example>", "body=8bitmime"},
    /* Not for the home. */
    {{"<a@b.example>", "AUTH=<>", "XVERP", "SIZE=1"}, "<a@b.example>",
	"SIZE=1"},
    /* Twice; malformed. */
    {{"<a@b.example>", "SIZE=1", "size=2", "RET=FULL"}, "<a@b.example>",
	"SIZE=1 RET=FULL"},
    {{"<a@b.example>", "ENVID=a+0D+0A", "BODY=X", "SMTPUTF8=1", "SIZE="},
	"<a@b.example>", ""},
    {{"<@relay.example:a@b.example>"}, NULL, NULL},
    {{"<a\r\nRCPT TO:<x@y>"}, NULL, NULL},
};

static void
test_mail(void **state)
{
	struct bsmtp_envelope e;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		print_message("%s\n", mails[i].argv[0]);
		bsmtp_envelope_init(&e);
		rc = envelope_set_mail(&e, (char **)(uintptr_t)mails[i].argv);
		if (mails[i].path == NULL) {
			assert_int_equal(rc, AG_EINVAL);
		} else {
			assert_int_equal(rc, AG_OK);
			assert_string_equal(e.mail.path, mails[i].path);
			assert_string_equal(e.mail.params, mails[i].params);
		}
		bsmtp_envelope_free(&e);
	}
}

static void
test_rcpt(void **state)
{
	static const char *const argv[] = {"<Bob+x@bob.example>",
	    "NOTIFY=DELAY", "ORCPT=rfc822;Bob+2Bx@bob.example", "NOTIFY=NEVER",
	    "X=1", NULL};
	struct bsmtp_envelope e;

	(void)state;
	bsmtp_envelope_init(&e);
	assert_int_equal(
	    envelope_add_rcpt(&e, (char **)(uintptr_t)argv), AG_OK);
	assert_int_equal(e.rcpt_count, 1);
	assert_string_equal(e.rcpt[0].path, "<Bob+x@bob.example>");
	assert_string_equal(
	    e.rcpt[0].params, "NOTIFY=DELAY ORCPT=rfc822;Bob+2Bx@bob.example");
	bsmtp_envelope_free(&e);
}

static void
test_smtputf8(void **state)
{
	static const char *const with[] = {"<a@b.example>", "SMTPUTF8", NULL};
	static const char *const without[] = {
	    "<a@b.example>", "ENVID=SMTPUTF8", NULL};
	struct bsmtp_envelope e;

	(void)state;
	bsmtp_envelope_init(&e);
	assert_int_equal(
	    envelope_set_mail(&e, (char **)(uintptr_t)with), AG_OK);
	assert_true(envelope_is_smtputf8(&e));
	bsmtp_envelope_free(&e);
	assert_int_equal(
	    envelope_set_mail(&e, (char **)(uintptr_t)without), AG_OK);
	assert_false(envelope_is_smtputf8(&e));
	bsmtp_envelope_free(&e);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_mail),
	    help_test(test_rcpt),
	    help_test(test_smtputf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
