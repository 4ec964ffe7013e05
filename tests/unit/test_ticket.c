/* SPDX-License-Identifier: MIT */
/*
 * test_ticket - tickets: the example of the spec byte for byte, the bounds
 * of each field, and that a text has one form only.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "mail/ticket.h"
#include "mail/statement.h"
#include "mail_help.h"

static void
fill(struct ticket *t)
{
	memset(t, 0, sizeof(*t));
	strcpy(t->network, "friends.example");
	strcpy(t->acceptor, "carol");
	strcpy(t->home, "bob");
	strcpy(t->nonce, "000102030405060708090a0b0c0d0e0f");
	strcpy(t->id, HELP_SHA256_ABC);
	t->size = 3;
	t->time = 1795252800;
	t->copies = 2;
}

/* The text of a good ticket; freed at the end of the test. */
static const char *
good_text(struct ticket *t)
{
	struct sign_key key;

	help_key(&key);
	fill(t);
	assert_int_equal(ticket_sign(t, &key), 0);
	return help_ticket_text(t);
}

/* SPEC B-6.1, B-6.2, B-6.4, B-6.5: the example in doc/spec/bundle.md */
static void
test_spec_example(void **state)
{
	struct ticket t, again;
	struct verify_key pub;
	struct sign_key key;
	const char *text = good_text(&t);

	(void)state;
	help_key(&key);
	memcpy(pub.public, key.public, sizeof(pub.public));
	help_assert_in_spec(text);
	assert_int_equal(ticket_parse(text, strlen(text), &again), 0);
	assert_memory_equal(&t, &again, sizeof(t));
	assert_int_equal(ticket_verify(&again, &pub), 0);
}

/* One field's other value makes another ticket, signature or not. */
static void
test_is_same(void **state)
{
	struct ticket t, other;
	size_t i;

	(void)state;
	good_text(&t);
	other = t;
	assert_true(ticket_is_same(&t, &other));
	strcpy(other.home, "dave");
	assert_false(ticket_is_same(&t, &other));
	other = t;
	other.copies++;
	assert_false(ticket_is_same(&t, &other));
	other = t;
	other.time++;
	assert_false(ticket_is_same(&t, &other));
	for (i = 0; i < sizeof(t.signature); i++) {
		other = t;
		other.signature[i] ^= 1;
		assert_false(ticket_is_same(&t, &other));
	}
}

static void
set_network(struct ticket *t)
{
	strcpy(t->network, "Friends.example");
}

static void
set_no_network(struct ticket *t)
{
	t->network[0] = '\0';
}

static void
set_acceptor(struct ticket *t)
{
	strcpy(t->acceptor, "../carol");
}

static void
set_home(struct ticket *t)
{
	strcpy(t->home, "bob\nnonce 00");
}

static void
set_nonce(struct ticket *t)
{
	t->nonce[31] = '\0';
}

static void
set_id(struct ticket *t)
{
	t->id[0] = 'F';
}

static void
set_no_size(struct ticket *t)
{
	t->size = 0;
}

static void
set_size(struct ticket *t)
{
	t->size = BUNDLE_SIZE_MAX + 1;
}

static void
set_past(struct ticket *t)
{
	t->time = -1;
}

static void
set_future(struct ticket *t)
{
	t->time = STATEMENT_TIME_MAX + 1;
}

static void
set_no_copies(struct ticket *t)
{
	t->copies = 0;
}

static void
set_copies(struct ticket *t)
{
	t->copies = TICKET_COPIES_MAX + 1;
}

/* SPEC B-6.2: neither signed nor written if a field is out of bounds */
static void
test_bad_fields(void **state)
{
	static void (*const sets[])(struct ticket * t) = {set_network,
	    set_no_network, set_acceptor, set_home, set_nonce, set_id,
	    set_no_size, set_size, set_past, set_future, set_no_copies,
	    set_copies};
	struct verify_key pub;
	struct sign_key key;
	struct ticket t;
	struct buf b;
	size_t i;

	(void)state;
	help_key(&key);
	memcpy(pub.public, key.public, sizeof(pub.public));
	buf_init(&b, TICKET_MAX);
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		good_text(&t);
		sets[i](&t);
		assert_int_equal(ticket_write(&t, &b), AG_EINVAL);
		assert_int_equal(ticket_verify(&t, &pub), AG_ESIG);
		assert_int_equal(ticket_sign(&t, &key), AG_EINVAL);
		assert_int_equal(b.len, 0);
	}
	buf_free(&b);
}

/* What is at the bounds, and the longest text. */
static void
test_bounds(void **state)
{
	struct ticket t, again;
	struct sign_key key;
	const char *text;
	size_t i;

	(void)state;
	help_key(&key);
	fill(&t);
	for (i = 0; i < NETWORK_NAME_MAX; i++)
		t.network[i] = i % 64 == 63 ? '.' : 'n';
	t.network[NETWORK_NAME_MAX] = '\0';
	memset(t.acceptor, 'a', NODE_NAME_MAX);
	memset(t.home, 'h', NODE_NAME_MAX);
	t.size = BUNDLE_SIZE_MAX;
	t.time = STATEMENT_TIME_MAX;
	t.copies = TICKET_COPIES_MAX;
	assert_int_equal(ticket_sign(&t, &key), 0);
	text = help_ticket_text(&t);
	assert_in_range(strlen(text), 1, TICKET_MAX);
	assert_int_equal(ticket_parse(text, strlen(text), &again), 0);
	assert_memory_equal(&t, &again, sizeof(t));

	t.time = 0;
	t.size = t.copies = 1;
	assert_int_equal(ticket_sign(&t, &key), 0);
	text = help_ticket_text(&t);
	assert_int_equal(ticket_parse(text, strlen(text), &again), 0);
	assert_memory_equal(&t, &again, sizeof(t));
}

