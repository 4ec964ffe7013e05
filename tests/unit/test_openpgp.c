/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp - sealing and opening, with each engine and across them:
 * that it works, that what is wrong is refused, that trouble at either end
 * comes through, that nothing is left behind.
 */
#include "help.h"

#include <sys/stat.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/openpgp.h"
#include "mail/openpgp_frame.h"
#include "openpgp_help.h"
#include "util/file.h"
#include "util/text.h"

#define EACH_ENGINE(i)                  \
	(i) = 0;                        \
	pgp_engines[i] != OPENPGP_AUTO; \
	(i)++

/* ---- what works ---- */

static void
round_trip(enum openpgp_engine sealer, enum openpgp_engine opener)
{
	static const size_t sizes[] = {0, 1, 10000, 5 << 20};
	struct openpgp *seal = pgp_sealer(sealer, pgp_ring("alice bob"));
	struct openpgp *alice = pgp_opener(opener, "alice");
	struct openpgp *bob = pgp_opener(opener, "bob");
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct pgp_message m;
	size_t i, len;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		m = pgp_seal_with(seal, fpr1, fpr2, false, sizes[i]);
		assert_true(m.len > sizes[i]);
		assert_int_equal(pgp_open_with(alice, m, &len), 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(pgp_open_with(bob, m, &len), 0);
		assert_int_equal(len, sizes[i]);
	}
	openpgp_free(&seal);
	openpgp_free(&alice);
	openpgp_free(&bob);
	assert_null(bob);
}

static void
test_round_trips(void **state)
{
	size_t i, j;

	(void)state;
	for (EACH_ENGINE(i))
		for (EACH_ENGINE(j))
			round_trip(pgp_engines[i], pgp_engines[j]);
	assert_true(pgp_wait_no_process("--homedir", help_dir()));
}

/* Every kind of key that may be sealed to, by each engine, to be opened by
 * each: also those that expired, or come from the future. */
static void
test_kinds(void **state)
{
	static const char *const names[] = {
	    "rsa", "newest", "expired", "future", "twouids", "aead"};
	struct pgp_message m;
	size_t i, j, n, len;

	(void)state;
	for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		for (EACH_ENGINE(i)) {
			m = pgp_seal(pgp_engines[i], names[n], "bob", 1000);
			for (EACH_ENGINE(j)) {
				if (pgp_open(pgp_engines[j], names[n], m,
					&len) != 0 ||
				    len != 1000)
					fail_msg("%s %zu %zu", names[n], i, j);
			}
		}
	}
}

static void
test_names(void **state)
{
	struct openpgp *pgp;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], pgp_ring("alice"));
		assert_string_equal(
		    openpgp_engine_name(pgp), pgp_engine_text(pgp_engines[i]));
		assert_true(openpgp_engine_built(pgp_engines[i]));
		assert_true(strlen(openpgp_engine_version(pgp_engines[i])) > 5);
		openpgp_free(&pgp);
	}
	openpgp_free(&pgp); /* NULL is legal */
	assert_true(openpgp_engine_built(OPENPGP_AUTO));
#ifndef HAVE_RNP
	assert_false(openpgp_engine_built(OPENPGP_RNP));
	assert_int_equal(
	    openpgp_new_public(OPENPGP_RNP, "/", &pgp, NULL), AG_ENOENT);
#endif
}

/* One key, and the same key twice, are one recipient. */
static void
test_one_recipient(void **state)
{
	const char *fpr = pgp_fpr("alice");
	struct openpgp_frame f;
	struct pgp_message m;
	struct openpgp *pgp;
	size_t i, n;

	(void)state;
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], pgp_ring("alice bob"));
		for (n = 0; n < 2; n++) {
			m = pgp_seal_with(
			    pgp, fpr, n == 0 ? NULL : fpr, false, 10);
			openpgp_frame_init(&f);
			openpgp_frame_feed(&f, m.data, m.len);
			assert_int_equal(openpgp_frame_finish(&f), 0);
			assert_int_equal(f.recipients, 1);
			assert_int_equal(
			    pgp_open(pgp_engines[i], "bob", m, NULL),
			    AG_ECRYPTO);
		}
		openpgp_free(&pgp);
	}
}

