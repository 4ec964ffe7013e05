/* SPDX-License-Identifier: MIT */
/*
 * test_bsmtp_envelope - paths and ESMTP parameters: which are taken, which
 * refused, and that nothing of a refused one stays.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bsmtp.h"

static const char *const good_mail[] = {
    "<ann@sender.example>",
    "<>",
    "<> RET=HDRS",
    "<\"a> b\"@sender.example> SIZE=1",
    "<\"a\\\"> b\"@sender.example> SIZE=1",
    "<ann@sender.example> BODY=7BIT",
    "<ann@sender.example> body=8bitmime size=00012345678901234567",
    "<ann@sender.example> RET=FULL ENVID=Q+2B SMTPUTF8 BODY=7BIT SIZE=0",
    "<ann@sender.example> ENVID=a=b",
    "<\xc3\xa4nn@sender.example> SMTPUTF8",
};

static const char *const bad_mail[] = {
    "",
    " <ann@sender.example>",
    "ann@sender.example",
    "<ann@sender.example",
    "<ann@sender.example> ",
    "<ann@sender.example>  BODY=7BIT",
    "<ann@sender.example> BODY=7BIT ",
    "<ann@sender.example>BODY=7BIT",
    "<ann@sender.example>\tBODY=7BIT",
    "<ann@sender.example> BODY",
    "<ann@sender.example> BODY=",
    "<ann@sender.example> BODY=BINARYMIME",
    "<ann@sender.example> BODY=7BIT BODY=7BIT",
    "<ann@sender.example> BODY=7BIT body=8BITMIME",
    "<ann@sender.example> SIZE",
    "<ann@sender.example> SIZE=",
    "<ann@sender.example> SIZE=-1",
    "<ann@sender.example> SIZE=1k",
    "<ann@sender.example> SIZE=123456789012345678901",
    "<ann@sender.example> RET=ALL",
    "<ann@sender.example> ENVID=",
    "<ann@sender.example> ENVID=a+",
    "<ann@sender.example> ENVID=a+4",
    "<ann@sender.example> ENVID=a+4x",
    "<ann@sender.example> ENVID=a+0Ab",
    "<ann@sender.example> ENVID=a+7fb",
    "<ann@sender.example> ENVID=+4\xc3\xa4",
    "<ann@sender.example> ENVID=\xc3\xa4",
    "<ann@sender.example> SMTPUTF8=1",
    "<ann@sender.example> SMTPUTF",
    "<ann@sender.example> SMTPUTF88",
    "<ann@sender.example> AUTH=<>",
    "<ann@sender.example> NOTIFY=NEVER",
    "<ann@sender.example> XVERP",
    "<ann@sender.example> =",
    "<ann@sender.example> BODY=7BIT\r\nRCPT TO:<eve@eve.example>",
    "<ann@sender.example>\r\nRCPT TO:<eve@eve.example>",
    "<ann@sender.example> ENVID=a\nb",
    "<ann@sender.example><eve@eve.example>",
    "<@relay.example:ann@sender.example>",
};

static const char *const good_rcpt[] = {
    "<talktome+x@bob.example>",
    "<bob@bob.example> NOTIFY=NEVER",
    "<bob@bob.example> NOTIFY=SUCCESS,FAILURE,DELAY",
    "<bob@bob.example> notify=delay ORCPT=rfc822;Bob+40bob.example",
    "<bob@bob.example> ORCPT=utf-8;b\\x{F6}b@bob.example",
    "<bob@bob.example> ORCPT=UTF-8;b\xc3\xb6z@bob.example",
};

static const char *const bad_rcpt[] = {
    "<>",
    "<postmaster>",
    "<bob>",
    "<bob@bob.example> NOTIFY=",
    "<bob@bob.example> NOTIFY=NEVER,DELAY",
    "<bob@bob.example> NOTIFY=DELAY,",
    "<bob@bob.example> NOTIFY=,DELAY",
    "<bob@bob.example> NOTIFY=DELAY,,FAILURE",
    "<bob@bob.example> NOTIFY=DELAYED",
    "<bob@bob.example> NOTIFY=DELAY NOTIFY=DELAY",
    "<bob@bob.example> ORCPT=",
    "<bob@bob.example> ORCPT=bob@bob.example",
    "<bob@bob.example> ORCPT=;bob@bob.example",
    "<bob@bob.example> ORCPT=rfc822;",
    "<bob@bob.example> ORCPT=utf-8;",
    "<bob@bob.example> ORCPT=rfc822;a+0D+0Ab",
    "<bob@bob.example> ORCPT=rfc822;b\xc3\xb6z@bob.example",
    "<bob@bob.example> ORCPT=rfc822;b\xffz@bob.example",
    "<bob@bob.example> ORCPT=utf-8;b\xffz@bob.example",
    "<bob@bob.example> ORCPT=rf_c;b",
    "<bob@bob.example> SIZE=1",
    "<bob@bob.example> SMTPUTF8",
    "<bob@bob.example> RRVS=2014-04-03T23:01:00Z",
};

/* SPEC B-3.4, B-3.5, B-3.6: taken, and kept verbatim */
static void
test_taken(void **state)
{
	struct bsmtp_envelope e;
	struct error error;
	char again[2048];
	size_t i;

	(void)state;
	bsmtp_envelope_init(&e);
	for (i = 0; i < sizeof(good_mail) / sizeof(good_mail[0]); i++) {
		print_message("%s\n", good_mail[i]);
		assert_int_equal(bsmtp_parse_mail(&e, good_mail[i], &error), 0);
		snprintf(again, sizeof(again), "%s%s%s", e.mail.path,
		    *e.mail.params ? " " : "", e.mail.params);
		assert_string_equal(again, good_mail[i]);
		bsmtp_envelope_free(&e);
	}
	for (i = 0; i < sizeof(good_rcpt) / sizeof(good_rcpt[0]); i++) {
		print_message("%s\n", good_rcpt[i]);
		assert_int_equal(bsmtp_parse_rcpt(&e, good_rcpt[i], &error), 0);
		assert_int_equal(e.rcpt_count, i + 1);
		snprintf(again, sizeof(again), "%s%s%s", e.rcpt[i].path,
		    *e.rcpt[i].params ? " " : "", e.rcpt[i].params);
		assert_string_equal(again, good_rcpt[i]);
	}
	bsmtp_envelope_free(&e);
	bsmtp_envelope_free(&e);
}