/* SPEC B-6.6: each byte of a ticket counts */
static void
test_each_byte_counts(void **state)
{
	struct ticket t, got;
	struct verify_key pub;
	struct sign_key key;
	char *text = strdup(good_text(&t));
	size_t len = strlen(text), i;
	unsigned bit;

	(void)state;
	help_key(&key);
	memcpy(pub.public, key.public, sizeof(pub.public));
	for (i = 0; i < len; i++) {
		for (bit = 1; bit < 256; bit <<= 1) {
			text[i] ^= (char)bit;
			if (ticket_parse(text, len, &got) == 0)
				assert_int_equal(
				    ticket_verify(&got, &pub), AG_ESIG);
			text[i] ^= (char)bit;
		}
		assert_int_equal(ticket_parse(text, i, &got), AG_EINVAL);
	}
	assert_int_equal(ticket_parse(text, len, &got), 0);
	free(text);
}

/* SPEC B-6.3: one form only. from is replaced by to in a good ticket. */
static const char *const forms[][2] = {
    {"agamid-ticket 1", "agamid-ticket 2"},
    {"agamid-ticket 1\n", "agamid-ticket 1\r\n"},
    {"agamid-ticket 1\n", "\nagamid-ticket 1\n"},
    {"network friends", "network  friends"},
    {"network friends", "Network friends"},
    {"friends.example\n", "friends.example \n"},
    {"friends.example\n", "friends.example.\n"},
    {"friends.example", "FRIENDS.example"},
    {"home bob", "home Bob"},
    {"home bob\n", "home bob\nhome bob\n"},
    {"home bob\n", "home bob\nx-extra 1\n"},
    {"home bob\n", ""},
    {"0a0b0c", "0A0B0C"},
    {"size 3", "size 03"},
    {"size 3", "size +3"},
    {"size 3", "size 0"},
    {"size 3", "size -3"},
    {"size 3", "size 18446744073709551619"},
    {"size 3", "size 1099511627777"},
    {"time 1795252800", "time 253402300800"},
    {"time 1795252800", "time -1"},
    {"copies 2", "copies 0"},
    {"copies 2", "copies 9"},
    {"copies 2", "copies 2.0"},
    {"acceptor carol\nhome bob\n", "home bob\nacceptor carol\n"},
    {"acceptor carol", "acceptor carol/"},
    {"signature ", "signature  "},
    {"==\n", "==\n\n"},
    {"==\n", "==\r\n"},
    {"==\n", "==\nx"},
    {"==\n", "==\n "},
    {"==\n", "==\n\nsignature"},
    {"==\n", "\n"},
    {"==\n", "=\n"},
    {"==\n", "=="},
};

static void
test_one_form_only(void **state)
{
	struct ticket t, got;
	const char *good = good_text(&t), *bad;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		print_message("%s -> %s\n", forms[i][0], forms[i][1]);
		bad = help_replace(good, forms[i][0], forms[i][1]);
		assert_int_equal(
		    ticket_parse(bad, strlen(bad), &got), AG_EINVAL);
		assert_int_equal(got.size, 0);
	}
	/* A NUL inside, and one behind the end. */
	bad = help_replace(good, "home bob", "home b?b");
	*strchr(bad, '?') = '\0';
	assert_int_equal(ticket_parse(bad, strlen(good), &got), AG_EINVAL);
	assert_int_equal(ticket_parse(good, strlen(good) + 1, &got), AG_EINVAL);
	assert_int_equal(ticket_parse("", 0, &got), AG_EINVAL);
}

/* SPEC B-6.7 */
static void
test_other_key(void **state)
{
	struct sign_key key, other;
	struct verify_key pub;
	struct ticket t;

	(void)state;
	good_text(&t);
	help_key(&key);
	help_other_key(&other);
	memcpy(pub.public, other.public, sizeof(pub.public));
	assert_int_equal(ticket_verify(&t, &pub), AG_ESIG);
	/* The name alone does not do it. */
	keys_name(other.public, t.key);
	assert_int_equal(ticket_verify(&t, &pub), AG_ESIG);
}

/* An error leaves nothing behind in the buffer. */
static void
test_no_room(void **state)
{
	struct ticket t;
	struct buf b;

	(void)state;
	good_text(&t);
	buf_init(&b, 320);
	assert_int_equal(buf_puts(&b, "before"), 0);
	assert_int_equal(ticket_write(&t, &b), AG_ETOOBIG);
	assert_string_equal(buf_str(&b), "before");
	buf_free(&b);
}

static int
start(void **state)
{
	(void)state;
	return keys_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_spec_example),
	    help_test(test_is_same),
	    help_test(test_bad_fields),
	    help_test(test_bounds),
	    help_test(test_each_byte_counts),
	    help_test(test_one_form_only),
	    help_test(test_other_key),
	    help_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