/* Of several encryption subkeys the newest that is not revoked. */
static void
test_newest_subkey(void **state)
{
	const char *want = pgp_enc_fpr("newest");
	char hex[2 * FRAME_KEYID_SIZE + 1];
	struct openpgp_frame f;
	struct pgp_message m;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "newest", "alice", 10);
		openpgp_frame_init(&f);
		openpgp_frame_feed(&f, m.data, m.len);
		assert_int_equal(f.recipients, 2);
		text_hex(f.keyid[0], FRAME_KEYID_SIZE, hex);
		assert_int_equal(strcasecmp(hex, want + 24), 0);
	}
}

/* ---- the form, and other people's programs ---- */

/* How often part occurs. */
static unsigned
count(const char *s, const char *part)
{
	unsigned n = 0;

	for (; (s = strstr(s, part)) != NULL; s++)
		n++;
	return n;
}

/* SPEC B-5.1, B-5.3 and B-5.4, as gpg sees it. */
static void
test_packets(void **state)
{
	const char *home = pgp_gnupg("alice"), *path = help_path("m.pgp");
	const char *out;
	struct pgp_message m;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		m = pgp_seal(pgp_engines[i], "alice", "aead", 20000);
		help_write(path, m.data, m.len);
		assert_int_equal(
		    PGP_RUN(&out, "gpg", "--homedir", home, "--batch",
			"--show-session-key", "--list-packets", path),
		    0);
		assert_int_equal(
		    count(out, ":pubkey enc packet: version 3"), 2);
		assert_int_equal(count(out, ":encrypted data packet:"), 1);
		assert_int_equal(count(out, "mdc_method: 2"), 1);
		assert_int_equal(count(out, ":literal data packet:"), 1);
		assert_int_equal(count(out, "mode b (62)"), 1);
		assert_int_equal(count(out, "name=\"\""), 1);
		assert_int_equal(count(out, "aead"), 0);
		assert_int_equal(count(out, "compressed"), 0);
		assert_int_equal(count(out, "\n:"), 4);
		assert_int_equal(
		    count(out, "session key: '9:"), 1); /* AES-256 */
	}
	pgp_gnupg_end(home);
}

static void
assert_opened(const char *who, const char *path, size_t len)
{
	size_t got;
	const char *data = help_read(path, &got);

	if (got != len || memcmp(data, pgp_bytes(len), len) != 0)
		fail_msg(
		    "%s opened %zu bytes, not the same %zu", who, got, len);
	unlink(path);
}

/* The option's name is of sq 0.27 (Debian 12), or of 1.3 (13). */
static void
sq_decrypt(const char *secret, const char *plain, const char *in)
{
	static const char *const names[] = {
	    "--recipient-key", "--recipient-file"};
	const char *out;
	size_t i;

	for (i = 0; i < 2; i++)
		if (PGP_RUN(&out, "sq", "decrypt", names[i], secret, "--output",
			plain, in) == 0)
			return;
	fail_msg("sq: %s", out);
}

