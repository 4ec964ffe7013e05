/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/show.c, cli/run.c and cli/verified.c.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run.h"
#include "cli/show.h"
#include "manifests/verified.h"
#include "cli_help.h"
#include "util/error.h"

#define FPR "0123456789ABCDEF0123456789ABCDEF01234567"

static void
test_fingerprint(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
	    {FPR, true},
	    {"0123456789abcdef0123456789abcdef01234567", true},
	    {"0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567", true},
	    {"01:23456789ABCDEF0123456789ABCDEF01234567", true},
	    {"0x" FPR, true},
	    {"", false},
	    {"CDEF01234567", false},
	    {FPR "0", false},
	    {"G123456789ABCDEF0123456789ABCDEF01234567", false},
	    {"0123456789ABCDEF0123456789ABCDEF0123456\n", false},
	};
	char fpr[41];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(show_read_fingerprint(rows[i].text, fpr),
		    rows[i].good ? 0 : AG_EINVAL);
		if (rows[i].good)
			assert_string_equal(fpr, FPR);
	}
}

static void
test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} sizes[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 kB"},
	    {1536, "1.5 kB"}, {25 << 20, "25.0 MB"}, {5ULL << 40, "5.0 TB"},
	    {5000ULL << 40, "5000.0 TB"}};
	static const struct {
		int64_t seconds;
		const char *want;
	} ages[] = {{-5, "0 s"}, {59, "59 s"}, {60, "1 min"},
	    {3700, "1 h 1 min"}, {90000, "1 d 1 h"}};
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		show_size(sizes[i].bytes, text);
		assert_string_equal(text, sizes[i].want);
	}
	for (i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		show_age(ages[i].seconds, text);
		assert_string_equal(text, ages[i].want);
	}
}

static int
run(const char *script, const char *input, struct buf *out, unsigned seconds,
    struct error *why)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	buf_reset(out);
	return run_program(argv, input, out, NULL, seconds, why);
}

static void
test_run(void **state)
{
	const char *const missing[] = {"agamid-no-such-program", NULL};
	const char *const argv[] = {
	    "sh", "-c", "printf 'first\\r\\nsecond\\n' >&2; exit 1", NULL};
	struct error why;
	struct buf out, said;
	char *big;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(
	    run("echo a; echo b >&2; exit 3", NULL, &out, 20, &why), 3);
	assert_string_equal(buf_str(&out), "a\n");
	assert_int_equal(run("cat", "in\n", &out, 20, &why), 0);
	assert_string_equal(buf_str(&out), "in\n");
	assert_int_equal(run("echo $LC_ALL", NULL, &out, 20, &why), 0);
	assert_string_equal(buf_str(&out), "C\n");
	buf_init(&said, 64);
	assert_int_equal(run_program(argv, NULL, NULL, &said, 20, &why), 1);
	assert_int_equal(run_complaint("sh", &said, &why), AG_EINVAL);
	assert_string_equal(why.text, "sh: first");
	buf_free(&said);
	/* More than a pipe holds, both ways at once. */
	big = calloc(1, 300001);
	assert_non_null(big);
	memset(big, 'x', 300000);
	assert_int_equal(run("cat", big, &out, 20, &why), 0);
	assert_int_equal(out.len, 300000);
	/* One that does not read is not waited for. */
	assert_int_equal(run("exit 0", big, &out, 20, &why), 0);
	free(big);
	assert_int_equal(run("kill -9 $$", NULL, &out, 20, &why), AG_EIO);
	assert_int_equal(run("sleep 60", NULL, &out, 1, &why), AG_EIO);
	assert_non_null(strstr(why.text, "within 1 second"));
	assert_int_equal(
	    run_program(missing, NULL, NULL, NULL, 20, &why), AG_ENOENT);
	buf_free(&out);
}

#define HASH_1 \
	"1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_2 \
	"2222222222222222222222222222222222222222222222222222222222222222"

static void
test_verified(void **state)
{
	struct manifest *m = fake_manifest("bob", '5', SSH_KEY_1), *n;
	struct verified *v = verified_parse("", 0);
	struct buf out;

	(void)state;
	fake_mailbox(m, "own", "own");
	m->mailboxes[0].openpgp = strdup("key");
	memset(m->mailboxes[0].fpr, '9', 40);
	buf_init(&out, 4096);
	assert_false(verified_fill(v, HASH_1, m));
	verified_add(v, HASH_1, m);
	verified_add(v, HASH_2, m);
	assert_int_equal(verified_write(v, &out), 0);
	verified_free(&v);

	v = verified_parse(buf_str(&out), out.len);
	n = fake_manifest("bob", '0', SSH_KEY_1);
	fake_mailbox(n, "own", "own");
	n->mailboxes[0].openpgp = strdup("key");
	assert_true(verified_fill(v, HASH_2, n));
	assert_string_equal(n->fpr, m->fpr);
	assert_string_equal(n->recovery_fpr, m->recovery_fpr);
	assert_string_equal(n->mailboxes[0].fpr, m->mailboxes[0].fpr);
	/* Only what was asked for is kept. */
	buf_reset(&out);
	assert_int_equal(verified_write(v, &out), 0);
	assert_null(strstr(buf_str(&out), HASH_1));
	assert_non_null(strstr(buf_str(&out), HASH_2));
	/* It must fit the manifest. */
	free(n->mailboxes[0].name);
	n->mailboxes[0].name = strdup("other");
	assert_false(verified_fill(v, HASH_2, n));
	verified_free(&v);

	/* Another version's is void. */
	out.data[strlen("agamid-verified ")] = '2';
	v = verified_parse(buf_str(&out), out.len);
	assert_false(verified_fill(v, HASH_2, m));
	verified_free(&v);
	buf_free(&out);
	fake_free(&n);
	fake_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_fingerprint),
	    help_test(test_sizes),
	    help_test(test_run),
	    help_test(test_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
