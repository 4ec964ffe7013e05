/* SPDX-License-Identifier: MIT */
/*
 * test_receipt - receipts: the example of the spec byte for byte, order,
 * bounds, and that a text has one form only.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/receipt.h"
#include "mail/statement.h"
#include "mail_help.h"

#define ID_SMALL \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ID_BIG \
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void
fill(struct receipt *r)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->network, "friends.example");
	strcpy(r->home, "bob");
	r->time = 1795256400;
	r->count = 3;
	strcpy(r->ids[0], HELP_SHA256_ABC);
	strcpy(r->ids[1], ID_SMALL);
	strcpy(r->ids[2], HELP_SHA256_ABC);
}

static void
write_text(const struct receipt *r, struct buf *b)
{
	buf_init(b, RECEIPT_MAX);
	assert_int_equal(receipt_write(r, b), 0);
}

static void
sign_and_write(struct receipt *r, struct buf *b)
{
	struct sign_key key;

	help_key(&key);
	assert_int_equal(receipt_sign(r, &key), 0);
	write_text(r, b);
}

/* SPEC B-7.1, B-7.2, B-7.3: sorted, equals dropped, as in the example */
static void
test_spec_example(void **state)
{
	struct receipt r, again;
	struct verify_key pub;
	struct sign_key key;
	struct buf b;

	(void)state;
	fill(&r);
	sign_and_write(&r, &b);
	assert_int_equal(r.count, 2);
	help_assert_in_spec(buf_str(&b));
	assert_int_equal(receipt_parse(b.data, b.len, &again), 0);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.ids[0], ID_SMALL);
	assert_string_equal(again.ids[1], HELP_SHA256_ABC);
	help_key(&key);
	memcpy(pub.public, key.public, sizeof(pub.public));
	assert_int_equal(receipt_verify(&again, &pub), 0);
	buf_free(&b);
}

/* SPEC B-7.2: 256 IDs, not one more */
static void
test_bounds(void **state)
{
	struct receipt *r = calloc(1, sizeof(*r));
	struct receipt *again = calloc(1, sizeof(*again));
	struct sign_key key;
	struct buf b;
	unsigned i;
	char *more;

	(void)state;
	assert_non_null(r);
	assert_non_null(again);
	fill(r);
	for (i = 0; i < RECEIPT_IDS_MAX; i++)
		snprintf(r->ids[i], sizeof(r->ids[i]), "%064x", 7 * (300 - i));
	r->count = RECEIPT_IDS_MAX;
	for (i = 0; i < NETWORK_NAME_MAX; i++)
		r->network[i] = i % 64 == 63 ? '.' : 'n';
	memset(r->home, 'h', NODE_NAME_MAX);
	r->time = STATEMENT_TIME_MAX;
	sign_and_write(r, &b);
	assert_int_equal(receipt_parse(b.data, b.len, again), 0);
	assert_memory_equal(r, again, sizeof(*r));

	more =
	    help_replace(buf_str(&b), "signature", "id " ID_BIG "\nsignature");
	assert_int_equal(receipt_parse(more, strlen(more), again), AG_EINVAL);

	help_key(&key);
	r->count = RECEIPT_IDS_MAX + 1;
	assert_int_equal(receipt_sign(r, &key), AG_EINVAL);
	r->count = 0;
	assert_int_equal(receipt_sign(r, &key), AG_EINVAL);
	buf_free(&b);
	free(r);
	free(again);
}

/* SPEC B-7.5: each byte counts */
static void
test_each_byte_counts(void **state)
{
	struct receipt r, got;
	struct verify_key pub;
	struct sign_key key;
	unsigned bit;
	struct buf b;
	size_t i;

	(void)state;
	fill(&r);
	sign_and_write(&r, &b);
	help_key(&key);
	memcpy(pub.public, key.public, sizeof(pub.public));
	for (i = 0; i < b.len; i++) {
		for (bit = 1; bit < 256; bit <<= 1) {
			b.data[i] ^= (char)bit;
			if (receipt_parse(b.data, b.len, &got) == 0)
				assert_int_equal(
				    receipt_verify(&got, &pub), AG_ESIG);
			b.data[i] ^= (char)bit;
		}
		assert_int_equal(receipt_parse(b.data, i, &got), AG_EINVAL);
	}
	buf_free(&b);
}

/* SPEC B-7.4: one form only */
static const char *const forms[][2] = {
    {"agamid-receipt 1", "agamid-receipt 2"},
    {"agamid-receipt 1", "agamid-ticket 1"},
    {"agamid-receipt 1\n", "agamid-receipt 1\r\n"},
    {"home bob", "home  bob"},
    {"home bob", "home BOB"},
    {"time 1795256400", "time 01795256400"},
    {"time 1795256400", "time 253402300800"},
    {"id " ID_SMALL "\n", "id " ID_SMALL "\nid " ID_SMALL "\n"},
    {"id " ID_SMALL "\n", "id " ID_BIG "\n"},
    {"id " ID_SMALL "\n", "id " ID_SMALL " \n"},
    {"id " ID_SMALL "\n", "id " ID_SMALL "0\n"},
    {"id " ID_SMALL "\n", "id 00\n"},
    {"id " ID_SMALL "\n", "id \n"},
    {"0a0b", "0A0B"},
    {"id " ID_SMALL "\nid " HELP_SHA256_ABC "\n",
	"id " HELP_SHA256_ABC "\nid " ID_SMALL "\n"},
    {"id " ID_SMALL "\nid " HELP_SHA256_ABC "\n", ""},
    {"==\n", "==\n\n"},
    {"==\n", "==\nid " ID_BIG "\n"},
    {"==\n", "=="},
    {"==\n", "\n"},
};

static void
test_one_form_only(void **state)
{
	struct receipt r, got;
	const char *bad;
	struct buf b;
	size_t i;

	(void)state;
	fill(&r);
	sign_and_write(&r, &b);
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		print_message("%s -> %s\n", forms[i][0], forms[i][1]);
		bad = help_replace(buf_str(&b), forms[i][0], forms[i][1]);
		assert_int_equal(
		    receipt_parse(bad, strlen(bad), &got), AG_EINVAL);
		assert_int_equal(got.count, 0);
	}
	assert_int_equal(receipt_parse(b.data, b.len + 1, &got), AG_EINVAL);
	assert_int_equal(receipt_parse("", 0, &got), AG_EINVAL);
	buf_free(&b);
}

/* SPEC B-7.6; and a ticket's signature is none of a receipt */
static void
test_other_key(void **state)
{
	struct verify_key pub;
	struct sign_key other;
	struct receipt r;
	struct buf b;

	(void)state;
	fill(&r);
	sign_and_write(&r, &b);
	help_other_key(&other);
	memcpy(pub.public, other.public, sizeof(pub.public));
	assert_int_equal(receipt_verify(&r, &pub), AG_ESIG);
	keys_name(other.public, r.key);
	assert_int_equal(receipt_verify(&r, &pub), AG_ESIG);
	buf_free(&b);
}

static void
test_no_room(void **state)
{
	struct receipt r;
	struct buf b;

	(void)state;
	fill(&r);
	sign_and_write(&r, &b);
	buf_free(&b);
	buf_init(&b, 200);
	assert_int_equal(receipt_write(&r, &b), AG_ETOOBIG);
	assert_int_equal(b.len, 0);
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
	    help_test(test_bounds),
	    help_test(test_each_byte_counts),
	    help_test(test_one_form_only),
	    help_test(test_other_key),
	    help_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
