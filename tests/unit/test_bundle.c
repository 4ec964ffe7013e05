/* SPDX-License-Identifier: MIT */
/*
 * test_bundle - the head of a bundle's plaintext: the example of the spec
 * byte for byte, what is refused, cleaning; and the padded length.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/bundle.h"
#include "mail/statement.h"
#include "mail_help.h"

#define FIRST                                        \
	"agamid-bundle 1 friends.example carol bob " \
	"000102030405060708090a0b0c0d0e0f 1795252800\r\n"

static void
fill(struct bundle_head *h)
{
	memset(h, 0, sizeof(*h));
	strcpy(h->network, "friends.example");
	strcpy(h->acceptor, "carol");
	strcpy(h->home, "bob");
	strcpy(h->nonce, "000102030405060708090a0b0c0d0e0f");
	h->time = 1795252800;
	strcpy(h->client.name, "mail.sender.example");
	strcpy(h->client.reverse_name, "mail.sender.example");
	strcpy(h->client.address, "192.0.2.7");
	strcpy(h->client.port, "40312");
	strcpy(h->client.helo, "mail.sender.example");
	strcpy(h->client.protocol, "ESMTP");
	strcpy(h->client.tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	strcpy(h->client.spf, "pass");
}

/* SPEC B-2.1, B-2.2, B-2.4: the example; and cut anywhere it is not all
 * there yet */
static void
test_spec_example(void **state)
{
	struct bundle_head h, got;
	struct error error;
	struct buf b;
	size_t i;

	(void)state;
	fill(&h);
	buf_init(&b, BUNDLE_HEAD_MAX);
	assert_int_equal(bundle_head_write(&h, &b), 0);
	help_assert_in_spec(buf_str(&b));
	for (i = 0; i < b.len; i++)
		assert_int_equal(bundle_head_parse(b.data, i, &got, &error), 0);
	i = b.len;
	assert_int_equal(buf_puts(&b, "EHLO carol.friends.example\r\n"), 0);
	assert_int_equal(bundle_head_parse(b.data, b.len, &got, &error), i);
	assert_memory_equal(&h, &got, sizeof(h));
	buf_free(&b);
}

/* SPEC B-2.4: what is not known has no line */
static void
test_nothing_known(void **state)
{
	struct bundle_head h, got;
	struct error error;
	struct buf b;

	(void)state;
	fill(&h);
	memset(&h.client, 0, sizeof(h.client));
	buf_init(&b, BUNDLE_HEAD_MAX);
	assert_int_equal(bundle_head_write(&h, &b), 0);
	assert_string_equal(buf_str(&b), FIRST "\r\n");
	assert_int_equal(bundle_head_parse(b.data, b.len, &got, &error), b.len);
	assert_memory_equal(&h, &got, sizeof(h));
	buf_free(&b);
}

/* SPEC B-2.5: no value ends a line */
static void
test_cleaning(void **state)
{
	struct bundle_head h, got;
	struct error error;
	struct buf b;

	(void)state;
	fill(&h);
	memset(&h.client, 0, sizeof(h.client));
	strcpy(h.client.helo, "a\r\n\r\nEHLO b\t\x7f\xc3\xbc z");
	memset(h.client.name, 'n', sizeof(h.client.name) - 1);
	buf_init(&b, BUNDLE_HEAD_MAX);
	assert_int_equal(bundle_head_write(&h, &b), 0);
	assert_int_equal(bundle_head_parse(b.data, b.len, &got, &error), b.len);
	assert_string_equal(got.client.helo, "a????EHLO b???? z");
	assert_string_equal(got.client.name, h.client.name);
	buf_free(&b);
}

