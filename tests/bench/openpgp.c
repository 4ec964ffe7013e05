/* SPDX-License-Identifier: MIT */
/*
 * openpgp - how long sealing and opening take, and how much memory:
 * for each engine, mails of 10 kB with one and with four threads, and a
 * message of 100 MB, streamed. Not a test: `make tests/bench/openpgp`,
 * then run it from the source tree; an argument is the size in MB.
 */
#include "help.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/openpgp.h"
#include "openpgp_help.h"
#include "util/file.h"

#define MAIL 10000
#define ROUNDS 100

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The most memory that this process has had, in kB. */
static long
high_water(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");
	long kb = -1;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* ---- mails of 10 kB ---- */

struct job {
	enum openpgp_engine engine;
	const char *ring, *fpr1, *fpr2, *secret, *bytes;
	double seal_ms, open_ms;
};

static void
job_round(struct job *j, struct openpgp *seal, struct openpgp *open)
{
	struct pgp_ends e, o;
	double t0 = now_ms(), t1;

	pgp_ends_init(&e, j->bytes, MAIL);
	if (openpgp_seal(
		seal, j->fpr1, j->fpr2, false, &e.source, &e.sink, NULL) < 0)
		abort();
	t1 = now_ms();
	pgp_ends_init(&o, e.out.data, e.out.len);
	if (openpgp_open(open, &o.source, &o.sink, NULL) < 0)
		abort();
	j->seal_ms += t1 - t0;
	j->open_ms += now_ms() - t1;
	pgp_ends_free(&e);
	pgp_ends_free(&o);
}

static void *
job_run(void *arg)
{
	struct job *j = arg;
	struct openpgp *seal, *open;
	unsigned i;

	if (openpgp_new_public(j->engine, j->ring, &seal, NULL) < 0 ||
	    openpgp_new_secret(j->engine, j->secret, help_dir(), &open, NULL) <
		0)
		abort();
	job_round(j, seal, open);
	j->seal_ms = j->open_ms = 0;
	for (i = 0; i < ROUNDS; i++)
		job_round(j, seal, open);
	openpgp_free(&seal);
	openpgp_free(&open);
	return NULL;
}

static void
bench_mails(enum openpgp_engine engine, unsigned threads)
{
	struct job j[8];
	pthread_t t[8];
	double seal = 0, open = 0;
	unsigned i;

	for (i = 0; i < threads; i++) {
		j[i] = (struct job){.engine = engine,
		    .ring = pgp_ring("alice bob"),
		    .fpr1 = pgp_fpr("alice"),
		    .fpr2 = pgp_fpr("bob"),
		    .secret = pgp_secret_path("alice"),
		    .bytes = pgp_bytes(MAIL)};
		pthread_create(&t[i], NULL, job_run, &j[i]);
	}
	for (i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		seal += j[i].seal_ms / ROUNDS / threads;
		open += j[i].open_ms / ROUNDS / threads;
	}
	printf("%-6s %u thread(s): 10 kB sealed to two keys in %.2f ms, "
	       "opened in %.2f ms\n",
	    pgp_engine_text(engine), threads, seal, open);
}

/* ---- one large message ---- */

static void
die(const struct error *error)
{
	printf("failed: %s\n", error->text);
	exit(1);
}

struct stream {
	int fd;
	uint64_t left;
};

static ssize_t
zeros_read(void *ctx, void *data, size_t len)
{
	struct stream *s = ctx;

	if (len > s->left)
		len = (size_t)s->left;
	memset(data, 'z', len);
	s->left -= len;
	return (ssize_t)len;
}

static int
count_write(void *ctx, const void *data, size_t len)
{
	struct stream *s = ctx;

	(void)data;
	s->left += len;
	return 0;
}

static ssize_t
fd_read(void *ctx, void *data, size_t len)
{
	struct stream *s = ctx;

	return read(s->fd, data, len);
}

static int
fd_write(void *ctx, const void *data, size_t len)
{
	struct stream *s = ctx;

	return file_write_all(s->fd, data, len);
}

static void
bench_large(enum openpgp_engine engine, uint64_t size)
{
	const char *path = help_path("large");
	struct stream plain = {.left = size}, got = {.left = 0}, file;
	struct openpgp_source from = {.read = zeros_read, .ctx = &plain};
	struct openpgp_source sealed = {.read = fd_read, .ctx = &file};
	struct openpgp_sink to = {.write = fd_write, .ctx = &file};
	struct openpgp_sink out = {.write = count_write, .ctx = &got};
	struct openpgp *seal = pgp_sealer(engine, pgp_ring("alice bob"));
	struct openpgp *open = pgp_opener(engine, "bob");
	const char *fpr1 = pgp_fpr("alice"), *fpr2 = pgp_fpr("bob");
	struct error error = {""};
	long before = high_water();
	double t0, t1, t2;

	file.fd = openat(
	    AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	t0 = now_ms();
	if (openpgp_seal(seal, fpr1, fpr2, false, &from, &to, &error) < 0)
		die(&error);
	t1 = now_ms();
	lseek(file.fd, 0, SEEK_SET);
	if (openpgp_open(open, &sealed, &out, &error) < 0 || got.left != size)
		die(&error);
	t2 = now_ms();
	printf("%-6s %llu MB sealed in %.2f s, opened in %.2f s; the most "
	       "memory went from %ld to %ld kB\n",
	    pgp_engine_text(engine), (unsigned long long)size >> 20,
	    (t1 - t0) / 1e3, (t2 - t1) / 1e3, before, high_water());
	close(file.fd);
	openpgp_free(&seal);
	openpgp_free(&open);
}

int
main(int argc, char **argv)
{
	uint64_t mb = argc > 1 ? strtoull(argv[1], NULL, 10) : 100;
	size_t i;

	if (help_begin(NULL) < 0)
		return 1;
	for (i = 0; pgp_engines[i] != OPENPGP_AUTO; i++) {
		printf("%s\n", openpgp_engine_version(pgp_engines[i]));
		bench_large(pgp_engines[i], mb << 20);
		bench_mails(pgp_engines[i], 1);
		bench_mails(pgp_engines[i], 4);
	}
	return help_end(NULL) < 0;
}
