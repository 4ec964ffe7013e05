/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp_frame - the outside of a sealed message, however its bytes
 * are cut into pieces.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp_frame.h"
#include "util/buf.h"
#include "util/text.h"

#define PKESK              \
	"c10a03"           \
	"1111111111111111" \
	"12" /* new format, 10 octets */
#define PKESK_OLD          \
	"840a03"           \
	"2222222222222222" \
	"12"
#define SEIPD "d20301aabb"

#define PART "d2e901" /* of 512 octets, the first is the version */

static const struct {
	const char *name;
	const char *hex;
	const char *why; /* NULL: a sealed message */
	unsigned recipients;
	unsigned zeros; /* follow hex */
	const char *tail; /* follows them */
} cases[] = {
    {"one key", PKESK SEIPD, NULL, 1, 0, NULL},
    {"two keys, both formats", PKESK PKESK_OLD SEIPD, NULL, 2, 0, NULL},
    {"old format, two octets",
	"85000a03"
	"1111111111111111"
	"12" SEIPD,
	NULL, 1, 0, NULL},
    {"old format, four octets",
	"860000000a03"
	"1111111111111111"
	"12" SEIPD,
	NULL, 1, 0, NULL},
    {"five octets of length", PKESK "d2ff0000000301aabb", NULL, 1, 0, NULL},
    {"parts", PKESK PART, NULL, 1, 511, "e1ccdd02eeff"},
    {"parts, the last one empty", PKESK PART, NULL, 1, 511, "00"},
    {"many parts", PKESK PART, NULL, 1, 511, "e0aae0bbe1ccdd00"},
    {"nothing", "", "cut off", 0, 0, NULL},
    {"no key", SEIPD, "sealed to no key", 0, 0, NULL},
    {"a key and no seal", PKESK, "cut off", 1, 0, NULL},
    {"cut in the tag's length", PKESK "d2", "cut off", 1, 0, NULL},
    {"cut in a length", PKESK "d2ff0000", "cut off", 1, 0, NULL},
    {"cut in a session key", "c10a031111", "cut off", 0, 0, NULL},
    {"cut in the seal", PKESK "d20301aa", "cut off", 1, 0, NULL},
    {"cut before the version", PKESK "d203", "cut off", 1, 0, NULL},
    {"cut after a part", PKESK PART, "cut off", 1, 511, ""},
    {"cut in a later part", PKESK PART, "cut off", 1, 511, "e1cc"},
    {"parts, and more", PKESK PART, "something follows", 1, 511, "0000"},
    {"a first part too short", PKESK "d2e801", "first part", 1, 255, "00"},
    {"an empty seal", PKESK "d200", "an empty packet", 1, 0, NULL},
    {"one octet follows", PKESK SEIPD "00", "something follows", 1, 0, NULL},
    {"a packet follows", PKESK SEIPD SEIPD, "something follows", 1, 0, NULL},
    {"a message follows", PKESK SEIPD PKESK SEIPD, "something follows", 1, 0,
	NULL},
    {"a literal packet", "cb0762000000000061", "does not belong", 0, 0, NULL},
    {"a compressed packet", "a301aabb", "does not belong", 0, 0, NULL},
    {"a signed message", "c40d030016080000000000000000", "does not belong", 0,
	0, NULL},
    {"a detached signature", "c203aabbcc", "does not belong", 0, 0, NULL},
    {"a key", "c603040506", "does not belong", 0, 0, NULL},
    {"a marker packet", "ca03504750" PKESK SEIPD, "does not belong", 0, 0,
	NULL},
    {"a marker between", PKESK "ca03504750" SEIPD, "does not belong", 1, 0,
	NULL},
    {"a passphrase", "c30404090001" SEIPD, "does not belong", 0, 0, NULL},
    {"without integrity protection", PKESK "c903aabbcc", "does not belong", 1,
	0, NULL},
    {"AEAD, tag 20", PKESK "d40401090210", "does not belong", 1, 0, NULL},
    {"SEIPD version 2", PKESK "d20302aabb", "another version", 1, 0, NULL},
    {"PKESK version 6",
	"c10a06"
	"1111111111111111"
	"12" SEIPD,
	"wrong version", 0, 0, NULL},
    {"PKESK in parts",
	"c1e903"
	"1111111111111111"
	"12",
	"wrong length", 0, 0, NULL},
    {"a short PKESK",
	"c10903"
	"1111111111111111" SEIPD,
	"wrong length", 0, 0, NULL},
    {"a long PKESK",
	"c1ff00001001"
	"03",
	"wrong length", 0, 0, NULL},
    {"a huge PKESK",
	"c1ffffffffff"
	"03",
	"wrong length", 0, 0, NULL},
    {"indeterminate length",
	"87"
	"03",
	"indeterminate", 0, 0, NULL},
    {"text", "48656c6c6f", "not an OpenPGP packet", 0, 0, NULL},
    {"armor", "2d2d2d2d2d424547494e", "not an OpenPGP packet", 0, 0, NULL},
};

