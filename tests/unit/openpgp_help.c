/* SPDX-License-Identifier: MIT */
/*
 * openpgp_help - what the tests of lib/mail/openpgp* share. See
 * openpgp_help.h.
 */
#include "help.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp_packet.h"
#include "openpgp_help.h"
#include "util/file.h"
#include "util/text.h"

#define OUT_MAX (8 << 20)

const enum openpgp_engine pgp_engines[] = {OPENPGP_GPGME,
#ifdef HAVE_RNP
    OPENPGP_RNP,
#endif
    OPENPGP_AUTO};

const char *
pgp_engine_text(enum openpgp_engine engine)
{
	return engine == OPENPGP_RNP ? "rnp" : "gpgme";
}

const char *
pgp_public(const char *name)
{
	return help_read(help_source("tests/unit/openpgp/%s.asc", name), NULL);
}

const char *
pgp_secret_path(const char *name)
{
	return help_source("tests/unit/openpgp/%s.secret.asc", name);
}

void
pgp_packets(const char *name, bool secret, struct buf *b_r)
{
	const char *text =
	    secret ? help_read(pgp_secret_path(name), NULL) : pgp_public(name);

	buf_init(b_r, OPENPGP_KEY_MAX);
	assert_int_equal(
	    openpgp_packet_dearmor(text,
		secret ? "PRIVATE KEY BLOCK" : "PUBLIC KEY BLOCK", b_r, NULL),
	    0);
}

const char *
pgp_armor(const char *what, const void *data, size_t len)
{
	const uint8_t *p = data;
	char line[80];
	struct buf b;
	size_t n;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "-----BEGIN PGP %s-----\n\n", what);
	for (; len > 0; p += n, len -= n) {
		n = len < 48 ? len : 48;
		assert_int_equal(text_base64(p, n, line, sizeof(line)), 0);
		buf_printf(&b, "%s\n", line);
	}
	buf_printf(&b, "-----END PGP %s-----\n", what);
	return help_keep(b.data);
}

/* gpg is asked once for each key. */
static const struct openpgp_keyinfo *
key_info(const char *name)
{
	static struct {
		char name[16];
		struct openpgp_keyinfo info;
	} known[16];
	struct error error = {""};
	size_t i;

	for (i = 0; known[i].name[0] != '\0'; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i].info;
	assert_in_range(i, 0, 14);
	if (openpgp_key_info(
		pgp_public(name), help_dir(), &known[i].info, &error) < 0)
		fail_msg("%s: %s", name, error.text);
	snprintf(known[i].name, sizeof(known[i].name), "%s", name);
	return &known[i].info;
}

const char *
pgp_fpr(const char *name)
{
	return key_info(name)->fpr;
}

const char *
pgp_enc_fpr(const char *name)
{
	return key_info(name)->enc_fpr;
}

