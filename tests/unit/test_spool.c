/* SPDX-License-Identifier: MIT */
/*
 * test_spool - bundles as files: names, heads, the order of the durable
 * steps, what a crash at each of them leaves, and that nothing is ever
 * replaced.
 */
#include "help.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/spool.h"
#include "mail_help.h"

#define ABC_NAME HELP_SHA256_ABC ".3"
#define UPPER_ABC \
	"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"

/* A ticket for the three bytes "abc". */
static void
ticket_for_abc(struct ticket *t, void (*key_fn)(struct sign_key *))
{
	struct sign_key key;

	memset(t, 0, sizeof(*t));
	strcpy(t->network, "friends.example");
	strcpy(t->acceptor, "carol");
	strcpy(t->home, "bob");
	strcpy(t->nonce, "000102030405060708090a0b0c0d0e0f");
	strcpy(t->id, HELP_SHA256_ABC);
	t->size = 3;
	t->time = 1795252800;
	t->copies = 2;
	key_fn(&key);
	assert_int_equal(ticket_sign(t, &key), 0);
}

static void
make_dirs(void)
{
	assert_int_equal(mkdir(help_path("tmp"), 0700), 0);
	assert_int_equal(mkdir(help_path("new"), 0700), 0);
}

/* "abc" in two pieces, up to the commit, whose result is returned. */
static int
commit_abc(const struct ticket *t, struct error *error)
{
	struct spool_writer *w;
	int rc;

	rc = spool_writer_new(help_path("tmp"), &w, error);
	if (rc < 0)
		return rc;
	rc = spool_write(w, "a", 1);
	if (rc == 0)
		rc = spool_write(w, "bc", 2);
	/* A failed write is not forgotten. */
	rc = spool_writer_commit(w, t, help_path("new"), error);
	spool_writer_free(&w);
	assert_null(w);
	return rc;
}

static void
assert_good(const char *path, const struct ticket *want)
{
	struct error error;
	struct ticket got;
	char rest[8];
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(spool_read_head(fd, &got, &error), 0);
	assert_memory_equal(&got, want, sizeof(got));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), SPOOL_HEAD);
	assert_int_equal(spool_verify(fd, want, &error), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), SPOOL_HEAD);
	assert_int_equal(read(fd, rest, sizeof(rest)), 3);
	assert_memory_equal(rest, "abc", 3);
	close(fd);
}

/* SPEC B-8.1, B-8.2, B-8.3, B-8.5 */
static void
test_commit(void **state)
{
	const char *path, *data;
	struct error error;
	struct ticket t;
	struct stat st;
	size_t len, i, text;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(commit_abc(&t, &error), 0);
	assert_int_equal(help_entries(help_path("tmp")), 0);
	assert_int_equal(help_entries(help_path("new")), 1);
	path = help_path("new/" ABC_NAME);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_good(path, &t);

	data = help_read(path, &len);
	assert_int_equal(len, SPOOL_HEAD + 3);
	text = strlen(help_ticket_text(&t));
	assert_memory_equal(data, help_ticket_text(&t), text);
	for (i = text; i < SPOOL_HEAD - 1; i++)
		assert_int_equal(data[i], ' ');
	assert_int_equal(data[SPOOL_HEAD - 1], '\n');
}

static void
test_size_and_id(void **state)
{
	char id[BUNDLE_ID_LEN + 1];
	struct spool_writer *w;
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(spool_writer_new(help_path("tmp"), &w, &error), 0);
	assert_int_equal(spool_writer_size(w), 0);
	assert_int_equal(spool_write(w, "abc", 3), 0);
	assert_int_equal(spool_writer_size(w), 3);
	spool_writer_id(w, id);
	assert_string_equal(id, HELP_SHA256_ABC);
	spool_writer_id(w, id);
	assert_string_equal(id, HELP_SHA256_ABC);
	assert_int_equal(
	    spool_writer_place(w, &t, help_path("new"), &error), 0);
	/* Spent. */
	assert_int_equal(spool_write(w, "d", 1), AG_EIO);
	assert_int_equal(
	    spool_writer_commit(w, &t, help_path("new"), &error), AG_EIO);
	spool_writer_free(&w);
	spool_writer_free(&w);
	assert_good(help_path("new/" ABC_NAME), &t);
}

/* Sealed first, placed later: nothing more is written, and it is not there
 * before. */
