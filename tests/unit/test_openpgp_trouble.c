/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp_trouble - trouble at either end comes through, secret keys are
 * taken or refused, and nothing is left behind: no file, no agent, and no
 * gpg, even of one that was killed.
 */
#include "help.h"

#include <sys/stat.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/openpgp.h"
#include "openpgp_help.h"
#include "util/file.h"

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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_ends_fail),
	    help_test(test_small_reads),
	    help_test(test_secret_refused),
	    help_test(test_several_secrets),
	    help_test(test_subkey_alone),
	    help_test(test_subkey_alone_refused),
	    help_test(test_scratch),
	    help_test(test_no_agent),
	    help_test(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
