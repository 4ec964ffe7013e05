/* SPDX-License-Identifier: MIT */
/*
 * test_sealed - lib/mail/sealed.h: the mark's text and signature, and the
 * sealed part of a message, whole or in pieces, with either line end.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "mail/sealed.h"
#include "util/error.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SIG                                                                    \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAA"                                                                 \
	"AAAAAAAAAAAAAA=="

static const struct {
	const char *value;
	int rc;
} marks[] = {
    {"1 id=" HASH " mailbox=bob sha256=" HASH " sig=" SIG, 0},
    {" 1\r\n\tid=" HASH "\r\n\tmailbox=b.o-b sha256=" HASH "\n sig=" SIG " ",
	0},
    {"1", AG_EINVAL}, /* the milter's, unsigned */
    {"", AG_EINVAL},
    {"2 id=" HASH " mailbox=bob sha256=" HASH " sig=" SIG, AG_EINVAL},
    {"1 id=" HASH " mailbox= sha256=" HASH " sig=" SIG, AG_EINVAL},
    {"1 id=00 mailbox=bob sha256=" HASH " sig=" SIG, AG_EINVAL},
    {"1 id=" HASH " mailbox=bob sha256=" HASH "00 sig=" SIG, AG_EINVAL},
    {"1 id=" HASH " mailbox=bob sha256=" HASH " sig=AAAA", AG_EINVAL},
    {"1 id=" HASH " mailbox=bob sha256=" HASH " sig=" SIG "A", AG_EINVAL},
    {"1 id=" HASH " mailbox=bob sha256=" HASH " sig=" SIG " x=1", AG_EINVAL},
    {"1 mailbox=bob id=" HASH " sha256=" HASH " sig=" SIG, AG_EINVAL},
    {"1 id=zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
     " mailbox=bob sha256=" HASH " sig=" SIG,
	AG_EINVAL},
};

/* SPEC D-2.2 */
static void
test_mark_parse(void **state)
{
	struct sealed_mark m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (sealed_mark_parse(marks[i].value, &m) != marks[i].rc)
			fail_msg("mark %zu: not %d", i, marks[i].rc);
	}
}

static void
make_mark(struct sealed_mark *m, uint8_t *public, uint8_t *secret)
{
	assert_true(sodium_init() >= 0);
	memset(m, 0, sizeof(*m));
	strcpy(m->id, HASH);
	strcpy(m->mailbox, "bob");
	memset(m->hash, 7, sizeof(m->hash));
	crypto_sign_keypair(public, secret);
	assert_int_equal(sealed_mark_sign(m, secret), 0);
}

/* SPEC D-2.3 */
static void
test_mark_sign(void **state)
{
	uint8_t public[32], other[32], secret[64], other_secret[64];
	struct sealed_mark m, again, bad;
	char text[SEALED_MARK_MAX], small[20];

	(void)state;
	make_mark(&bad, other, other_secret);
	make_mark(&m, public, secret);
	assert_int_equal(sealed_mark_write(&m, text, sizeof(text)), 0);
	assert_int_equal(
	    sealed_mark_write(&m, small, sizeof(small)), AG_ETOOBIG);
	assert_int_equal(sealed_mark_parse(text, &again), 0);
	assert_int_equal(sealed_mark_verify(&again, public), 0);
	assert_int_equal(sealed_mark_verify(&again, other), AG_ESIG);
	bad = again;
	bad.id[0] = '1';
	assert_int_equal(sealed_mark_verify(&bad, public), AG_ESIG);
	bad = again;
	bad.mailbox[0] = 'B';
	assert_int_equal(sealed_mark_verify(&bad, public), AG_ESIG);
	bad = again;
	bad.hash[31] ^= 1;
	assert_int_equal(sealed_mark_verify(&bad, public), AG_ESIG);
}

static void
test_mark_any(void **state)
{
	uint8_t public[32], secret[64];
	char b64[64], keys[256];
	struct sealed_mark m;

	(void)state;
	make_mark(&m, public, secret);
	sodium_bin2base64(b64, sizeof(b64), public, sizeof(public),
	    sodium_base64_VARIANT_ORIGINAL);
	snprintf(keys, sizeof(keys), "ed25519:%s\n", b64);
	assert_int_equal(sealed_mark_verify_any(&m, keys), 0);
	snprintf(keys, sizeof(keys),
	    "# old\ned25519:AAAA\ned25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAA=\n\n ed25519:%s",
	    b64);
	assert_int_equal(sealed_mark_verify_any(&m, keys), 0);
	assert_int_equal(sealed_mark_verify_any(&m, ""), AG_ESIG);
	assert_int_equal(sealed_mark_verify_any(&m, "ed25519:"), AG_ESIG);
	assert_int_equal(sealed_mark_verify_any(&m, "nonsense"), AG_ESIG);
}

