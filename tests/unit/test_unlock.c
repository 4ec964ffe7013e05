/* SPDX-License-Identifier: MIT */
/*
 * test_unlock - dovecot-plugin/unlock.h and opened.h, without Dovecot: the
 * key and its passphrase, what opens and what doesn't, and the cache.
 */
#include "openpgp_help.h"

#include "help.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dovecot-plugin/opened.h"
#include "dovecot-plugin/unlock.h"

#define LOCKED_PASS "secret"

struct ends {
	struct pgp_message in;
	size_t at;
	char out[4096];
	size_t out_len;
};

static ssize_t
end_read(void *ctx, void *data, size_t len)
{
	struct ends *e = ctx;
	size_t left = e->in.len - e->at;

	len = len < left ? len : left;
	memcpy(data, e->in.data + e->at, len);
	e->at += len;
	return (ssize_t)len;
}

static int
end_write(void *ctx, const void *data, size_t len)
{
	struct ends *e = ctx;

	if (len > sizeof(e->out) - e->out_len)
		return -1;
	memcpy(e->out + e->out_len, data, len);
	e->out_len += len;
	return 0;
}

/* A copy of name's secret key that only we can read. */
static const char *
key_file(const char *name, mode_t mode)
{
	const char *path = help_path("%s.key", name), *data;
	size_t len;

	data = help_read(pgp_secret_path(name), &len);
	help_write(path, data, len);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static enum unlock_result
try_open(struct unlock *u, struct pgp_message m, struct ends *e,
    char error[UNLOCK_ERROR_MAX])
{
	const struct unlock_io io = {end_read, end_write, e};

	memset(e, 0, sizeof(*e));
	e->in = m;
	return unlock_open(u, &io, error);
}

/* SPEC D-4.1 */
static void
test_open(void **state)
{
	struct unlock *u = unlock_new(key_file("alice", 0600), NULL);
	struct openpgp *pgp = pgp_sealer(OPENPGP_AUTO, pgp_ring("alice bob"));
	char error[UNLOCK_ERROR_MAX];
	struct pgp_message m;
	struct ends e;

	(void)state;
	m = pgp_seal_with(pgp, pgp_fpr("alice"), NULL, true, 1000);
	assert_int_equal(try_open(u, m, &e, error), UNLOCK_OPENED);
	assert_int_equal(e.out_len, 1000);
	assert_memory_equal(e.out, pgp_bytes(1000), 1000);
	assert_int_equal(try_open(u, m, &e, error), UNLOCK_OPENED);
	m = pgp_seal_with(pgp, pgp_fpr("bob"), NULL, true, 1000);
	assert_int_equal(try_open(u, m, &e, error), UNLOCK_FAILED);
	assert_string_not_equal(error, "");
	m = pgp_seal_with(pgp, pgp_fpr("alice"), NULL, true, 0);
	assert_int_equal(try_open(u, m, &e, error), UNLOCK_FAILED);
	openpgp_free(&pgp);
	unlock_free(&u);
	assert_null(u);
}

/* SPEC D-4.2 */
static void
test_damage(void **state)
{
	struct unlock *u = unlock_new(key_file("alice", 0600), NULL);
	struct openpgp *pgp = pgp_sealer(OPENPGP_AUTO, pgp_ring("alice"));
	char error[UNLOCK_ERROR_MAX], copy[4096];
	struct pgp_message m, bad;
	struct ends e;

	(void)state;
	m = pgp_seal_with(pgp, pgp_fpr("alice"), NULL, true, 1000);
	assert_true(m.len < sizeof(copy));
	bad.data = copy;
	bad.len = m.len / 2;
	memcpy(copy, m.data, m.len);
	assert_int_equal(try_open(u, bad, &e, error), UNLOCK_FAILED);
	bad.len = m.len;
	copy[m.len / 2] = copy[m.len / 2] == 'A' ? 'B' : 'A';
	assert_int_equal(try_open(u, bad, &e, error), UNLOCK_FAILED);
	bad.data = "nonsense";
	bad.len = 8;
	assert_int_equal(try_open(u, bad, &e, error), UNLOCK_FAILED);
	openpgp_free(&pgp);
	unlock_free(&u);
}

/* SPEC D-4.3 */
static void
test_states(void **state)
{
	const struct {
		const char *name, *pass;
		mode_t mode;
		enum unlock_state want;
	} cases[] = {
	    {"alice", NULL, 0600, UNLOCK_READY},
	    {"alice", "not needed", 0400, UNLOCK_READY},
	    {"alice", NULL, 0640, UNLOCK_BAD_KEY},
	    {"signonly", NULL, 0600, UNLOCK_BAD_KEY},
	    {"locked", NULL, 0600, UNLOCK_NO_PASS},
	    {"locked", "", 0600, UNLOCK_NO_PASS},
	    {"locked", "wrong", 0600, UNLOCK_WRONG_PASS},
	    {"locked", LOCKED_PASS, 0600, UNLOCK_READY},
	};
	struct unlock *u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(help_path("%s.key", cases[i].name));
		u = unlock_new(
		    key_file(cases[i].name, cases[i].mode), cases[i].pass);
		if (unlock_try(u) != cases[i].want)
			fail_msg("%s: %d, %s", cases[i].name, unlock_try(u),
			    unlock_error(u));
		assert_int_equal(
		    unlock_error(u)[0] == '\0', cases[i].want == UNLOCK_READY);
		unlock_free(&u);
	}
	u = unlock_new(help_path("none"), NULL);
	assert_int_equal(unlock_try(u), UNLOCK_NO_KEY);
	unlock_free(&u);
}