/* sq, rnp and gpg open what each engine sealed, binary and armored. */
static void
test_others_open(void **state)
{
	const char *home = pgp_gnupg("bob"), *rnp = help_path("rnp");
	const char *in = help_path("m.pgp"), *plain = help_path("plain");
	const char *secret = pgp_secret_path("bob");
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct pgp_message m;
	struct openpgp *pgp;
	size_t i;
	int armor;

	(void)state;
	assert_int_equal(file_mkdirs(rnp, 0700, NULL), 0);
	assert_int_equal(
	    PGP_RUN(NULL, "rnpkeys", "--homedir", rnp, "--import-keys", secret),
	    0);
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], pgp_ring("alice bob"));
		for (armor = 0; armor < 2; armor++) {
			m = pgp_seal_with(pgp, fpr1, fpr2, armor, 12345);
			help_write(in, m.data, m.len);
			assert_int_equal(strncmp(m.data,
					     "-----BEGIN PGP "
					     "MESSAGE-----",
					     27) == 0,
			    armor);
			assert_int_equal(
			    PGP_RUN(NULL, "gpg", "--homedir", home, "--batch",
				"-o", plain, "--decrypt", in),
			    0);
			assert_opened("gpg", plain, 12345);
			sq_decrypt(secret, plain, in);
			assert_opened("sq", plain, 12345);
			assert_int_equal(
			    PGP_RUN(NULL, "rnp", "--homedir", rnp, "--output",
				plain, "--decrypt", in),
			    0);
			assert_opened("rnp", plain, 12345);
		}
		openpgp_free(&pgp);
	}
	pgp_gnupg_end(home);
}

/* What gpg sealed by itself, without compression, is opened. */
static void
test_open_others(void **state)
{
	const char *home = pgp_gnupg("bob"), *plain = help_path("plain");
	const char *sealed = help_path("m.pgp");
	struct pgp_message m;
	size_t i, len;

	(void)state;
	help_write(plain, pgp_bytes(5000), 5000);
	assert_int_equal(PGP_RUN(NULL, "gpg", "--homedir", home, "--batch",
			     "--trust-model", "always", "-z", "0", "-r",
			     "bob@keys.example", "-o", sealed, "-e", plain),
	    0);
	pgp_gnupg_end(home);
	m.data = help_read(sealed, &m.len);
	for (EACH_ENGINE(i)) {
		assert_int_equal(pgp_open(pgp_engines[i], "bob", m, &len), 0);
		assert_int_equal(len, 5000);
	}
}

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

/* ---- trouble at the ends ---- */

/* Source and sink fail early, in the middle, late; the error comes through
 * as it was, nothing is called after it, and the object still works. */
static void
end_fails(enum openpgp_engine engine, bool opening, bool source)
{
	const size_t size = 300000;
	struct pgp_message m = pgp_seal(engine, "alice", "bob", size);
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct openpgp *pgp = opening
	    ? pgp_opener(engine, "alice")
	    : pgp_sealer(engine, pgp_ring("alice bob"));
	const size_t at[] = {1, 1000, 150000, size};
	struct error error;
	struct pgp_ends e;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		if (opening)
			pgp_ends_init(&e, m.data, m.len);
		else
			pgp_ends_init(&e, pgp_bytes(size), size);
		e.chunk = 5000;
		*(source ? &e.in_fail_at : &e.out_fail_at) = at[i];
		*(source ? &e.in_err : &e.out_err) =
		    source ? AG_EAGAIN : AG_ETOOBIG;
		error.text[0] = '\0';
		rc = opening ? openpgp_open(pgp, &e.source, &e.sink, &error)
			     : openpgp_seal(pgp, fpr1, fpr2, false, &e.source,
				   &e.sink, &error);
		if (rc != (source ? AG_EAGAIN : AG_ETOOBIG) || e.after != 0)
			fail_msg("%s opening %d source %d at %zu: %d, %u calls "
				 "after, %s",
			    pgp_engine_text(engine), opening, source, at[i], rc,
			    e.after, error.text);
		assert_true(error.text[0] != '\0');
		pgp_ends_free(&e);
	}
	if (opening) {
		assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
	} else {
		m = pgp_seal_with(pgp, fpr1, fpr2, false, 100);
		assert_int_equal(pgp_open(engine, "bob", m, NULL), 0);
	}
	openpgp_free(&pgp);
}

static void
test_ends_fail(void **state)
{
	size_t i;
	int n;

	(void)state;
	for (EACH_ENGINE(i))
		for (n = 0; n < 4; n++)
			end_fails(pgp_engines[i], n & 1, n & 2);
}