#define HEAD                                          \
	"Received: from x\n\tby y\n"                  \
	"Content-Type: multipart/encrypted;\n"        \
	"\tprotocol=\"application/pgp-encrypted\";\n" \
	"\tboundary=\"b\"\n"                          \
	"Subject: Sealed mail\n\npreamble\n--bc\n"
#define CONTROL "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n"
#define DATA                                               \
	"--b  \nContent-Type: application/octet-stream;\n" \
	" name=x\nX: y\n\n"
#define ARMOR "-----BEGIN\n\nabc\n=x\n-----END\n\n"
#define GOOD HEAD CONTROL DATA ARMOR "--b--\nepilogue\n"

static int
collect(void *ctx, const void *data, size_t len)
{
	strncat(ctx, data, len);
	return 0;
}

/* In pieces of this size; 0 and out, or the error. */
static int
run(const char *text, size_t piece, char out[512], uint8_t hash[32])
{
	size_t len = strlen(text), at, n;
	struct sealed_part p;

	out[0] = '\0';
	sealed_part_init(&p, collect, out);
	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		if (sealed_part_put(&p, text + at, n) < 0)
			return AG_EINVAL;
	}
	return sealed_part_end(&p, hash);
}

static void
to_crlf(const char *text, char *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*out++ = '\r';
		*out++ = *text;
	}
	*out = '\0';
}

/* SPEC D-2.4 */
static void
test_part(void **state)
{
	uint8_t hash[32], want[32];
	char out[512], crlf[2048];
	size_t piece;

	(void)state;
	crypto_hash_sha256(want, (const uint8_t *)ARMOR, strlen(ARMOR));
	to_crlf(GOOD, crlf);
	for (piece = 1; piece < 300; piece += 7) {
		assert_int_equal(run(GOOD, piece, out, hash), 0);
		assert_string_equal(out, ARMOR);
		assert_memory_equal(hash, want, 32);
		assert_int_equal(run(crlf, piece, out, hash), 0);
		assert_string_equal(out, ARMOR);
		assert_memory_equal(hash, want, 32);
	}
	assert_int_equal(run(HEAD CONTROL DATA ARMOR "--b--", 9, out, hash), 0);
}

static const char *const not_sealed[] = {
    "",
    "Subject: x\n\nhello\n",
    HEAD,
    HEAD CONTROL,
    HEAD CONTROL DATA ARMOR, /* cut off */
    HEAD CONTROL DATA ARMOR "--b\nContent-Type: text/plain\n\nx\n--b--\n",
    HEAD DATA ARMOR "--b--\n",
    HEAD CONTROL CONTROL "--b--\n",
    HEAD CONTROL "--b--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n" CONTROL DATA ARMOR
    "--b--\n",
    "Content-Type: multipart/encrypted; protocol=\"application/pgp-"
    "encrypted\"\n\n" CONTROL DATA ARMOR "--b--\n",
    "Content-Type: text/plain\n" GOOD,
};

static void
test_part_bad(void **state)
{
	uint8_t hash[32];
	char out[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(not_sealed) / sizeof(not_sealed[0]); i++) {
		if (run(not_sealed[i], 64, out, hash) != AG_EINVAL)
			fail_msg("text %zu is taken for a sealed mail", i);
	}
}

static void
test_part_long_lines(void **state)
{
	char text[8192], line[3000];
	uint8_t hash[32];
	char out[512];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	snprintf(text, sizeof(text), "X-Long: %s\n%s", line, GOOD);
	assert_int_equal(run(text, 100, out, hash), 0);
	snprintf(text, sizeof(text), "%s%s\n--b--\n", HEAD CONTROL DATA, line);
	assert_int_equal(run(text, 100, out, hash), AG_EINVAL);
	snprintf(text, sizeof(text), "Content-Type: %s\n%s", line, GOOD);
	assert_int_equal(run(text, 100, out, hash), AG_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_mark_parse),
	    help_test(test_mark_sign),
	    help_test(test_mark_any),
	    help_test(test_part),
	    help_test(test_part_bad),
	    help_test(test_part_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