static void
test_key_file_is_no_key(void **state)
{
	const char *path = help_path("nonsense");
	struct unlock *u;

	(void)state;
	help_write(path, "nonsense", 8);
	assert_int_equal(chmod(path, 0600), 0);
	u = unlock_new(path, "x");
	assert_int_equal(unlock_try(u), UNLOCK_BAD_KEY);
	unlock_free(&u);
	assert_int_equal(symlink(path, help_path("link")), 0);
	u = unlock_new(help_path("link"), "x");
	assert_int_equal(unlock_try(u), UNLOCK_BAD_KEY);
	unlock_free(&u);
}

/* ---- the cache ---- */

static int
memfd_of(size_t size)
{
	int fd = opened_memfd();

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void
add(struct opened_cache *c, uint32_t uid, size_t size)
{
	const struct opened_key key = {"INBOX", 1, uid};
	struct opened *o = opened_add(c, &key, memfd_of(size), size);

	assert_non_null(o);
	opened_unref(&o);
}

static bool
has(struct opened_cache *c, const char *box, uint32_t uid)
{
	const struct opened_key key = {box, 1, uid};
	struct opened *o = opened_find(c, &key);
	bool found = o != NULL;

	opened_unref(&o);
	return found;
}

/* SPEC D-5.3 */
static void
test_cache(void **state)
{
	struct opened_cache c = {.bytes_max = 10000, .count_max = 3};

	(void)state;
	add(&c, 1, 1000);
	add(&c, 2, 1000);
	add(&c, 3, 1000);
	assert_true(has(&c, "INBOX", 1)); /* and is the newest now */
	assert_false(has(&c, "Other", 1));
	add(&c, 4, 1000);
	assert_true(has(&c, "INBOX", 1));
	assert_false(has(&c, "INBOX", 2));
	add(&c, 5, 50000); /* the last one, whatever its size */
	assert_true(has(&c, "INBOX", 5));
	assert_false(has(&c, "INBOX", 1));
	assert_int_equal(c.count, 1);
	add(&c, 6, 10);
	assert_false(has(&c, "INBOX", 5));
	add(&c, 0, 10);
	assert_false(has(&c, "INBOX", 0));
	opened_clear(&c);
	assert_int_equal(c.bytes, 0);
	assert_null(c.first);
}

static void
test_cache_seals(void **state)
{
	struct opened_cache c = {.bytes_max = 10000, .count_max = 3};
	const struct opened_key key = {"INBOX", 1, 7};
	struct opened *o = opened_add(&c, &key, memfd_of(100), 100);

	(void)state;
	assert_int_equal(write(o->fd, "x", 1), -1);
	assert_int_equal(ftruncate(o->fd, 0), -1);
	opened_clear(&c);
	assert_int_equal(fcntl(o->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	opened_unref(&o);
	o = opened_add(&c, &key, -1, 0);
	assert_int_equal(o->fd, -1);
	opened_unref(&o);
	assert_true(has(&c, "INBOX", 7));
	opened_clear(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_open),
	    help_test(test_damage),
	    help_test(test_states),
	    help_test(test_key_file_is_no_key),
	    help_test(test_cache),
	    help_test(test_cache_seals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
