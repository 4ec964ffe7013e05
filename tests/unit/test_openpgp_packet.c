/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp_packet - armor, packet headers, fingerprints, MPIs.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "mail/openpgp_cert.h"
#include "mail/openpgp_packet.h"
#include "openpgp_help.h"
#include "util/file.h"
#include "util/text.h"

#define KEY "PUBLIC KEY BLOCK"
#define BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
#define END "-----END PGP PUBLIC KEY BLOCK-----\n"

static const struct {
	const char *text;
	const char *bytes; /* NULL: refused */
} armors[] = {
    {BEGIN "\naGVsbG8=\n" END, "hello"},
    {BEGIN "\naGVsbG8=\n=ABCD\n" END, "hello"},
    {BEGIN "Comment: a\nVersion: 1\n\naGVs\nbG8=\n=ABCD\n" END, "hello"},
    {"\n \n" BEGIN "  \t\n  aGVs\n  bG8=\n" END "\n\n", "hello"},
    {"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\naGVs\r\nbG8=\r\n=ABCD\r\n"
     "-----END PGP PUBLIC KEY BLOCK-----\r\n",
	"hello"},
    {BEGIN "\n\n" END, ""},
    {"", NULL},
    {"aGVsbG8=", NULL},
    {BEGIN "aGVsbG8=\n" END, NULL}, /* no blank line */
    {BEGIN "\naGVsbG8=\n", NULL},
    {BEGIN "\naGVsbG8=\n" END "more", NULL},
    {"more" BEGIN "\naGVsbG8=\n" END, NULL},
    {BEGIN "\naGVsbG8=\n" END BEGIN "\naGVsbG8=\n" END, NULL},
    {BEGIN "\naGVs*G8=\n" END, NULL},
    {BEGIN "\naGVsbG8\n" END, NULL}, /* padding is missing */
    {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\naGVsbG8=\n"
     "-----END PGP PRIVATE KEY BLOCK-----\n",
	NULL},
    {BEGIN, NULL},
    {BEGIN END, NULL},
};

static void
test_dearmor(void **state)
{
	struct error error;
	struct buf b;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(armors) / sizeof(armors[0]); i++) {
		buf_init(&b, 100);
		error.text[0] = '\0';
		rc = openpgp_packet_dearmor(armors[i].text, KEY, &b, &error);
		if (armors[i].bytes == NULL) {
			if (rc != AG_EINVAL)
				fail_msg("armor %zu was taken", i);
			assert_true(error.text[0] != '\0');
		} else {
			if (rc != 0)
				fail_msg("armor %zu: %s", i, error.text);
			assert_string_equal(buf_str(&b), armors[i].bytes);
		}
		buf_free(&b);
	}
}

static void
test_dearmor_bound(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(
	    openpgp_packet_dearmor(armors[0].text, KEY, &b, NULL), AG_ETOOBIG);
	buf_free(&b);
}

static const struct {
	const char *hex;
	int rc; /* of the first packet */
	unsigned tag;
	size_t len;
	size_t left;
} packets[] = {
    {"", 0, 0, 0, 0},
    {"c601aa", 1, 6, 1, 0},
    {"c600", 1, 6, 0, 0},
    {"9801aa", 1, 6, 1, 0}, /* old format */
    {"990001aabb", 1, 6, 1, 1},
    {"9a00000001aa", 1, 6, 1, 0},
    {"c6ff00000002aabb", 1, 6, 2, 0},
    {"9b", AG_EINVAL, 6, 0, 0}, /* indeterminate */
    {"c6e0aa", AG_EINVAL, 6, 0, 0}, /* partial */
    {"46", AG_EINVAL, 0, 0, 0}, /* no packet */
    {"c6", AG_EINVAL, 6, 0, 0},
    {"c602aa", AG_EINVAL, 6, 0, 0},
    {"c6ff0000", AG_EINVAL, 6, 0, 0},
    {"c6ffffffffff", AG_EINVAL, 6, 0, 0},
    {"c6c0", AG_EINVAL, 6, 0, 0},
    {"9a000000", AG_EINVAL, 6, 0, 0},
};