static void
test_seal(void **state)
{
	struct spool_writer *w;
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(spool_writer_new(help_path("tmp"), &w, &error), 0);
	assert_int_equal(spool_write(w, "ab", 2), 0);
	assert_int_equal(spool_writer_seal(w, &t, &error), AG_ESIG);
	assert_int_equal(
	    spool_writer_place(w, &t, help_path("new"), &error), AG_ESIG);
	spool_writer_free(&w);
	assert_int_equal(spool_writer_new(help_path("tmp"), &w, &error), 0);
	assert_int_equal(spool_write(w, "abc", 3), 0);
	assert_int_equal(spool_writer_seal(w, &t, &error), 0);
	spool_writer_sync(w);
	assert_int_equal(help_entries(help_path("new")), 0);
	assert_int_equal(spool_write(w, "d", 1), AG_EIO);
	assert_int_equal(
	    spool_writer_place(w, &t, help_path("new"), &error), 0);
	spool_writer_free(&w);
	assert_good(help_path("new/" ABC_NAME), &t);
	assert_int_equal(help_entries(help_path("tmp")), 0);
}

/* SPEC B-8.4 */
static void
test_ticket_of_another(void **state)
{
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	t.size = 4;
	assert_int_equal(commit_abc(&t, &error), AG_ESIG);
	t.size = 3;
	t.id[0] = '0';
	assert_int_equal(commit_abc(&t, &error), AG_ESIG);
	ticket_for_abc(&t, help_key);
	t.copies = 0;
	assert_int_equal(commit_abc(&t, &error), AG_EINVAL);
	assert_int_equal(help_entries(help_path("new")), 0);
	assert_int_equal(help_entries(help_path("tmp")), 0);
}

/* SPEC B-8.6: the same again is success, another ticket never replaces the
 * first, what is damaged is replaced */
static void
test_there_already(void **state)
{
	struct ticket t, other;
	struct error error;
	const char *path;
	ino_t inode;
	struct stat st;

	(void)state;
	make_dirs();
	path = help_path("new/" ABC_NAME);
	ticket_for_abc(&t, help_key);
	ticket_for_abc(&other, help_other_key);
	assert_int_equal(commit_abc(&t, &error), 0);
	assert_int_equal(stat(path, &st), 0);
	inode = st.st_ino;

	assert_int_equal(commit_abc(&t, &error), 0);
	assert_int_equal(commit_abc(&other, &error), AG_EEXIST);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, inode);
	assert_good(path, &t);
	assert_int_equal(help_entries(help_path("tmp")), 0);

	assert_int_equal(truncate(path, SPOOL_HEAD + 2), 0);
	assert_int_equal(commit_abc(&other, &error), 0);
	assert_good(path, &other);
}

static void
test_no_directory(void **state)
{
	struct spool_writer *w;
	struct error error;
	struct ticket t;

	(void)state;
	ticket_for_abc(&t, help_key);
	assert_int_equal(
	    spool_writer_new(help_path("tmp"), &w, &error), AG_EIO);
	assert_null(w);
	assert_int_equal(mkdir(help_path("tmp"), 0700), 0);
	assert_int_equal(commit_abc(&t, &error), AG_EIO);
	assert_int_equal(help_entries(help_path("tmp")), 0);
}

/* Discarded, and left by a writer that died. */
static int
die_writing(void *ctx)
{
	struct spool_writer *w;
	struct error error;

	if (spool_writer_new(ctx, &w, &error) < 0 ||
	    spool_write(w, "abc", 3) < 0)
		return 1;
	_exit(0);
}

static void
test_sweep(void **state)
{
	const char *tmp = help_path("tmp");
	struct spool_writer *w;
	struct error error;

	(void)state;
	make_dirs();
	assert_int_equal(spool_writer_new(tmp, &w, &error), 0);
	spool_writer_free(&w);
	assert_int_equal(help_entries(tmp), 0);

	assert_int_equal(spool_writer_new(tmp, &w, &error), 0);
	assert_int_equal(help_child(die_writing, (void *)(uintptr_t)tmp), 0);
	help_write(help_path("tmp/other"), "x", 1);
	assert_int_equal(help_entries(tmp), 3);
	assert_int_equal(spool_sweep(tmp, &error), 0);
	assert_int_equal(help_entries(tmp), 2);
	assert_true(help_exists(help_path("tmp/other")));
	assert_int_equal(spool_write(w, "abc", 3), 0);
	spool_writer_free(&w);
	assert_int_equal(help_entries(tmp), 1);
	assert_int_equal(spool_sweep(help_path("none"), &error), AG_EIO);
}