/* A source that gives a byte at a time. */
static void
test_small_reads(void **state)
{
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct openpgp *pgp;
	struct pgp_message m;
	struct pgp_ends e, o;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], pgp_ring("alice bob"));
		pgp_ends_init(&e, pgp_bytes(3000), 3000);
		e.chunk = 1;
		assert_int_equal(openpgp_seal(pgp, fpr1, fpr2, false, &e.source,
				     &e.sink, NULL),
		    0);
		openpgp_free(&pgp);
		m = (struct pgp_message){.data = e.out.data, .len = e.out.len};
		pgp = pgp_opener(pgp_engines[i], "bob");
		pgp_ends_init(&o, m.data, m.len);
		o.chunk = 1;
		assert_int_equal(
		    openpgp_open(pgp, &o.source, &o.sink, NULL), 0);
		assert_int_equal(o.out.len, 3000);
		assert_memory_equal(o.out.data, e.in, 3000);
		pgp_ends_free(&o);
		pgp_ends_free(&e);
		openpgp_free(&pgp);
	}
}

/* ---- secret keys ---- */

static void
test_secret_refused(void **state)
{
	static const struct {
		const char *file;
		int rc;
		const char *why;
	} cases[] = {{"missing", AG_ENOENT, "missing"},
	    {"empty", AG_EINVAL, "empty"}, {"text", AG_EINVAL, "text"},
	    {"public", AG_EINVAL, "no OpenPGP secret key"},
	    {"locked", AG_ECRYPTO, "passphrase"}};
	const char *scratch = help_path("s"), *path;
	struct error error;
	struct openpgp *pgp;
	size_t i, n;
	int rc;

	(void)state;
	assert_int_equal(file_mkdirs(scratch, 0700, NULL), 0);
	help_write(help_path("empty"), "", 0);
	help_write(help_path("text"), "hello\n", 6);
	help_write(help_path("public"), pgp_public("alice"),
	    strlen(pgp_public("alice")));
	for (EACH_ENGINE(i)) {
		for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
			path = strcmp(cases[n].file, "locked") == 0
			    ? pgp_secret_path("locked")
			    : help_path("%s", cases[n].file);
			error.text[0] = '\0';
			rc = openpgp_new_secret(
			    pgp_engines[i], path, scratch, &pgp, &error);
			if (rc != cases[n].rc ||
			    strstr(error.text, cases[n].why) == NULL)
				fail_msg("%s %s: %d %s",
				    pgp_engine_text(pgp_engines[i]),
				    cases[n].file, rc, error.text);
			assert_null(pgp);
		}
	}
	assert_int_equal(help_entries(scratch), 0);
}

/* A file of several keys, one behind the other: old ones stay until
 * nobody holds anything for them. */
static void
test_several_secrets(void **state)
{
	const char *path = help_path("secrets.asc");
	struct pgp_message a, b;
	struct openpgp *pgp;
	struct buf text;
	size_t i;

	(void)state;
	buf_init(&text, 65536);
	buf_puts(&text, help_read(pgp_secret_path("alice"), NULL));
	buf_puts(&text, help_read(pgp_secret_path("rsa"), NULL));
	help_write(path, text.data, text.len);
	buf_wipe(&text);
	for (EACH_ENGINE(i)) {
		a = pgp_seal(pgp_engines[i], "alice", "bob", 100);
		b = pgp_seal(pgp_engines[i], "rsa", "bob", 100);
		assert_int_equal(openpgp_new_secret(pgp_engines[i], path,
				     help_dir(), &pgp, NULL),
		    0);
		assert_int_equal(pgp_open_with(pgp, a, NULL), 0);
		assert_int_equal(pgp_open_with(pgp, b, NULL), 0);
		openpgp_free(&pgp);
	}
}

/* SPEC N-13.9: beside another key it opens what was sealed to its key,
 * and the secret of its primary key is not in it. */