static const char *const bads[] = {
    "\r\n\r\n",
    "agamid-bundle 2 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1\r\n\r\n",
    "Agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1\r\n\r\n",
    "agamid-bundle 1  friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1\r\n\r\n",
    "agamid-bundle 1 friends.example Carol bob "
    "000102030405060708090a0b0c0d0e0f 1\r\n\r\n",
    "agamid-bundle 1 friends carol bob "
    "000102030405060708090a0b0c0d0e0f 1\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0F 1\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f \r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 01\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 253402300800\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1 \r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1 2\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f\r\n\r\n",
    "agamid-bundle 1 friends.example carol bob "
    "000102030405060708090a0b0c0d0e0f 1\n\r\n\r\n",
    FIRST "server-name: x\r\n\r\n",
    FIRST "Client-name: x\r\n\r\n",
    FIRST "client-: x\r\n\r\n",
    FIRST "client-name\r\n\r\n",
    FIRST "client-name:x\r\n\r\n",
    FIRST "client-name: \r\n\r\n",
    FIRST "client-name : x\r\n\r\n",
    FIRST " client-name: x\r\n\r\n",
    FIRST "client-name: x\ry\r\n\r\n",
    FIRST "client-name: x\ny\r\n\r\n",
    FIRST "client-name: x\n\r\n\r\n",
    FIRST "client-name: \xc3\xbc\r\n\r\n",
    FIRST "client-name: x\r\nclient-name: y\r\n\r\n",
    FIRST "client-helo: x\r\nclient-name: y\r\n\r\n",
    FIRST "client-port: 12345678\r\n\r\n",
    FIRST "client-new: \t\r\n\r\n",
    FIRST "client-ne_w: x\r\n\r\n",
    FIRST FIRST "\r\n",
};

/* SPEC B-2.3, B-2.6, B-2.7 */
static void
test_refused(void **state)
{
	struct bundle_head got;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s", bads[i]);
		assert_int_equal(
		    bundle_head_parse(bads[i], strlen(bads[i]), &got, &error),
		    AG_EINVAL);
		assert_string_equal(got.network, "");
		assert_string_equal(got.client.name, "");
	}
	assert_int_equal(
	    bundle_head_parse(FIRST "client-name: a\0b\r\n\r\n",
		sizeof(FIRST "client-name: a\0b\r\n\r\n") - 1, &got, &error),
	    AG_EINVAL);
}

/* SPEC B-2.6: a later version's line is skipped, anywhere */
static void
test_unknown_lines(void **state)
{
	static const char text[] = FIRST "client-asn: AS64496\r\n"
					 "client-name: x\r\n"
					 "client-geo-2: somewhere: else\r\n"
					 "client-asn: AS64497\r\n"
					 "client-spf: none\r\n\r\nEHLO";
	struct bundle_head got;
	struct error error;

	(void)state;
	assert_int_equal(bundle_head_parse(text, strlen(text), &got, &error),
	    strlen(text) - 4);
	assert_string_equal(got.client.name, "x");
	assert_string_equal(got.client.spf, "none");
	assert_string_equal(got.client.helo, "");
}

/* SPEC B-2.2, B-2.5: bounds of head and values */
static void
test_bounds(void **state)
{
	char value[BUNDLE_CLIENT_VALUE_MAX + 2];
	struct bundle_head got;
	struct error error;
	struct buf b;
	size_t fixed;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	buf_init(&b, 2 * BUNDLE_HEAD_MAX);
	assert_int_equal(
	    buf_printf(&b, FIRST "client-x: %s\r\n\r\n", value), 0);
	assert_int_equal(
	    bundle_head_parse(b.data, b.len, &got, &error), AG_EINVAL);
	buf_reset(&b);
	assert_int_equal(
	    buf_printf(&b, FIRST "client-x: %s\r\n\r\n", value + 1), 0);
	assert_int_equal(bundle_head_parse(b.data, b.len, &got, &error), b.len);

	/* Exactly BUNDLE_HEAD_MAX bytes, and one more. */
	buf_reset(&b);
	assert_int_equal(buf_puts(&b, FIRST), 0);
	fixed = strlen("client-x: \r\n");
	while (b.len + fixed + 400 < BUNDLE_HEAD_MAX - 2)
		assert_int_equal(
		    buf_printf(&b, "client-x: %.300s\r\n", value), 0);
	assert_int_equal(buf_printf(&b, "client-x: %.*s\r\n\r\n",
			     (int)(BUNDLE_HEAD_MAX - 2 - fixed - b.len), value),
	    0);
	assert_int_equal(b.len, BUNDLE_HEAD_MAX);
	assert_int_equal(bundle_head_parse(b.data, b.len, &got, &error), b.len);
	memmove(b.data + b.len - 4, "v\r\n\r\n", 6);
	b.len++;
	assert_int_equal(
	    bundle_head_parse(b.data, b.len, &got, &error), AG_EINVAL);
	buf_free(&b);
}