const char *
pgp_ring(const char *names)
{
	static unsigned count;
	const char *dir = help_path("ring%u", count++);
	const char *keys[16];
	char *words = xstrdup(names), *save = NULL, *word;
	struct error error = {""};
	size_t n = 0;

	for (word = strtok_r(words, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		assert_in_range(n, 0, 15);
		keys[n++] = pgp_public(word);
	}
	free(words);
	if (openpgp_keyring_write(dir, keys, n, &error) < 0)
		fail_msg("keyring_write: %s", error.text);
	return dir;
}

struct openpgp *
pgp_sealer(enum openpgp_engine engine, const char *ring)
{
	struct error error = {""};
	struct openpgp *pgp;

	if (openpgp_new_public(engine, ring, &pgp, &error) < 0)
		fail_msg("new_public: %s", error.text);
	return pgp;
}

struct openpgp *
pgp_opener(enum openpgp_engine engine, const char *name)
{
	struct error error = {""};
	struct openpgp *pgp;

	if (openpgp_new_secret(
		engine, pgp_secret_path(name), help_dir(), &pgp, &error) < 0)
		fail_msg("new_secret: %s", error.text);
	return pgp;
}

/* ---- messages ---- */

static void
fill(char *p, size_t len)
{
	uint64_t x = 88172645463325252;
	size_t i;

	for (i = 0; i < len; i++) { /* xorshift */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (char)(x >> 24);
	}
}

const char *
pgp_bytes(size_t len)
{
	char *p = help_keep(malloc(len + 1));

	fill(p, len);
	return p;
}

static ssize_t
ends_read(void *ctx, void *data, size_t len)
{
	struct pgp_ends *e = ctx;
	size_t n = e->in_len - e->in_at;

	e->after += e->failed;
	if (e->in_fail_at > 0 && e->in_at >= e->in_fail_at) {
		e->failed = true;
		return e->in_err;
	}
	if (n > len)
		n = len;
	if (e->chunk > 0 && n > e->chunk)
		n = e->chunk;
	memcpy(data, e->in + e->in_at, n);
	e->in_at += n;
	return (ssize_t)n;
}

static int
ends_write(void *ctx, const void *data, size_t len)
{
	struct pgp_ends *e = ctx;

	e->after += e->failed;
	if (e->out_fail_at > 0 && e->out.len + len >= e->out_fail_at) {
		e->failed = true;
		return e->out_err;
	}
	return buf_put(&e->out, data, len);
}

void
pgp_ends_init(struct pgp_ends *e, const void *in, size_t len)
{
	memset(e, 0, sizeof(*e));
	e->in = in;
	e->in_len = len;
	buf_init(&e->out, OUT_MAX);
	e->source = (struct openpgp_source){.read = ends_read, .ctx = e};
	e->sink = (struct openpgp_sink){.write = ends_write, .ctx = e};
}

void
pgp_ends_free(struct pgp_ends *e)
{
	buf_free(&e->out);
}

struct pgp_message
pgp_seal_with(struct openpgp *pgp, const char *fpr1, const char *fpr2,
    bool armor, size_t len)
{
	struct error error = {""};
	struct pgp_message m;
	struct pgp_ends e;

	pgp_ends_init(&e, pgp_bytes(len), len);
	if (openpgp_seal(pgp, fpr1, fpr2, armor, &e.source, &e.sink, &error) <
	    0)
		fail_msg("%s: %s", openpgp_engine_name(pgp), error.text);
	m.len = e.out.len;
	m.data = help_keep(e.out.data); /* not freed by e */
	return m;
}

struct pgp_message
pgp_seal(enum openpgp_engine engine, const char *name1, const char *name2,
    size_t len)
{
	char names[64];
	struct openpgp *pgp;
	struct pgp_message m;

	snprintf(names, sizeof(names), "%s %s", name1, name2);
	pgp = pgp_sealer(engine, pgp_ring(names));
	m = pgp_seal_with(pgp, pgp_fpr(name1), pgp_fpr(name2), false, len);
	openpgp_free(&pgp);
	return m;
}

int
pgp_open_with(struct openpgp *pgp, struct pgp_message m, size_t *len_r)
{
	struct error error = {""};
	struct pgp_ends e;
	char *want;
	int rc;

	pgp_ends_init(&e, m.data, m.len);
	rc = openpgp_open(pgp, &e.source, &e.sink, &error);
	if (len_r != NULL)
		*len_r = e.out.len;
	if (rc < 0)
		assert_true(error.text[0] != '\0');
	if (rc == 0 && e.out.len > 0) {
		want = malloc(e.out.len);
		fill(want, e.out.len);
		assert_memory_equal(e.out.data, want, e.out.len);
		free(want);
	}
	pgp_ends_free(&e);
	return rc;
}

int
pgp_open(enum openpgp_engine engine, const char *name, struct pgp_message m,
    size_t *len_r)
{
	struct openpgp *pgp = pgp_opener(engine, name);
	int rc = pgp_open_with(pgp, m, len_r);

	openpgp_free(&pgp);
	return rc;
}

/* ---- other programs ---- */

static int
exec_program(void *ctx)
{
	const char *const *argv = ctx;

	execvp(argv[0], (char *const *)(uintptr_t)argv);
	return 127;
}

int
pgp_run(const char **out_r, const char *const *argv)
{
	const char *out;
	int status =
	    help_child_output(exec_program, (void *)(uintptr_t)argv, &out);

	if (out_r != NULL)
		*out_r = out;
	if (status == 127)
		print_error("%s is not installed\n", argv[0]);
	return status;
}

const char *
pgp_gnupg(const char *name)
{
	const char *home = help_path("gnupg-%s", name);
	const char *out;

	assert_int_equal(file_mkdirs(home, 0700, NULL), 0);
	if (PGP_RUN(&out, "gpg", "--homedir", home, "--batch", "--quiet",
		"--import", pgp_secret_path(name)) != 0)
		fail_msg("gpg --import %s: %s", name, out);
	return home;
}

void
pgp_gnupg_end(const char *home)
{
	assert_int_equal(
	    PGP_RUN(NULL, "gpgconf", "--homedir", home, "--kill", "gpg-agent"),
	    0);
	assert_true(pgp_wait_no_process("gpg-agent", home));
}

/* Does the command line of this process have both words? */
static bool
process_matches(const char *pid, const char *word1, const char *word2)
{
	char path[300], text[1024];
	ssize_t n, i;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	for (i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, word1) != NULL && strstr(text, word2) != NULL;
}

int
pgp_find_process(const char *word1, const char *word2)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int pid = 0;

	assert_non_null(proc);
	while (pid == 0 && (d = readdir(proc)) != NULL)
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
		    process_matches(d->d_name, word1, word2))
			pid = (int)strtol(d->d_name, NULL, 10);
	closedir(proc);
	return pid;
}

bool
pgp_wait_no_process(const char *word1, const char *word2)
{
	unsigned i;

	for (i = 0; i < 1000; i++) {
		if (pgp_find_process(word1, word2) == 0)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}
