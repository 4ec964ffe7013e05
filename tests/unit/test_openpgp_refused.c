/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp_refused - what each engine does not seal to, and does not open:
 * keys that are no use, and messages that somebody cut, changed or made
 * (SPEC B-5.5).
 */
#include "help.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp.h"
#include "mail/openpgp_frame.h"
#include "openpgp_help.h"
#include "util/file.h"

/* ---- what must not be sealed ---- */

/* SPEC B-5.2: to both keys or not at all. */
static void
test_unusable(void **state)
{
	static const struct {
		const char *name; /* NULL: a key that nobody has */
		const char *why;
	} cases[] = {{"revoked", "revoked"}, {"subrevoked", "revoked"},
	    {"signonly", "no encryption subkey"}, {"bob", "not known"},
	    {NULL, "not known"}};
	const char *ring = pgp_ring("alice revoked subrevoked signonly");
	const char *alice = pgp_fpr("alice"), *fpr;
	struct error error;
	struct openpgp *pgp;
	struct pgp_ends e;
	size_t i, n, order;

	(void)state;
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], ring);
		assert_int_equal(openpgp_usable(pgp, alice, &error), 0);
		for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
			fpr = cases[n].name != NULL ? pgp_fpr(cases[n].name)
						    : "not a fingerprint";
			assert_int_equal(
			    openpgp_usable(pgp, fpr, &error), AG_ECRYPTO);
			assert_non_null(strstr(error.text, cases[n].why));
			for (order = 0; order < 2; order++) {
				pgp_ends_init(&e, "hello", 5);
				assert_int_equal(
				    openpgp_seal(pgp, order ? fpr : alice,
					order ? alice : fpr, false, &e.source,
					&e.sink, &error),
				    AG_ECRYPTO);
				assert_non_null(
				    strstr(error.text, cases[n].why));
				assert_int_equal(e.in_at, 0);
				assert_int_equal(e.out.len, 0);
				pgp_ends_free(&e);
			}
		}
		openpgp_free(&pgp);
	}
}

/* A list that names a subkey which the engine does not have. */
static void
test_missing_cert(void **state)
{
	const char *ring = pgp_ring("alice"), *list;
	char line[2 * OPENPGP_FPR_LEN + 3];
	struct error error = {""};
	struct openpgp *pgp;
	struct pgp_ends e;
	size_t i;

	(void)state;
	list = help_keep(file_join(ring, "recipients"));
	snprintf(
	    line, sizeof(line), "%s %s\n", pgp_fpr("bob"), pgp_enc_fpr("bob"));
	help_write(list, line, strlen(line));
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], ring);
		pgp_ends_init(&e, "hello", 5);
		assert_true(openpgp_seal(pgp, pgp_fpr("bob"), NULL, false,
				&e.source, &e.sink, &error) < 0);
		assert_true(error.text[0] != '\0');
		assert_int_equal(e.out.len, 0);
		pgp_ends_free(&e);
		openpgp_free(&pgp);
	}
}

/* ---- what must not be opened (SPEC B-5.5) ---- */

static struct pgp_message
altered(struct pgp_message m, size_t len, const char *more, size_t more_len)
{
	char *p = help_keep(malloc(len + more_len + 1));

	memcpy(p, m.data, len);
	memcpy(p + len, more, more_len);
	return (struct pgp_message){.data = p, .len = len + more_len};
}

static void
test_wrong_key(void **state)
{
	struct pgp_message m;
	size_t i, j, len;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "bob", 1000);
		for (EACH_ENGINE(j)) {
			assert_int_equal(
			    pgp_open(pgp_engines[j], "rsa", m, &len),
			    AG_ECRYPTO);
			assert_int_equal(len, 0);
		}
	}
}

/* Cut off anywhere. */
static void
test_truncated(void **state)
{
	struct pgp_message m;
	struct openpgp *pgp;
	size_t i, j, n;
	int rc;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "bob", 1000);
		for (EACH_ENGINE(j)) {
			pgp = pgp_opener(pgp_engines[j], "alice");
			for (n = 0; n < m.len; n += 97) {
				rc = pgp_open_with(
				    pgp, altered(m, n, "", 0), NULL);
				if (rc != AG_ESIG)
					fail_msg(
					    "%zu of %zu: %d", n, m.len, rc);
			}
			rc = pgp_open_with(
			    pgp, altered(m, m.len - 1, "", 0), NULL);
			assert_int_equal(rc, AG_ESIG);
			openpgp_free(&pgp);
		}
	}
}