/* SPEC B-3.4, B-3.5, B-3.6: refused, and nothing of it stays */
static void
test_refused(void **state)
{
	struct bsmtp_envelope e;
	struct error error;
	size_t i;

	(void)state;
	bsmtp_envelope_init(&e);
	for (i = 0; i < sizeof(bad_mail) / sizeof(bad_mail[0]); i++) {
		print_message("%s\n", bad_mail[i]);
		assert_int_equal(
		    bsmtp_parse_mail(&e, bad_mail[i], &error), AG_EINVAL);
		assert_null(e.mail.path);
	}
	for (i = 0; i < sizeof(bad_rcpt) / sizeof(bad_rcpt[0]); i++) {
		print_message("%s\n", bad_rcpt[i]);
		assert_int_equal(
		    bsmtp_parse_rcpt(&e, bad_rcpt[i], &error), AG_EINVAL);
		assert_int_equal(e.rcpt_count, 0);
	}
	bsmtp_envelope_free(&e);
}

static void
test_second_mail(void **state)
{
	struct bsmtp_envelope e;
	struct error error;

	(void)state;
	bsmtp_envelope_init(&e);
	assert_int_equal(bsmtp_set_mail(&e, "<a@a.example>", ""), 0);
	assert_int_equal(bsmtp_set_mail(&e, "<b@b.example>", ""), AG_EINVAL);
	assert_int_equal(
	    bsmtp_parse_mail(&e, "<b@b.example>", &error), AG_EINVAL);
	assert_string_equal(e.mail.path, "<a@a.example>");
	bsmtp_envelope_free(&e);
}