static void
test_next(void **state)
{
	struct openpgp_packet p;
	uint8_t bytes[32];
	struct cursor c;
	size_t i, len;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		len = strlen(packets[i].hex) / 2;
		assert_int_equal(text_unhex(packets[i].hex, bytes, len), 0);
		cursor_init(&c, bytes, len);
		rc = openpgp_packet_next(&c, &p);
		if (rc != packets[i].rc)
			fail_msg("%s: %d", packets[i].hex, rc);
		if (rc <= 0)
			continue;
		assert_int_equal(p.tag, packets[i].tag);
		assert_int_equal(p.len, packets[i].len);
		assert_int_equal(c.left, packets[i].left);
	}
}

/* The two-octet length of the new format (RFC 4880 4.2.2.2). */
static void
test_next_two_octets(void **state)
{
	static uint8_t bytes[3 + 8383];
	struct openpgp_packet p;
	struct cursor c;
	size_t i;
	static const struct {
		uint8_t first, second;
		size_t len;
	} cases[] = {{0xc0, 0, 192}, {0xc5, 0xfb, 1723}, {0xdf, 0xff, 8383}};

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes[0] = 0xc6;
		bytes[1] = cases[i].first;
		bytes[2] = cases[i].second;
		cursor_init(&c, bytes, 3 + cases[i].len);
		assert_int_equal(openpgp_packet_next(&c, &p), 1);
		assert_int_equal(p.len, cases[i].len);
		cursor_init(&c, bytes, 2 + cases[i].len);
		assert_int_equal(openpgp_packet_next(&c, &p), AG_EINVAL);
	}
}

/* GnuPG's fingerprints of the same packets. */
static void
test_fingerprint(void **state)
{
	static const char *const names[] = {"alice", "rsa", "newest"};
	uint8_t fpr[PACKET_SHA1_SIZE];
	char hex[2 * PACKET_SHA1_SIZE + 1];
	struct openpgp_packet p;
	struct cursor c;
	struct buf b;
	size_t i;
	unsigned found;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_init(&b, OPENPGP_KEY_MAX);
		assert_int_equal(
		    openpgp_packet_dearmor(pgp_public(names[i]), KEY, &b, NULL),
		    0);
		cursor_init(&c, b.data, b.len);
		found = 0;
		while (openpgp_packet_next(&c, &p) > 0) {
			openpgp_packet_fingerprint(p.body, p.len, fpr);
			text_hex(fpr, sizeof(fpr), hex);
			found += strcasecmp(hex, pgp_fpr(names[i])) == 0;
			found += strcasecmp(hex, pgp_enc_fpr(names[i])) == 0;
		}
		assert_int_equal(found, 2);
		buf_free(&b);
	}
}

/* Every length around a SHA-1 block's end: RFC 3174's padding. The values
 * are those of sha1sum. */
static void
test_fingerprint_padding(void **state)
{
	const char *path = help_path("hashed"), *out;
	uint8_t bytes[3 + 130], fpr[PACKET_SHA1_SIZE];
	char hex[2 * PACKET_SHA1_SIZE + 1];
	size_t len;

	(void)state;
	for (len = 50; len <= 130; len += len == 53 ? 7 : 1) {
		memset(bytes, 'a', sizeof(bytes));
		bytes[0] = 0x99;
		bytes[1] = 0;
		bytes[2] = (uint8_t)len;
		help_write(path, bytes, 3 + len);
		assert_int_equal(PGP_RUN(&out, "sha1sum", path), 0);
		openpgp_packet_fingerprint(bytes + 3, len, fpr);
		text_hex(fpr, sizeof(fpr), hex);
		assert_memory_equal(out, hex, sizeof(hex) - 1);
	}
}

static void
test_mpi(void **state)
{
	static const struct {
		const char *n, *mpi;
	} cases[] = {{"01", "000101"}, {"01ff", "000901ff"}, {"80", "000880"},
	    {"0000ff", "0008ff"}, {"00", "0000"}, {"40aa", "000f40aa"}};
	uint8_t n[8];
	char hex[32];
	struct buf b;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].n) / 2;
		assert_int_equal(text_unhex(cases[i].n, n, len), 0);
		buf_init(&b, 16);
		assert_int_equal(openpgp_packet_put_mpi(&b, n, len), 0);
		text_hex((const uint8_t *)b.data, b.len, hex);
		assert_string_equal(hex, cases[i].mpi);
		buf_free(&b);
	}
}

