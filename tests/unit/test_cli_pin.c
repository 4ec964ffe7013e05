/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/pin.c and cli/claims.c: what is pinned, and that a name,
 * host, domain or key belongs to one node.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/claims.h"
#include "cli/pin.h"
#include "cli_help.h"
#include "util/error.h"
#include "util/text.h"

static const char bob_pin[] =
    "agamid-pin 1\n"
    "since 1795305600\n"
    "name bob\n"
    "host bob.friends.example\n"
    "site bob\n"
    "domain a.example\n"
    "domain bob.example\n"
    "primary 5555555555555555555555555555555555555555\n"
    "recovery 6666666666666666666666666666666666666666\n"
    "ssh-client " SSH_KEY_1 "\n";

static struct manifest *
bob(void)
{
	struct manifest *m = fake_manifest("bob", '5', SSH_KEY_1);

	fake_domain(m, "a.example");
	return m;
}

static void
test_make(void **state)
{
	struct manifest *m = bob();
	struct buf pin;
	int64_t since;

	(void)state;
	buf_init(&pin, PIN_MAX);
	assert_int_equal(pin_make(m, 1795305600, &pin), 0);
	assert_string_equal(buf_str(&pin), bob_pin);
	assert_int_equal(pin_since(&pin, &since), 0);
	assert_int_equal(since, 1795305600);
	assert_int_equal(pin_differs(&pin, m, NULL), 0);
	buf_free(&pin);
	fake_free(&m);
}

static void
set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

/* One pinned fact of bob's is other. */
static void
change(struct manifest *m, int what)
{
	switch (what) {
	case 0:
		set(&m->host, "mallory.example");
		break;
	case 1:
		set(&m->domains[0], "b.example");
		break;
	case 2:
		m->site = xstrdup("elsewhere");
		break;
	case 3:
		m->fpr[7] = '0';
		break;
	case 4:
		m->recovery_fpr[39] = '0';
		break;
	case 5:
		set(&m->ssh_client_keys[0], SSH_KEY_2);
		break;
	case 6:
		set(&m->name, "bobby");
		break;
	}
}

/* SPEC N-14.3 */
static void
test_pinned(void **state)
{
	struct manifest *m;
	struct buf pin, out;
	int i;

	(void)state;
	buf_init(&pin, PIN_MAX);
	buf_init(&out, PIN_MAX);
	m = bob();
	assert_int_equal(pin_make(m, 1, &pin), 0);
	fake_free(&m);
	for (i = 0; i <= 6; i++) {
		m = bob();
		change(m, i);
		buf_reset(&out);
		assert_true(pin_differs(&pin, m, &out) > 0);
		assert_non_null(strstr(buf_str(&out), "  - "));
		assert_non_null(strstr(buf_str(&out), "  + "));
		fake_free(&m);
	}
	/* One more domain is a change too. */
	m = bob();
	fake_domain(m, "new.example");
	buf_reset(&out);
	assert_int_equal(pin_differs(&pin, m, &out), 1);
	assert_string_equal(buf_str(&out), "  + domain new.example\n");
	fake_free(&m);
	buf_free(&out);
	buf_free(&pin);
}

/* SPEC N-14.3: what may change without asking. */
static void
test_not_pinned(void **state)
{
	struct manifest *m = bob();
	struct buf pin;

	(void)state;
	buf_init(&pin, PIN_MAX);
	assert_int_equal(pin_make(m, 1, &pin), 0);
	m->serial++;
	m->ssh_port = 22;
	m->ticket_key.public[0] ^= 1;
	m->receipt_key.public[0] ^= 1;
	m->quota = 7;
	m->copies = 7;
	fake_mailbox(m, "bob", "bob");
	assert_int_equal(pin_differs(&pin, m, NULL), 0);
	buf_free(&pin);
	fake_free(&m);
}

static void
test_no_pin(void **state)
{
	static const char *const bad[] = {"", "agamid-pin 2\nsince 1\n",
	    "agamid-pin 1\n", "agamid-pin 1\nsince x\n",
	    "agamid-pin 1\nsince 1"};
	struct manifest *m = bob();
	struct buf pin;
	int64_t since;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&pin, PIN_MAX);
		assert_int_equal(buf_puts(&pin, bad[i]), 0);
		assert_int_equal(pin_since(&pin, &since), AG_EINVAL);
		assert_true(pin_differs(&pin, m, NULL) > 0);
		buf_free(&pin);
	}
	fake_free(&m);
}

static int
claim(struct claims *c, const struct manifest *m, struct buf *why)
{
	struct buf pin;
	int rc;

	buf_init(&pin, PIN_MAX);
	assert_int_equal(pin_make(m, 1, &pin), 0);
	rc = claims_take(c, m->name, &pin, why);
	buf_free(&pin);
	return rc;
}

/* Mallory takes one thing that is Bob's. */
static void
steal(struct manifest *m, const struct manifest *from, int what)
{
	switch (what) {
	case 0:
		set(&m->host, from->host);
		break;
	case 1:
		fake_domain(m, from->domains[1]);
		break;
	case 2:
		memcpy(m->fpr, from->fpr, sizeof(m->fpr));
		break;
	case 3:
		memcpy(m->recovery_fpr, from->fpr, sizeof(m->fpr));
		break;
	case 4:
		set(&m->ssh_client_keys[0], from->ssh_client_keys[0]);
		break;
	}
}

/* SPEC N-14.4 */
static void
test_claims(void **state)
{
	static const char *const want[] = {
	    "  domain bob.friends.example belongs to bob\n",
	    "  domain a.example belongs to bob\n",
	    "  key 5555555555555555555555555555555555555555 belongs to bob\n",
	    "  key 5555555555555555555555555555555555555555 belongs to bob\n",
	    "  SSH key " SSH_KEY_1 " belongs to bob\n",
	};
	struct manifest *b = bob(), *m;
	struct claims *c = claims_new();
	struct buf why;
	int i;

	(void)state;
	assert_int_equal(claim(c, b, NULL), 0);
	assert_int_equal(claim(c, b, NULL), 0); /* his own again */
	for (i = 0; i < 5; i++) {
		m = fake_manifest("mallory", '1', SSH_KEY_2);
		steal(m, b, i);
		buf_init(&why, 4096);
		assert_int_equal(claim(c, m, &why), AG_EEXIST);
		assert_string_equal(buf_str(&why), want[i]);
		buf_free(&why);
		fake_free(&m);
	}
	/* Nothing of all that was taken. */
	m = fake_manifest("mallory", '1', SSH_KEY_2);
	assert_int_equal(claim(c, m, NULL), 0);
	fake_free(&m);
	claims_free(&c);
	fake_free(&b);
}

/* SPEC N-14.4: a domain that our own Postfix serves. */
static void
test_claims_domain(void **state)
{
	struct manifest *b = bob();
	struct claims *c = claims_new();
	struct buf why;

	(void)state;
	buf_init(&why, 4096);
	claims_domain(c, "a.example", "this machine's Postfix");
	assert_int_equal(claim(c, b, &why), AG_EEXIST);
	assert_string_equal(buf_str(&why),
	    "  domain a.example belongs to this machine's Postfix\n");
	buf_free(&why);
	claims_free(&c);
	fake_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_make),
	    help_test(test_pinned),
	    help_test(test_not_pinned),
	    help_test(test_no_pin),
	    help_test(test_claims),
	    help_test(test_claims_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