static void
test_subkey_alone(void **state)
{
	static const char *const keys[] = {"alice", "rsa"};
	const char *path = help_path("alone.asc"), *secret, *sealed;
	struct pgp_message m;
	struct openpgp *pgp;
	struct buf alone;
	size_t i, k;

	(void)state;
	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		secret = help_read(pgp_secret_path(keys[k]), NULL);
		buf_init(&alone, OPENPGP_KEY_MAX);
		assert_int_equal(openpgp_subkey_alone(pgp_public(keys[k]),
				     secret, help_dir(), &alone, NULL),
		    0);
		help_write(path, alone.data, alone.len);
		assert_int_equal(PGP_RUN(&sealed, "sh", "-c",
				     "gpg --list-packets <\"$1\"", "sh", path),
		    0);
		assert_null(strstr(sealed, pgp_fpr(keys[k]) + 24));
		assert_non_null(strstr(sealed, pgp_enc_fpr(keys[k]) + 24));
		for (EACH_ENGINE(i)) {
			m = pgp_seal(pgp_engines[i], keys[k], "newest", 100);
			assert_int_equal(openpgp_new_secrets(pgp_engines[i],
					     pgp_secret_path("bob"), path,
					     help_dir(), &pgp, NULL),
			    0);
			assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
			m = pgp_seal(pgp_engines[i], "bob", "newest", 100);
			assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
			openpgp_free(&pgp);
		}
		buf_wipe(&alone);
	}
}

/* What is no key of its, or nobody could open without typing. */
static void
test_subkey_alone_refused(void **state)
{
	struct error error;
	struct buf alone;

	(void)state;
	buf_init(&alone, OPENPGP_KEY_MAX);
	assert_int_equal(openpgp_subkey_alone(pgp_public("alice"),
			     help_read(pgp_secret_path("bob"), NULL),
			     help_dir(), &alone, &error),
	    AG_EINVAL);
	assert_non_null(strstr(error.text, "another one"));
	assert_int_equal(openpgp_subkey_alone(pgp_public("locked"),
			     help_read(pgp_secret_path("locked"), NULL),
			     help_dir(), &alone, &error),
	    AG_EINVAL);
	assert_int_equal(alone.len, 0);
	buf_free(&alone);
}

/* The home of secret keys is nobody else's, and goes. */
static void
test_scratch(void **state)
{
	const char *scratch = help_path("s");
	struct openpgp *pgp;
	struct pgp_message m;
	struct stat st;
	time_t started;
	int pid;

	(void)state;
	assert_int_equal(file_mkdirs(scratch, 0755, NULL), 0);
	m = pgp_seal(OPENPGP_GPGME, "alice", "bob", 100);
	assert_int_equal(openpgp_new_secret(OPENPGP_GPGME,
			     pgp_secret_path("alice"), scratch, &pgp, NULL),
	    0);
	assert_int_equal(help_entries(scratch), 1);
	assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
	pid = pgp_find_process("gpg-agent", scratch);
	assert_true(pid > 0);
	assert_int_equal(
	    PGP_RUN(NULL, "find", scratch, "-mindepth", "1", "-type", "d",
		"-not", "-perm", "0700", "-fprint", help_path("open")),
	    0);
	assert_int_equal(stat(help_path("open"), &st), 0);
	assert_int_equal(st.st_size, 0);

	/* An agent that died is started again by gpg. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
	assert_true(pgp_find_process("gpg-agent", scratch) > 0);
	openpgp_free(&pgp);
	assert_int_equal(help_entries(scratch), 0);
	assert_true(pgp_wait_no_process("gpg-agent", scratch));

	/* Nor is anything waited for that has died before the end. */
	assert_int_equal(openpgp_new_secret(OPENPGP_GPGME,
			     pgp_secret_path("alice"), scratch, &pgp, NULL),
	    0);
	pid = pgp_find_process("gpg-agent", scratch);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	started = time(NULL);
	openpgp_free(&pgp);
	assert_true(time(NULL) - started < 4);
	assert_int_equal(help_entries(scratch), 0);
	assert_true(pgp_wait_no_process("gpg-agent", scratch));
}

