/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp - sealing and opening, with each engine and across them:
 * that it works, in the form that other programs read, in threads, and
 * while the directory of keys is switched.
 */
#include "help.h"

#include <sys/stat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp.h"
#include "mail/openpgp_frame.h"
#include "openpgp_help.h"
#include "util/file.h"
#include "util/text.h"

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
	    help_test(test_threads),
	    help_test(test_switched),
	    help_test(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
