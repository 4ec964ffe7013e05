/* SPDX-License-Identifier: MIT */
/*
 * test_mailbox_key - lib/mail/mailbox_key.h and cli/key_body.h: the keys of
 * a mailbox, and the public one's place in the manifest.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/key_body.h"
#include "mail/mailbox_key.h"

#define BODY                                              \
	"version: 1\nnode:\n  name: bob\n  mailboxes:\n"  \
	"    # people\n    ann: {matches: 'ann'}\n"       \
	"    \"bob\":\n      matches: 'b(ob)?'\n\n"       \
	"      openpgp: |\n        old\n    'info': {}\n" \
	"  backups: {allow: ['*']}\n...\n"
#define TAIL "  backups: {allow: ['*']}\n...\n"
#define HEAD                                             \
	"version: 1\nnode:\n  name: bob\n  mailboxes:\n" \
	"    # people\n"

static const struct {
	const char *mailbox, *matches, *key, *want;
} bodies[] = {
    {"ann", "ann", "K\n\nL\n",
	HEAD "    'ann':\n      matches: 'ann'\n      openpgp: |\n"
	     "        K\n\n        L\n"
	     "    \"bob\":\n      matches: 'b(ob)?'\n\n      openpgp: |\n"
	     "        old\n    'info': {}\n" TAIL},
    {"bob", "it's", NULL,
	HEAD "    ann: {matches: 'ann'}\n    'bob':\n"
	     "      matches: 'it''s'\n    'info': {}\n" TAIL},
    {"info", NULL, NULL,
	HEAD "    ann: {matches: 'ann'}\n    \"bob\":\n"
	     "      matches: 'b(ob)?'\n\n      openpgp: |\n        old\n"
	     "    'info': {}\n" TAIL},
    {"bo", NULL, "K\n", NULL},
    {"nobody", NULL, "K\n", NULL},
    {"name", NULL, "K\n", NULL},
};

/* SPEC D-7.1, D-7.3 */
static void
test_body(void **state)
{
	struct buf body, out;
	size_t i;
	int rc;

	(void)state;
	buf_init(&body, 4096);
	buf_init(&out, 4096);
	assert_int_equal(buf_puts(&body, BODY), 0);
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		rc = key_body_set(&body, bodies[i].mailbox, bodies[i].matches,
		    bodies[i].key, &out);
		assert_int_equal(rc, bodies[i].want == NULL ? AG_ENOENT : 0);
		if (bodies[i].want != NULL)
			assert_string_equal(buf_str(&out), bodies[i].want);
	}
	buf_free(&out);
	buf_free(&body);
}

#ifdef HAVE_RNP

static struct mailbox_key *
made(const struct buf *data, const char *pass, int want)
{
	struct mailbox_key *k;

	assert_int_equal(mailbox_key_new(&k, NULL), 0);
	if (data != NULL)
		assert_int_equal(mailbox_key_load(k, data, pass, NULL), want);
	return k;
}

/* SPEC D-7.2: what lies in the file opens with its passphrase only; an
 * older key stays behind the newer one. */
static void
test_keys(void **state)
{
	struct mailbox_key *k = made(NULL, NULL, 0);
	struct buf secret, first, second, sheet;

	(void)state;
	buf_init(&secret, MAILBOX_KEY_MAX);
	buf_init(&first, MAILBOX_KEY_MAX);
	buf_init(&second, MAILBOX_KEY_MAX);
	buf_init(&sheet, MAILBOX_KEY_MAX);
	assert_int_equal(mailbox_key_generate(k, "bob@bob.example", NULL), 0);
	assert_int_equal(mailbox_key_public(k, &first, NULL), 0);
	assert_non_null(strstr(buf_str(&first), "BEGIN PGP PUBLIC KEY BLOCK"));
	assert_int_equal(mailbox_key_sheet(k, &sheet, NULL), 0);
	assert_int_equal(mailbox_key_secret(k, "", &secret, NULL), AG_EINVAL);
	assert_int_equal(mailbox_key_secret(k, "p%u \"", &secret, NULL), 0);
	mailbox_key_free(&k);

	k = made(&secret, "p%u", AG_EPERM);
	mailbox_key_free(&k);
	k = made(&first, NULL, AG_EINVAL); /* no secret */
	mailbox_key_free(&k);
	k = made(&sheet, NULL, 0); /* no passphrase */
	mailbox_key_free(&k);
	k = made(&secret, "p%u \"", 0);
	assert_int_equal(mailbox_key_public(k, &second, NULL), 0);
	assert_string_equal(buf_str(&first), buf_str(&second));
	buf_reset(&secret);
	assert_int_equal(mailbox_key_secret(k, "new", &secret, NULL), 0);
	mailbox_key_free(&k);
	k = made(&secret, "new", 0);
	mailbox_key_free(&k);
	buf_wipe(&secret);
	buf_wipe(&sheet);
	buf_free(&first);
	buf_free(&second);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_body),
#ifdef HAVE_RNP
	    help_test(test_keys),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