/* An agent that can't be had is this machine's trouble: the message may
 * be good, and is when it is tried again. */
static void
test_no_agent(void **state)
{
	const char *scratch = help_path("s"), *sock, *in_the_way;
	struct openpgp *pgp;
	struct pgp_message m;
	int pid;

	(void)state;
	assert_int_equal(file_mkdirs(scratch, 0700, NULL), 0);
	m = pgp_seal(OPENPGP_GPGME, "alice", "bob", 100);
	assert_int_equal(openpgp_new_secret(OPENPGP_GPGME,
			     pgp_secret_path("alice"), scratch, &pgp, NULL),
	    0);
	assert_int_equal(
	    PGP_RUN(&sock, "find", scratch, "-name", "S.gpg-agent"), 0);
	sock = help_keep(strndup(sock, strcspn(sock, "\n")));
	pid = pgp_find_process("gpg-agent", scratch);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(unlink(sock), 0);
	in_the_way = help_keep(file_join(sock, "x"));
	assert_int_equal(file_mkdirs(in_the_way, 0700, NULL), 0);
	assert_int_equal(pgp_open_with(pgp, m, NULL), AG_EIO);
	assert_int_equal(file_remove_tree(sock, NULL), 0);
	assert_int_equal(pgp_open_with(pgp, m, NULL), 0);
	openpgp_free(&pgp);
}

/* ---- a gpg that dies ---- */

struct killer {
	struct pgp_ends ends;
	const char *word; /* of the command line */
	unsigned reads;
};

static ssize_t
killer_read(void *ctx, void *data, size_t len)
{
	struct killer *k = ctx;
	int pid;

	if (++k->reads == 8) {
		pid = pgp_find_process("gpg ", k->word);
		assert_true(pid > 0);
		kill(pid, SIGKILL);
	}
	return k->ends.source.read(&k->ends, data, len);
}

/* GPGME has nothing to say of a gpg that was killed: we must. */
static void
test_killed(void **state)
{
	const char *ring = pgp_ring("alice bob");
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct openpgp *seal = pgp_sealer(OPENPGP_GPGME, ring);
	struct openpgp *open = pgp_opener(OPENPGP_GPGME, "alice");
	struct killer k = {.word = ring};
	struct openpgp_source source = {.read = killer_read, .ctx = &k};
	const size_t size = 1 << 20;
	struct pgp_message m;
	struct error error;
	int armor, rc;

	(void)state;
	for (armor = 0; armor < 2; armor++) {
		k.reads = 0;
		pgp_ends_init(&k.ends, pgp_bytes(size), size);
		rc = openpgp_seal(
		    seal, fpr1, fpr2, armor, &source, &k.ends.sink, &error);
		if (rc != AG_EIO)
			fail_msg("%d %s", rc, error.text);
		pgp_ends_free(&k.ends);
	}
	m = pgp_seal_with(seal, fpr1, fpr2, false, size);
	k.reads = 0;
	k.word = help_path("g.");
	pgp_ends_init(&k.ends, m.data, m.len);
	rc = openpgp_open(open, &source, &k.ends.sink, &error);
	if (rc != AG_EIO)
		fail_msg("%d %s", rc, error.text);
	pgp_ends_free(&k.ends);
	assert_int_equal(pgp_open_with(open, m, NULL), 0);
	openpgp_free(&seal);
	openpgp_free(&open);
}

/* ---- threads ---- */

struct worker {
	enum openpgp_engine engine;
	const char *ring, *fpr1, *fpr2, *secret, *scratch, *bytes;
	const char *failed; /* what went wrong */
};

