/* SPDX-License-Identifier: MIT */
/*
 * openpgp_help - what the tests of lib/mail/openpgp* share: the keys in
 * tests/unit/openpgp/, messages in memory, both engines, other people's
 * OpenPGP programs.
 *
 * Keys are named as there ("expired").
 */
#ifndef AGAMID_TEST_OPENPGP_HELP_H
#define AGAMID_TEST_OPENPGP_HELP_H

#include "mail/openpgp.h"

/* The engines that were built, ended by OPENPGP_AUTO. */
extern const enum openpgp_engine pgp_engines[];
/* for (EACH_ENGINE(i)): with pgp_engines[i] */
#define EACH_ENGINE(i)                  \
	(i) = 0;                        \
	pgp_engines[i] != OPENPGP_AUTO; \
	(i)++
const char *pgp_engine_text(enum openpgp_engine engine);

const char *pgp_public(const char *name); /* armored */
const char *pgp_secret_path(const char *name);
/* The packets of name's public key, or secret key; the caller frees. */
void pgp_packets(const char *name, bool secret, struct buf *b_r);
/* "-----BEGIN PGP what-----" ..., freed at the end of the test. */
const char *pgp_armor(const char *what, const void *data, size_t len);
const char *pgp_fpr(const char *name); /* of the primary key */
const char *pgp_enc_fpr(const char *name); /* of the subkey that counts */

/* A directory of sealing keys for these names ("alice bob"). */
const char *pgp_ring(const char *names);

/* Objects; a failure fails the test. */
struct openpgp *pgp_sealer(enum openpgp_engine engine, const char *ring);
struct openpgp *pgp_opener(enum openpgp_engine engine, const char *name);

/* Bytes that are the same for the same len, and don't compress. Freed at
 * the end of the test. */
const char *pgp_bytes(size_t len);

/* Seal len of those bytes; the message is kept until the test's end. */
struct pgp_message {
	const char *data;
	size_t len;
};
struct pgp_message pgp_seal_with(struct openpgp *pgp, const char *fpr1,
    const char *fpr2, bool armor, size_t len);
struct pgp_message pgp_seal(enum openpgp_engine engine, const char *name1,
    const char *name2, size_t len);
/* Try to open it with name's secret key; the plaintext's length goes to
 * *len_r (may be NULL), and must be pgp_bytes(). */
int pgp_open(enum openpgp_engine engine, const char *name, struct pgp_message m,
    size_t *len_r);
int pgp_open_with(struct openpgp *pgp, struct pgp_message m, size_t *len_r);

/* A source and a sink in memory. */
struct pgp_ends {
	const char *in;
	size_t in_len, in_at;
	size_t chunk; /* the most that is given at a time; 0: no limit */
	size_t in_fail_at, out_fail_at; /* 0: never */
	int in_err, out_err; /* what they then return */
	bool failed;
	unsigned after; /* calls after the first failure */
	struct buf out;
	struct openpgp_source source;
	struct openpgp_sink sink;
};
void pgp_ends_init(struct pgp_ends *e, const void *in, size_t len);
void pgp_ends_free(struct pgp_ends *e);

/* Run a program of Debian's; its output (both) goes to *out_r, NULL if
 * nobody wants it. The exit status; 127: it is not installed. */
int pgp_run(const char **out_r, const char *const *argv);
#define PGP_RUN(out_r, ...) \
	pgp_run((out_r), (const char *const[]){__VA_ARGS__, NULL})
/* A GNUPGHOME with name's secret key, for `gpg --homedir`. Stopped and
 * removed by pgp_gnupg_end(). */
const char *pgp_gnupg(const char *name);
void pgp_gnupg_end(const char *home);

/* The pid of a process whose command line has both words; 0: none. */
int pgp_find_process(const char *word1, const char *word2);
/* Wait up to 10 s until there is none. */
bool pgp_wait_no_process(const char *word1, const char *word2);

#endif