/* The milter has paths without brackets too. */
static void
test_brackets(void **state)
{
	struct bsmtp_envelope e;

	(void)state;
	bsmtp_envelope_init(&e);
	assert_int_equal(bsmtp_set_mail(&e, "", ""), 0);
	assert_string_equal(e.mail.path, "<>");
	assert_int_equal(bsmtp_add_rcpt(&e, "b@b.example", ""), 0);
	assert_int_equal(bsmtp_add_rcpt(&e, "<c@b.example>", ""), 0);
	assert_string_equal(e.rcpt[0].path, "<b@b.example>");
	assert_string_equal(e.rcpt[1].path, "<c@b.example>");
	bsmtp_envelope_free(&e);
}

static void
test_param(void **state)
{
	char out[BSMTP_PARAMS_MAX];
	struct bsmtp_envelope e;

	(void)state;
	bsmtp_envelope_init(&e);
	assert_int_equal(bsmtp_set_mail(&e, "<a@a.example>",
			     "SMTPUTF8 Size=17 ENVID=RET=FULL"),
	    0);
	assert_string_equal(
	    bsmtp_param(&e.mail, "SIZE", out, sizeof(out)), "17");
	assert_string_equal(
	    bsmtp_param(&e.mail, "SMTPUTF8", out, sizeof(out)), "");
	assert_string_equal(
	    bsmtp_param(&e.mail, "envid", out, sizeof(out)), "RET=FULL");
	assert_null(bsmtp_param(&e.mail, "RET", out, sizeof(out)));
	assert_null(bsmtp_param(&e.mail, "SIZ", out, sizeof(out)));
	assert_null(bsmtp_param(&e.mail, "BODY", out, sizeof(out)));
	assert_null(bsmtp_param(&e.mail, "SIZE", out, 2));
	assert_string_equal(bsmtp_param(&e.mail, "SIZE", out, 3), "17");
	bsmtp_envelope_free(&e);
	assert_null(bsmtp_param(&e.mail, "SIZE", out, sizeof(out)));
}

/* SPEC B-3.1, B-3.4, B-3.6: the bounds */
static void
test_bounds(void **state)
{
	char params[BSMTP_PARAMS_MAX + 2], path[ADDRESS_MAX + 2];
	char arg[2048], out[BSMTP_PARAMS_MAX];
	struct bsmtp_envelope e;
	struct error error;
	size_t i;

	(void)state;
	bsmtp_envelope_init(&e);
	memset(params, 'x', sizeof(params));
	memcpy(params, "ENVID=", 6);
	params[BSMTP_PARAMS_MAX + 1] = '\0';
	assert_int_equal(
	    bsmtp_set_mail(&e, "<a@a.example>", params), AG_ETOOBIG);
	params[BSMTP_PARAMS_MAX] = '\0';
	memset(path, 'p', sizeof(path));
	path[0] = '<';
	strcpy(path + ADDRESS_MAX - 11, "@a.example>");
	snprintf(arg, sizeof(arg), "%s %s", path, params);
	assert_int_equal(bsmtp_parse_mail(&e, arg, &error), 0);
	assert_string_equal(e.mail.path, path);
	assert_string_equal(
	    bsmtp_param(&e.mail, "ENVID", out, sizeof(out)), params + 6);
	bsmtp_envelope_free(&e);

	memmove(path + 1, path, strlen(path) + 1);
	path[1] = 'p';
	assert_int_not_equal(bsmtp_parse_mail(&e, path, &error), 0);
	assert_int_equal(bsmtp_set_mail(&e, path, ""), AG_ETOOBIG);

	for (i = 0; i < BSMTP_RCPT_MAX; i++)
		assert_int_equal(bsmtp_add_rcpt(&e, "<b@b.example>", ""), 0);
	assert_int_equal(bsmtp_add_rcpt(&e, "<b@b.example>", ""), AG_ETOOBIG);
	assert_int_equal(e.rcpt_count, BSMTP_RCPT_MAX);
	bsmtp_envelope_free(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_taken),
	    help_test(test_refused),
	    help_test(test_second_mail),
	    help_test(test_brackets),
	    help_test(test_param),
	    help_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