static const char *
work_once(struct worker *w, struct openpgp *seal, struct openpgp *open)
{
	struct pgp_ends e, o;
	const char *failed = NULL;

	pgp_ends_init(&e, w->bytes, 10000);
	if (openpgp_seal(
		seal, w->fpr1, w->fpr2, false, &e.source, &e.sink, NULL) < 0)
		failed = "seal";
	pgp_ends_init(&o, e.out.data, e.out.len);
	if (failed == NULL &&
	    (openpgp_open(open, &o.source, &o.sink, NULL) < 0 ||
		o.out.len != 10000 || memcmp(o.out.data, w->bytes, 10000) != 0))
		failed = "open";
	pgp_ends_free(&e);
	pgp_ends_free(&o);
	return failed;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct openpgp *seal = NULL, *open = NULL;
	unsigned i;

	if (openpgp_new_public(w->engine, w->ring, &seal, NULL) < 0 ||
	    openpgp_new_secret(w->engine, w->secret, w->scratch, &open, NULL) <
		0)
		w->failed = "new";
	for (i = 0; i < 10 && w->failed == NULL; i++)
		w->failed = work_once(w, seal, open);
	openpgp_free(&seal);
	openpgp_free(&open);
	return NULL;
}

/* Several objects in several threads, of both engines at once. */
static void
test_threads(void **state)
{
	enum { THREADS = 8 };
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	size_t i, engines = 0;

	(void)state;
	for (EACH_ENGINE(i))
		engines++;
	for (i = 0; i < THREADS; i++) {
		w[i].engine = pgp_engines[i % engines];
		w[i].ring = pgp_ring("alice bob");
		w[i].fpr1 = pgp_fpr("alice");
		w[i].fpr2 = pgp_fpr("bob");
		w[i].secret = pgp_secret_path(i % 4 < 2 ? "alice" : "bob");
		w[i].scratch = help_dir();
		w[i].bytes = pgp_bytes(10000);
		w[i].failed = NULL;
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, work, &w[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++)
		if (w[i].failed != NULL)
			fail_msg("thread %zu (%s): %s", i,
			    pgp_engine_text(w[i].engine), w[i].failed);
}

/* ---- the directory of keys ---- */

/* The name may be switched while an object lives: it stays with the keys
 * that it was made from. */
static void
test_switched(void **state)
{
	const char *first = pgp_ring("alice"), *second = pgp_ring("bob");
	const char *name = help_path("keys");
	struct openpgp *pgp;
	size_t i;

	(void)state;
	for (EACH_ENGINE(i)) {
		unlink(name);
		assert_int_equal(symlink(first, name), 0);
		pgp = pgp_sealer(pgp_engines[i], name);
		unlink(name);
		assert_int_equal(symlink(second, name), 0);
		pgp_seal_with(pgp, pgp_fpr("alice"), NULL, false, 10);
		openpgp_free(&pgp);
	}
}

/* Sealing writes nothing into the directory: its users may not. */
static void
test_read_only(void **state)
{
	const char *ring = pgp_ring("alice"), *before, *after;
	struct openpgp *pgp;
	size_t i;

	(void)state;
	assert_int_equal(
	    PGP_RUN(&before, "find", ring, "-printf", "%p %s %T@ %m\\n"), 0);
	for (EACH_ENGINE(i)) {
		pgp = pgp_sealer(pgp_engines[i], ring);
		pgp_seal_with(pgp, pgp_fpr("alice"), NULL, false, 10);
		openpgp_free(&pgp);
	}
	assert_int_equal(
	    PGP_RUN(&after, "find", ring, "-printf", "%p %s %T@ %m\\n"), 0);
	assert_string_equal(before, after);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_round_trips),
	    help_test(test_kinds),
	    help_test(test_names),
	    help_test(test_one_recipient),
	    help_test(test_newest_subkey),
	    help_test(test_packets),
	    help_test(test_others_open),
	    help_test(test_open_others),
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
	    help_test(test_ends_fail),
	    help_test(test_small_reads),
	    help_test(test_secret_refused),
	    help_test(test_several_secrets),
	    help_test(test_subkey_alone),
	    help_test(test_subkey_alone_refused),
	    help_test(test_scratch),
	    help_test(test_no_agent),
	    help_test(test_killed),
	    help_test(test_threads),
	    help_test(test_switched),
	    help_test(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
