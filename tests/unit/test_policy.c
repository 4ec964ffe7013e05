/* SPDX-License-Identifier: MIT */
/*
 * test_policy - Postfix's policy protocol: what is read, what is refused,
 * in pieces of any size.
 */
#include "help.h"

#include <string.h>

#include "milter/policy.h"

/* As Postfix 3.7 sends it. */
static const char real[] = "request=smtpd_access_policy\n"
			   "protocol_state=RCPT\n"
			   "protocol_name=ESMTP\n"
			   "client_address=10.77.0.1\n"
			   "client_name=mx.sender.example\n"
			   "client_port=40312\n"
			   "reverse_client_name=mx.sender.example\n"
			   "server_address=10.77.0.13\n"
			   "server_port=25\n"
			   "helo_name=mx.sender.example\n"
			   "sender=ann@sender.example\n"
			   "recipient=talktome+x@bob.example\n"
			   "recipient_count=0\n"
			   "queue_id=\n"
			   "instance=7b1.5f2.0\n"
			   "size=1234\n"
			   "etrn_domain=\n"
			   "stress=\n"
			   "sasl_method=\n"
			   "ccert_subject=\n"
			   "encryption_protocol=\n"
			   "policy_context=\n"
			   "\n";

static void
test_real_request(void **state)
{
	struct policy_request r;
	struct error error;

	(void)state;
	assert_int_equal(
	    policy_parse(real, strlen(real), &r, &error), strlen(real));
	assert_string_equal(r.request, "smtpd_access_policy");
	assert_string_equal(r.state, "RCPT");
	assert_string_equal(r.protocol, "ESMTP");
	assert_string_equal(r.client_address, "10.77.0.1");
	assert_string_equal(r.client_port, "40312");
	assert_string_equal(r.client_name, "mx.sender.example");
	assert_string_equal(r.reverse_client_name, "mx.sender.example");
	assert_string_equal(r.sender, "ann@sender.example");
	assert_string_equal(r.recipient, "talktome+x@bob.example");
	assert_string_equal(r.queue_id, "");
	assert_int_equal(r.size, 1234);
}

static void
test_pieces(void **state)
{
	struct policy_request r;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < strlen(real); i++)
		assert_int_equal(policy_parse(real, i, &r, &error), 0);
}

static void
test_two_requests(void **state)
{
	static const char two[] = "recipient=a@b\n\nrecipient=c@d\n\n";
	struct policy_request r;
	ssize_t n;

	(void)state;
	n = policy_parse(two, strlen(two), &r, NULL);
	assert_int_equal(n, 15);
	assert_string_equal(r.recipient, "a@b");
	assert_int_equal(policy_parse(two + n, strlen(two) - n, &r, NULL), 15);
	assert_string_equal(r.recipient, "c@d");
}

static const struct {
	const char *text;
	int rc;
} bad[] = {
    {"nonsense\n\n", AG_EINVAL},
    {"=x\n\n", AG_EINVAL},
    {"recipient=a\rb\n\n", AG_EINVAL},
    {"recipient=a\x1f\n\n", AG_EINVAL},
    {"unknown=a\x7f\n\n", AG_EINVAL},
    {"recipient=a@b\nrecipient=c@d\n\n", AG_EINVAL},
    {"size=1\nsize=1\n\n", AG_EINVAL},
    {"size=-1\n\n", AG_EINVAL},
    {"size=1x\n\n", AG_EINVAL},
    {"size=99999999999999999999999999\n\n", AG_EINVAL},
    {"client_port=12345678\n\n", AG_ETOOBIG},
};

static void
test_bad(void **state)
{
	struct policy_request r;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(
		    policy_parse(bad[i].text, strlen(bad[i].text), &r, &error),
		    bad[i].rc);
	}
	assert_int_equal(policy_parse("a=\0\n\n", 5, &r, &error), AG_EINVAL);
}

static void
test_bounds(void **state)
{
	static char big[POLICY_REQUEST_MAX];
	struct policy_request r;

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "helo_name=", 10);
	assert_int_equal(policy_parse(big, sizeof(big) - 1, &r, NULL), 0);
	assert_int_equal(policy_parse(big, sizeof(big), &r, NULL), AG_ETOOBIG);
	/* One as long as allowed, with an attribute that we skip. */
	memcpy(big + sizeof(big) - 2, "\n\n", 2);
	assert_int_equal(policy_parse(big, sizeof(big), &r, NULL), sizeof(big));
	/* One of ours must fit its place. */
	memcpy(big, "recipient=", 10);
	assert_int_equal(policy_parse(big, sizeof(big), &r, NULL), AG_ETOOBIG);
}

static void
test_empty_size(void **state)
{
	struct policy_request r;

	(void)state;
	assert_int_equal(policy_parse("size=\n\n", 7, &r, NULL), 7);
	assert_int_equal(r.size, 0);
}

static const struct {
	const char *recipient, *local, *domain;
} recipients[] = {
    {"bob@bob.example", "bob", "bob.example"},
    {"BOB@Bob.Example", "BOB", "bob.example"},
    {"a b@bob.example", "a b", "bob.example"},
    {"a\"q@bob.example", "a\"q", "bob.example"},
    {"a@b@bob.example", "a@b", "bob.example"},
    {"b\u00f6b@bob.example", "b\u00f6b", "bob.example"},
    {"bob", NULL, NULL},
    {"", NULL, NULL},
    {"@bob.example", NULL, NULL},
    {"bob@", NULL, NULL},
    {"bob@bob.example.", NULL, NULL},
    {"bob@[192.0.2.7]", NULL, NULL},
};

/* The internal form that Postfix 3.7 gives. */
static void
test_recipients(void **state)
{
	struct address a;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
		print_message("%s\n", recipients[i].recipient);
		rc = policy_parse_recipient(recipients[i].recipient, &a);
		if (recipients[i].local == NULL) {
			assert_int_equal(rc, AG_EINVAL);
			continue;
		}
		assert_int_equal(rc, AG_OK);
		assert_string_equal(a.local, recipients[i].local);
		assert_string_equal(a.domain, recipients[i].domain);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_real_request),
	    help_test(test_pieces),
	    help_test(test_two_requests),
	    help_test(test_bad),
	    help_test(test_bounds),
	    help_test(test_empty_size),
	    help_test(test_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