/* What was put is read again, at any maximum: whole or an error. */
static void
test_put(void **state)
{
	struct openpgp_packet p;
	struct cursor c;
	struct buf b;
	size_t max;
	int rc;

	(void)state;
	for (max = 0; max < 20; max++) {
		buf_init(&b, max);
		rc = openpgp_packet_put(&b, PACKET_USER_ID, "hello", 5);
		assert_int_equal(rc, max < 11 ? AG_ETOOBIG : 0);
		cursor_init(&c, b.data, b.len);
		if (rc == 0) {
			assert_int_equal(openpgp_packet_next(&c, &p), 1);
			assert_int_equal(p.tag, PACKET_USER_ID);
			assert_int_equal(p.len, 5);
		}
		buf_free(&b);
	}
}

/* ---- sealing certificates ---- */

static int
make_cert(const char *name, const char *enc_fpr, uint8_t seed, struct buf *b)
{
	uint8_t bytes[CERT_SEED_SIZE];
	struct error error = {""};
	struct buf key;
	int rc;

	memset(bytes, seed, sizeof(bytes));
	buf_init(&key, OPENPGP_KEY_MAX);
	buf_init(b, OPENPGP_KEY_MAX);
	assert_int_equal(
	    openpgp_packet_dearmor(pgp_public(name), KEY, &key, NULL), 0);
	rc = openpgp_cert_make(
	    key.data, key.len, enc_fpr, "test", bytes, b, &error);
	if (rc < 0)
		assert_true(error.text[0] != '\0');
	buf_free(&key);
	return rc;
}

/* sq and gpg read it: one key, one subkey, which is the peer's, no end. */
static void
test_cert(void **state)
{
	const char *path = help_path("cert.pgp"), *out;
	const char *home = help_path("home");
	const char *enc = pgp_enc_fpr("expired");
	struct buf b;

	(void)state;
	assert_int_equal(file_mkdirs(home, 0700, NULL), 0);
	assert_int_equal(make_cert("expired", enc, 7, &b), 0);
	help_write(path, b.data, b.len);
	buf_free(&b);
	assert_int_equal(PGP_RUN(&out, "sq", "inspect", path), 0);
	assert_non_null(strstr(out, enc));
	assert_null(strstr(out, "Invalid"));
	assert_null(strstr(out, "xpir"));
	assert_int_equal(
	    PGP_RUN(&out, "gpg", "--homedir", home, "--show-keys", path), 0);
	assert_non_null(strstr(out, "sub "));
	assert_null(strstr(out, "xpire"));
	assert_null(strstr(out, "[E] ["));
}

static void
test_cert_refused(void **state)
{
	static const char *const wrong[] = {"", "0123",
	    "0123456789012345678901234567890123456789",
	    "zz23456789012345678901234567890123456789"};
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_true(make_cert("alice", wrong[i], 1, &b) < 0);
		buf_free(&b);
	}
	/* A primary key is no subkey. */
	assert_int_equal(
	    make_cert("alice", pgp_fpr("alice"), 1, &b), AG_ENOENT);
	buf_free(&b);
}

/* A signature's numbers may begin with zeros; about one in 128 does. */
static void
test_cert_any_seed(void **state)
{
	const char *path = help_path("certs.pgp"), *out;
	const char *home = help_path("home"), *p;
	const char *enc = pgp_enc_fpr("alice");
	struct buf all, b;
	unsigned i, good = 0;

	(void)state;
	assert_int_equal(file_mkdirs(home, 0700, NULL), 0);
	buf_init(&all, 1 << 20);
	for (i = 0; i < 250; i++) {
		assert_int_equal(make_cert("alice", enc, (uint8_t)i, &b), 0);
		assert_int_equal(buf_put(&all, b.data, b.len), 0);
		buf_free(&b);
	}
	help_write(path, all.data, all.len);
	buf_free(&all);
	assert_int_equal(PGP_RUN(&out, "gpg", "--homedir", home,
			     "--with-colons", "--show-keys", path),
	    0);
	for (p = out; (p = strstr(p, "\nsub:-:")) != NULL; p++)
		good++;
	assert_int_equal(good, 250);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_dearmor),
	    help_test(test_dearmor_bound),
	    help_test(test_next),
	    help_test(test_next_two_octets),
	    help_test(test_fingerprint),
	    help_test(test_fingerprint_padding),
	    help_test(test_mpi),
	    help_test(test_put),
	    help_test(test_cert),
	    help_test(test_cert_refused),
	    help_test(test_cert_any_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