static void
test_appended(void **state)
{
	struct pgp_message m, again;
	struct openpgp *pgp;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "bob", 1000);
		pgp = pgp_opener(pgp_engines[i], "alice");
		assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
		again = altered(m, m.len, "\0", 1);
		assert_int_equal(pgp_open_with(pgp, again, NULL), AG_ESIG);
		again = altered(m, m.len, "garbage", 7);
		assert_int_equal(pgp_open_with(pgp, again, NULL), AG_ESIG);
		again = altered(m, m.len, m.data, m.len);
		assert_int_equal(pgp_open_with(pgp, again, NULL), AG_ESIG);
		assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
		openpgp_free(&pgp);
	}
}

/* Where the SEIPD packet begins. */
static size_t
seal_start(struct pgp_message m)
{
	struct openpgp_frame f;
	size_t i;

	openpgp_frame_init(&f);
	for (i = 0; i < m.len && f.state != FRAME_SEIPD_VERSION; i++)
		openpgp_frame_feed(&f, m.data + i, 1);
	return i;
}

/* All of the first packet's head, then fewer. */
static size_t
next_flip(size_t at, size_t seal, size_t step)
{
	if (at < 20)
		return 1;
	return at < seal ? 1 + step / 4 : step;
}

/*
 * A bit flipped. Inside the seal: AG_ESIG. In a session key: it is ours,
 * then nobody's key opens it, or the session key is a wrong one; it is the
 * other one's, then it may open, but only to what was sealed. Never an
 * AG_EIO, which would be tried for ever.
 */
static void
bit_flips(enum openpgp_engine engine, struct pgp_message m, size_t step)
{
	struct openpgp *pgp = pgp_opener(engine, "alice");
	size_t seal = seal_start(m), at, len;
	struct pgp_message wrong;
	unsigned opened = 0, refused = 0;
	char *p;
	int rc;

	assert_in_range(seal, 100, 220);
	for (at = 0; at < m.len; at += next_flip(at, seal, step)) {
		wrong = altered(m, m.len, "", 0);
		p = (char *)(uintptr_t)wrong.data;
		p[at] ^= (char)(1 << at % 8);
		rc = pgp_open_with(pgp, wrong, &len);
		if (rc == 0 ? at >= seal || len != 1000
			    : rc != AG_ESIG && (rc != AG_ECRYPTO || at >= seal))
			fail_msg("%s: byte %zu of %zu: %d",
			    pgp_engine_text(engine), at, m.len, rc);
		opened += rc == 0;
		refused += rc < 0;
	}
	assert_true(refused > 0);
	assert_true(opened > 0);
	assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
	openpgp_free(&pgp);
}

static void
test_bit_flips(void **state)
{
	struct pgp_message m;
	size_t i, j;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "bob", 1000);
		for (EACH_ENGINE(j))
			bit_flips(pgp_engines[j], m,
			    pgp_engines[j] == OPENPGP_RNP ? 1 : 61);
	}
}

/* The same seal, said to be the old packet without protection: the attack
 * that SEIPD was made against, by taking its version octet away. */
static void
test_downgraded(void **state)
{
	struct pgp_message m, old;
	size_t i, at, n;
	char *p;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "bob", 60);
		at = seal_start(m);
		/* pkesk, pkesk, d2 length 01 body */
		old = altered(m, at, m.data + at + 1, m.len - at - 1);
		p = (char *)(uintptr_t)old.data;
		for (n = at - 1; (uint8_t)p[n] != 0xd2; n--)
			;
		p[n] = (char)0xc9;
		p[n + 1]--;
		for (n = 0; pgp_engines[n] != OPENPGP_AUTO; n++)
			assert_int_equal(
			    pgp_open(pgp_engines[n], "alice", old, NULL),
			    AG_ESIG);
	}
}

/* What gpg makes that is no sealed message, or sealed otherwise. */
static void
test_not_sealed(void **state)
{
	static const char *const kinds[][5] = {
	    {"--store", NULL},
	    {"--store", "-z", "0", NULL},
	    {"--sign", NULL},
	    {"--sign", "-z", "0", NULL},
	    {"--clear-sign", NULL},
	    {"--detach-sign", NULL},
	    {"--symmetric", "--passphrase", "x", NULL},
	    {"--export", NULL},
	    {"--enarmor", NULL},
	};
	const char *home = pgp_gnupg("alice"), *out = help_path("out");
	const char *plain = help_path("plain"), *argv[20];
	struct pgp_message m;
	size_t i, n, k, len;

	(void)state;
	help_write(plain, "hello\n", 6);
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		n = 0;
		argv[n++] = "gpg";
		argv[n++] = "--homedir";
		argv[n++] = home;
		argv[n++] = "--batch";
		argv[n++] = "--yes";
		argv[n++] = "--pinentry-mode";
		argv[n++] = "loopback";
		argv[n++] = "-o";
		argv[n++] = out;
		for (i = 1; kinds[k][i] != NULL; i++)
			argv[n++] = kinds[k][i];
		argv[n++] = kinds[k][0];
		if (strcmp(kinds[k][0], "--export") != 0)
			argv[n++] = plain;
		argv[n] = NULL;
		assert_int_equal(pgp_run(NULL, argv), 0);
		m.data = help_read(out, &m.len);
		for (EACH_ENGINE(i)) {
			if (pgp_open(pgp_engines[i], "alice", m, &len) !=
				AG_ESIG ||
			    len != 0)
				fail_msg("%s was opened", kinds[k][0]);
		}
	}
	m = (struct pgp_message){.data = "", .len = 0};
	for (EACH_ENGINE(i))
		assert_int_equal(
		    pgp_open(pgp_engines[i], "alice", m, NULL), AG_ESIG);
	pgp_gnupg_end(home);
}