/* SPEC B-2.3 */
static void
test_not_written(void **state)
{
	struct bundle_head h;
	struct buf b;

	(void)state;
	buf_init(&b, BUNDLE_HEAD_MAX);
	fill(&h);
	strcpy(h.network, "Friends.example");
	assert_int_equal(bundle_head_write(&h, &b), AG_EINVAL);
	fill(&h);
	strcpy(h.home, "bob carol");
	assert_int_equal(bundle_head_write(&h, &b), AG_EINVAL);
	fill(&h);
	h.nonce[5] = 'g';
	assert_int_equal(bundle_head_write(&h, &b), AG_EINVAL);
	fill(&h);
	h.time = STATEMENT_TIME_MAX + 1;
	assert_int_equal(bundle_head_write(&h, &b), AG_EINVAL);
	assert_int_equal(b.len, 0);
	buf_free(&b);
	buf_init(&b, 200);
	fill(&h);
	assert_int_equal(bundle_head_write(&h, &b), AG_ETOOBIG);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

/* SPEC B-9.3 */
static void
test_agrees(void **state)
{
	struct bundle_head h;
	struct ticket t, other;

	(void)state;
	fill(&h);
	memset(&t, 0, sizeof(t));
	strcpy(t.network, h.network);
	strcpy(t.acceptor, h.acceptor);
	strcpy(t.home, h.home);
	strcpy(t.nonce, h.nonce);
	t.time = h.time;
	assert_int_equal(bundle_head_agrees(&h, &t), 0);
	other = t;
	strcpy(other.network, "friend.example");
	assert_int_equal(bundle_head_agrees(&h, &other), AG_ESIG);
	other = t;
	strcpy(other.acceptor, "mallory");
	assert_int_equal(bundle_head_agrees(&h, &other), AG_ESIG);
	other = t;
	strcpy(other.home, "bo");
	assert_int_equal(bundle_head_agrees(&h, &other), AG_ESIG);
	other = t;
	other.nonce[31] = '0';
	assert_int_equal(bundle_head_agrees(&h, &other), AG_ESIG);
	other = t;
	other.time++;
	assert_int_equal(bundle_head_agrees(&h, &other), AG_ESIG);
}

/* SPEC B-4.2 */
static void
test_padded(void **state)
{
	static const struct {
		uint64_t len, padded;
	} rows[] = {
	    {0, 1024},
	    {1, 1024},
	    {1023, 1024},
	    {1024, 1024},
	    {1025, 1088},
	    {1088, 1088},
	    {1089, 1152},
	    {2047, 2048},
	    {2048, 2048},
	    {2049, 2176},
	    {10000, 10240},
	    {65535, 65536},
	    {65537, 67584},
	    {1000000, 1015808},
	    {20000000, 20447232},
	    {27262976, 27262976},
	    {UINT64_C(1) << 40, UINT64_C(1) << 40},
	    {UINT64_MAX, UINT64_MAX},
	};
	uint64_t len, padded, before = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bundle_padded(rows[i].len), rows[i].padded);
	for (len = 1; len < 40 << 20; len += len / 97 + 1) {
		padded = bundle_padded(len);
		assert_true(padded >= len && padded >= before);
		assert_true(len < 1024 || padded - len <= len * 12 / 100);
		assert_int_equal(bundle_padded(padded), padded);
		before = padded;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_spec_example),
	    help_test(test_nothing_known),
	    help_test(test_cleaning),
	    help_test(test_refused),
	    help_test(test_unknown_lines),
	    help_test(test_bounds),
	    help_test(test_not_written),
	    help_test(test_agrees),
	    help_test(test_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