#ifdef ENABLE_FAULT_POINTS
static int
commit_in_child(void *ctx)
{
	struct error error;

	return -commit_abc(ctx, &error);
}

/* SPEC B-8.5: each step comes before the next: the first of two armed
 * points acts. */
static void
test_order_of_steps(void **state)
{
	static const char *const steps[] = {"spool.create", "spool.write",
	    "spool.head", "spool.fsync", "spool.rename", "spool.dirsync"};
	char faults[128];
	struct ticket t;
	size_t i;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	for (i = 0; i + 1 < sizeof(steps) / sizeof(steps[0]); i++) {
		print_message("%s, %s\n", steps[i], steps[i + 1]);
		snprintf(faults, sizeof(faults), "%s error\n%s kill\n",
		    steps[i], steps[i + 1]);
		help_faults(faults);
		assert_int_equal(help_child(commit_in_child, &t), -AG_EIO);
		snprintf(faults, sizeof(faults), "%s kill\n%s error\n",
		    steps[i], steps[i + 1]);
		help_faults(faults);
		assert_int_equal(help_child(commit_in_child, &t), 128 + 9);
		help_faults(NULL);
		remove(help_path("new/" ABC_NAME));
	}
}

/* What a thread could not fsync is not placed, nor fsynced again. */
static void
test_failed_sync(void **state)
{
	struct spool_writer *w;
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(spool_writer_new(help_path("tmp"), &w, &error), 0);
	assert_int_equal(spool_write(w, "abc", 3), 0);
	assert_int_equal(spool_writer_seal(w, &t, &error), 0);
	/* A line fires once: this one is no other test's. */
	help_faults("spool.fsync error 1");
	spool_writer_sync(w);
	help_faults(NULL);
	spool_writer_sync(w);
	assert_int_equal(
	    spool_writer_place(w, &t, help_path("new"), &error), AG_EIO);
	assert_non_null(strstr(error.text, strerror(EIO)));
	spool_writer_free(&w);
	assert_int_equal(help_entries(help_path("new")), 0);
	assert_int_equal(help_entries(help_path("tmp")), 0);
}

/* A failed step: the caller is told, and nothing is left. */
static void
test_failed_step(void **state)
{
	static const char *const faults[] = {"spool.create error",
	    "spool.write error", "spool.write error 2", "spool.head error",
	    "spool.fsync error", "spool.rename error", "spool.dirsync error"};
	struct error error;
	struct ticket t;
	size_t i;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		print_message("%s\n", faults[i]);
		help_faults(faults[i]);
		assert_int_equal(help_child(commit_in_child, &t), -AG_EIO);
		help_faults(NULL);
		assert_int_equal(help_entries(help_path("new")), 0);
		assert_int_equal(help_entries(help_path("tmp")), 0);
	}
	assert_int_equal(commit_abc(&t, &error), 0);
}

/* SPEC B-8.2, B-8.5: a crash leaves no bundle, or a whole one; what is in
 * tmp/ is swept. */
static void
test_crash(void **state)
{
	static const struct {
		const char *fault;
		bool there;
	} rows[] = {
	    {"spool.create kill-after", false},
	    {"spool.write kill-after", false},
	    {"spool.head kill", false},
	    {"spool.fsync kill", false},
	    {"spool.rename kill", false},
	    {"spool.rename kill-after", true},
	    {"spool.dirsync kill", true},
	    {"spool.dirsync kill-after", true},
	};
	const char *path = help_path("new/" ABC_NAME);
	struct error error;
	struct ticket t;
	size_t i;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].fault);
		help_faults(rows[i].fault);
		assert_int_equal(help_child(commit_in_child, &t), 128 + 9);
		help_faults(NULL);
		assert_int_equal(help_exists(path), rows[i].there);
		if (rows[i].there)
			assert_good(path, &t);
		assert_int_equal(spool_sweep(help_path("tmp"), &error), 0);
		assert_int_equal(help_entries(help_path("tmp")), 0);
		remove(path);
	}
}
#endif