/* gpg with these arguments, and "-o out in". */
static void
gpg_makes(
    const char *home, const char *out, const char *in, const char *const *args)
{
	const char *argv[24] = {"gpg", "--homedir", home, "--batch", "--yes",
	    "--trust-model", "always", "--pinentry-mode", "loopback",
	    "--passphrase", "x", "-z", "0", "-o", out};
	const char *said;
	size_t n = 15, i;

	for (i = 0; args[i] != NULL; i++)
		argv[n++] = args[i];
	argv[n++] = in;
	argv[n] = NULL;
	if (pgp_run(&said, argv) != 0)
		fail_msg("gpg %s: %s", args[0], said);
}

/* Well sealed to us, but what is inside is not a literal packet; and the
 * seal is good, so that it is not for the next try to do better. */
static void
test_odd_inside(void **state)
{
	static const char *const inner[][6] = {
	    {"--symmetric", NULL},
	    {"-r", "rsa@keys.example", "--encrypt", NULL},
	    {"--detach-sign", NULL}, {"--enarmor", NULL},
	    {NULL}, /* what is said to be compressed, and is not */
	};
	static const char *const outer[] = {
	    "-r", "alice@keys.example", "--no-literal", "--encrypt", NULL};
	const char *home = pgp_gnupg("alice"), *plain = help_path("plain");
	const char *in = help_path("inner"), *out = help_path("outer");
	struct pgp_message m;
	size_t i, k, len;

	(void)state;
	assert_int_equal(
	    PGP_RUN(NULL, "gpg", "--homedir", home, "--batch", "--import",
		help_source("tests/unit/openpgp/rsa.asc")),
	    0);
	help_write(plain, "hello\n", 6);
	for (k = 0; k < sizeof(inner) / sizeof(inner[0]); k++) {
		if (inner[k][0] != NULL)
			gpg_makes(home, in, plain, inner[k]);
		else
			help_write(in, "\xa3\x02garbage", 9);
		gpg_makes(home, out, in, outer);
		m.data = help_read(out, &m.len);
		for (EACH_ENGINE(i)) {
			unsigned tries = 5;
			int rc;

			/* gpg may die before it has said why. */
			do {
				rc = pgp_open(pgp_engines[i], "alice", m, &len);
			} while (rc == AG_EIO && --tries > 0);
			if (rc != AG_ESIG || len != 0)
				fail_msg("%s %s: %d, %zu bytes",
				    pgp_engine_text(pgp_engines[i]),
				    inner[k][0] != NULL ? inner[k][0] : "zlib",
				    rc, len);
		}
	}
	pgp_gnupg_end(home);
}

/* Sealed and compressed: a few kB would become a megabyte. */
static void
test_bomb(void **state)
{
	const char *home = pgp_gnupg("alice"), *out = help_path("out");
	const char *plain = help_path("plain");
	struct pgp_message m;
	char *zeros = help_keep(calloc(1, 1 << 20));
	size_t i, len;

	(void)state;
	help_write(plain, zeros, 1 << 20);
	assert_int_equal(PGP_RUN(NULL, "gpg", "--homedir", home, "--batch",
			     "--trust-model", "always", "-z", "9", "-r",
			     "alice@keys.example", "-o", out, "-e", plain),
	    0);
	pgp_gnupg_end(home);
	m.data = help_read(out, &m.len);
	assert_in_range(m.len, 100, 10000);
	for (EACH_ENGINE(i)) {
		struct openpgp *pgp = pgp_opener(pgp_engines[i], "alice");
		struct error error = {""};
		struct pgp_ends e;

		pgp_ends_init(&e, m.data, m.len);
		assert_int_equal(
		    openpgp_open(pgp, &e.source, &e.sink, &error), AG_ESIG);
		len = e.out.len;
		assert_true(len <= m.len);
		pgp_ends_free(&e);
		openpgp_free(&pgp);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_unusable),
	    help_test(test_missing_cert),
	    help_test(test_wrong_key),
	    help_test(test_truncated),
	    help_test(test_appended),
	    help_test(test_bit_flips),
	    help_test(test_downgraded),
	    help_test(test_not_sealed),
	    help_test(test_odd_inside),
	    help_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