/* Feed it in pieces of this many bytes. */
static int
feed(struct openpgp_frame *f, const uint8_t *data, size_t len, size_t piece)
{
	size_t n;

	openpgp_frame_init(f);
	for (; len > 0; data += n, len -= n) {
		n = len < piece ? len : piece;
		if (openpgp_frame_feed(f, data, n) < 0)
			break;
	}
	return openpgp_frame_finish(f);
}

/* The bytes of case i; how many. */
static size_t
case_bytes(size_t i, uint8_t *bytes)
{
	size_t len = strlen(cases[i].hex) / 2, more;

	assert_int_equal(text_unhex(cases[i].hex, bytes, len), 0);
	memset(bytes + len, 0, cases[i].zeros);
	len += cases[i].zeros;
	if (cases[i].tail == NULL)
		return len;
	more = strlen(cases[i].tail) / 2;
	assert_int_equal(text_unhex(cases[i].tail, bytes + len, more), 0);
	return len + more;
}

static void
test_cases(void **state)
{
	struct openpgp_frame f;
	uint8_t bytes[1024];
	size_t i, len, piece;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = case_bytes(i, bytes);
		for (piece = 1; piece <= len + 1; piece++) {
			rc = feed(&f, bytes, len, piece);
			if (rc != (cases[i].why == NULL ? 0 : AG_ESIG))
				fail_msg("%s: %d", cases[i].name, rc);
			if (rc < 0 && strstr(f.why, cases[i].why) == NULL)
				fail_msg("%s: %s", cases[i].name, f.why);
			assert_int_equal(f.recipients, cases[i].recipients);
		}
	}
}

static void
test_keyids(void **state)
{
	static const uint8_t ones[] = {
	    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
	static const char hex[] = PKESK PKESK_OLD SEIPD;
	uint8_t bytes[sizeof(hex) / 2];
	struct openpgp_frame f;

	(void)state;
	assert_int_equal(text_unhex(hex, bytes, sizeof(bytes)), 0);
	assert_int_equal(feed(&f, bytes, sizeof(bytes), 100), 0);
	assert_memory_equal(f.keyid[0], ones, FRAME_KEYID_SIZE);
	assert_int_equal(f.keyid[1][0], 0x22);
}

static void
test_too_many_keys(void **state)
{
	uint8_t pkesk[sizeof(PKESK) / 2], seal[sizeof(SEIPD) / 2];
	struct openpgp_frame f;
	unsigned i;

	(void)state;
	assert_int_equal(text_unhex(PKESK, pkesk, sizeof(pkesk)), 0);
	assert_int_equal(text_unhex(SEIPD, seal, sizeof(seal)), 0);
	openpgp_frame_init(&f);
	for (i = 0; i < FRAME_RECIPIENTS_MAX; i++)
		assert_int_equal(
		    openpgp_frame_feed(&f, pkesk, sizeof(pkesk)), 0);
	assert_int_equal(openpgp_frame_feed(&f, pkesk, sizeof(pkesk)), AG_ESIG);
	/* And it stays refused, whatever comes. */
	assert_int_equal(openpgp_frame_feed(&f, seal, sizeof(seal)), AG_ESIG);
	assert_int_equal(openpgp_frame_finish(&f), AG_ESIG);
}

/* The largest part that a length can name, and one more octet. */
static void
test_largest_part(void **state)
{
	static const uint8_t head[] = {0xd2, 0xfe, 0x01};
	uint8_t pkesk[sizeof(PKESK) / 2];
	static char chunk[65536];
	struct openpgp_frame f;
	size_t left = (1U << 30) - 1;

	(void)state;
	assert_int_equal(text_unhex(PKESK, pkesk, sizeof(pkesk)), 0);
	openpgp_frame_init(&f);
	openpgp_frame_feed(&f, pkesk, sizeof(pkesk));
	assert_int_equal(openpgp_frame_feed(&f, head, sizeof(head)), 0);
	for (; left > sizeof(chunk); left -= sizeof(chunk))
		assert_int_equal(
		    openpgp_frame_feed(&f, chunk, sizeof(chunk)), 0);
	assert_int_equal(openpgp_frame_feed(&f, chunk, left), 0);
	assert_int_equal(f.state, FRAME_LENGTH);
	assert_int_equal(openpgp_frame_feed(&f, "\x00", 1), 0);
	assert_int_equal(openpgp_frame_finish(&f), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_cases),
	    help_test(test_keyids),
	    help_test(test_too_many_keys),
	    help_test(test_largest_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