/* SPEC B-8.1, B-8.7: what is no bundle is refused */
static void
test_damaged(void **state)
{
	const char *path, *whole;
	struct error error;
	struct ticket t, got;
	char *data;
	size_t len, i;
	int fd;

	(void)state;
	make_dirs();
	path = help_path("new/" ABC_NAME);
	ticket_for_abc(&t, help_key);
	assert_int_equal(commit_abc(&t, &error), 0);
	whole = help_read(path, &len);
	data = malloc(SPOOL_HEAD + 4);
	assert_non_null(data);
	memcpy(data, whole, len);

	/* Each byte of the head's padding, and the file cut anywhere. */
	for (i = strlen(help_ticket_text(&t)); i < SPOOL_HEAD; i += 97) {
		data[i] ^= 1;
		help_write(path, data, len);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(spool_read_head(fd, &got, &error), AG_EINVAL);
		close(fd);
		data[i] ^= 1;
		help_write(path, data, i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(spool_read_head(fd, &got, &error), AG_EINVAL);
		assert_int_equal(spool_verify(fd, &t, &error), AG_ESIG);
		close(fd);
	}
	/* A bit of the ciphertext; a byte less; a byte more. */
	data[SPOOL_HEAD + 1] ^= 1;
	help_write(path, data, len);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(spool_read_head(fd, &got, &error), 0);
	assert_int_equal(spool_verify(fd, &t, &error), AG_ESIG);
	close(fd);
	data[SPOOL_HEAD + 1] ^= 1;
	for (len--; len <= SPOOL_HEAD + 4; len += 2) {
		data[SPOOL_HEAD + 3] = 'd';
		help_write(path, data, len);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(spool_verify(fd, &t, &error), AG_ESIG);
		close(fd);
	}
	free(data);

	fd = open(help_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(spool_read_head(fd, &got, &error), AG_EIO);
	assert_int_not_equal(spool_verify(fd, &t, &error), 0);
	close(fd);
	assert_int_equal(spool_read_head(-1, &got, &error), AG_EIO);
	assert_int_equal(spool_verify(-1, &t, &error), AG_EIO);
}

/* More than one read's worth. */
static void
test_large(void **state)
{
	static uint8_t block[50000];
	struct spool_writer *w;
	struct sign_key key;
	struct error error;
	struct ticket t, got;
	char name[SPOOL_NAME_MAX];
	struct spool_name n = {.has_day = false};
	size_t i;
	int fd;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(spool_writer_new(help_path("tmp"), &w, &error), 0);
	for (i = 0; i < 40; i++) {
		memset(block, (int)i, sizeof(block));
		assert_int_equal(spool_write(w, block, sizeof(block) - i), 0);
	}
	t.size = spool_writer_size(w);
	assert_int_equal(t.size, 40 * sizeof(block) - 39 * 40 / 2);
	spool_writer_id(w, t.id);
	help_key(&key);
	assert_int_equal(ticket_sign(&t, &key), 0);
	assert_int_equal(
	    spool_writer_commit(w, &t, help_path("new"), &error), 0);
	spool_writer_free(&w);
	memcpy(n.id, t.id, sizeof(n.id));
	n.size = t.size;
	spool_name_write(&n, name);
	fd = open(help_path("new/%s", name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(spool_read_head(fd, &got, &error), 0);
	assert_int_equal(spool_verify(fd, &got, &error), 0);
	close(fd);
}

/* SPEC B-8.3 */
static void
test_names(void **state)
{
	static const struct {
		const char *name;
		uint64_t size;
		uint32_t day;
		bool has_day;
	} goods[] = {
	    {HELP_SHA256_ABC ".3", 3, 0, false},
	    {HELP_SHA256_ABC ".1099511627776", BUNDLE_SIZE_MAX, 0, false},
	    {HELP_SHA256_ABC ".3.0", 3, 0, true},
	    {HELP_SHA256_ABC ".3.17", 3, 17, true},
	    {HELP_SHA256_ABC ".3.4294967295", 3, UINT32_MAX, true},
	};
	static const char *const bads[] = {"", ".", "..", "faults",
	    HELP_SHA256_ABC, HELP_SHA256_ABC ".", HELP_SHA256_ABC ".0",
	    HELP_SHA256_ABC ".03", HELP_SHA256_ABC ".-3", HELP_SHA256_ABC ".3 ",
	    HELP_SHA256_ABC ".3.", HELP_SHA256_ABC ".3.01",
	    HELP_SHA256_ABC ".3.1.1", HELP_SHA256_ABC ".3.4294967296",
	    HELP_SHA256_ABC ".1099511627777",
	    HELP_SHA256_ABC ".99999999999999999999999", HELP_SHA256_ABC "0.3",
	    "0" HELP_SHA256_ABC ".3", "../" HELP_SHA256_ABC ".3",
	    UPPER_ABC ".3"};
	char out[SPOOL_NAME_MAX];
	struct spool_name n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		assert_int_equal(spool_name_parse(goods[i].name, &n), 0);
		assert_string_equal(n.id, HELP_SHA256_ABC);
		assert_int_equal(n.size, goods[i].size);
		assert_int_equal(n.day, goods[i].day);
		assert_int_equal(n.has_day, goods[i].has_day);
		spool_name_write(&n, out);
		assert_string_equal(out, goods[i].name);
	}
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s\n", bads[i]);
		assert_int_equal(spool_name_parse(bads[i], &n), AG_EINVAL);
	}
}

static void
test_remove(void **state)
{
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(commit_abc(&t, &error), 0);
	assert_int_equal(spool_remove(help_path("new"), ABC_NAME, &error), 0);
	assert_int_equal(help_entries(help_path("new")), 0);
	assert_int_equal(spool_remove(help_path("new"), ABC_NAME, &error), 0);
	assert_int_equal(spool_remove(help_dir(), "new", &error), AG_EIO);
}

#ifdef ENABLE_FAULT_POINTS
static void
test_remove_faults(void **state)
{
	const char *from = help_path("new");
	struct error error;
	struct ticket t;

	(void)state;
	make_dirs();
	ticket_for_abc(&t, help_key);
	assert_int_equal(commit_abc(&t, &error), 0);

	help_faults("spool.unlink error");
	assert_int_equal(spool_remove(from, ABC_NAME, &error), AG_EIO);
	assert_good(help_path("new/" ABC_NAME), &t);
	help_faults("spool.dirsync error");
	assert_int_equal(spool_remove(from, ABC_NAME, &error), AG_EIO);
	help_faults(NULL);
}
#endif

struct walk {
	unsigned count, stop;
	uint64_t size;
};

static int
count_one(const struct spool_name *n, const char *file, void *ctx)
{
	struct walk *w = ctx;

	assert_int_equal(strncmp(file, n->id, BUNDLE_ID_LEN), 0);
	w->size += n->size;
	return ++w->count == w->stop ? AG_EPERM : 0;
}

static void
test_each(void **state)
{
	struct walk all = {0}, two = {.stop = 2};
	struct error error;
	unsigned i;

	(void)state;
	for (i = 1; i <= 5; i++)
		help_write(help_path("%064x.%u.%u", i, i * 10, i), "", 0);
	help_write(help_path("bundle.abcdef"), "", 0);
	help_write(help_path("README"), "", 0);
	errno = ENOTTY; /* of no concern */
	assert_int_equal(spool_each(help_dir(), count_one, &all, &error), 0);
	assert_int_equal(all.count, 5);
	assert_int_equal(all.size, 150);
	assert_int_equal(
	    spool_each(help_dir(), count_one, &two, &error), AG_EPERM);
	assert_int_equal(two.count, 2);
	assert_int_equal(
	    spool_each(help_path("none"), count_one, &two, &error), AG_ENOENT);
}

static void
test_free_bytes(void **state)
{
	(void)state;
	assert_true(spool_free_bytes(help_dir()) > 0);
	assert_int_equal(spool_free_bytes(help_path("none")), 0);
}

static int
start(void **state)
{
	(void)state;
	return keys_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_commit),
	    help_test(test_size_and_id),
	    help_test(test_seal),
	    help_test(test_ticket_of_another),
	    help_test(test_there_already),
	    help_test(test_no_directory),
	    help_test(test_sweep),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_order_of_steps),
	    help_test(test_failed_sync),
	    help_test(test_failed_step),
	    help_test(test_crash),
	    help_test(test_remove_faults),
#endif
	    help_test(test_damaged),
	    help_test(test_large),
	    help_test(test_names),
	    help_test(test_remove),
	    help_test(test_each),
	    help_test(test_free_bytes),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
