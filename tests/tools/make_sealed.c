/* SPDX-License-Identifier: MIT */
/*
 * make_sealed - makes mail as it lies in a mailbox that has a key of its
 * own: the milter's PGP/MIME wrapper and agamid-deliver's mark, through
 * their own code.
 *
 * With --armor the files are armored OpenPGP messages already, so that a
 * test can put anything under a good mark.
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sys/stat.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/keys.h"
#include "mail/mailbox_key.h"
#include "mail/openpgp.h"
#include "mail/sealed.h"
#include "milter/pgpmime.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define MAIL_MAX (512UL << 20)

static const char usage[] =
    "usage: make_sealed --seed FILE --mailbox NAME --out DIR\n"
    "           (--key FILE --ring DIR | --armor) FILE ...\n"
    "Writes DIR/NAME for each FILE: the message sealed to the public key in\n"
    "--key (its keyring is made in --ring), wrapped and marked.\n"
    "       make_sealed --make-key DIR --pass TEXT\n"
    "Makes a mailbox's key: DIR/key.asc and DIR/secret.pgp.\n";

struct options {
	const char *seed, *mailbox, *out, *key, *ring, *make, *pass;
	int armor;
};

struct ends {
	struct buf *from, *to;
	size_t at;
};

static void
check(int rc, const struct error *error)
{
	if (rc < 0)
		log_fatal("make_sealed: %s", error->text);
}

static ssize_t
source_read(void *ctx, void *data, size_t len)
{
	struct ends *e = ctx;
	size_t left = e->from->len - e->at;

	len = len < left ? len : left;
	memcpy(data, buf_str(e->from) + e->at, len);
	e->at += len;
	return (ssize_t)len;
}

static int
sink_write(void *ctx, const void *data, size_t len)
{
	struct ends *e = ctx;

	return buf_put(e->to, data, len);
}

static void
seal(struct openpgp *pgp, const char *fpr, struct buf *plain, struct buf *armor)
{
	struct ends ends = {plain, armor, 0};
	const struct openpgp_source source = {source_read, &ends};
	const struct openpgp_sink sink = {sink_write, &ends};
	struct error error;

	check(
	    openpgp_seal(pgp, fpr, NULL, true, &source, &sink, &error), &error);
}

static void
wrap(const struct options *o, const struct sign_key *key,
    const struct buf *armor, struct buf *out)
{
	char nonce[33], date[] = "Sun, 22 Nov 2026 08:00:00 +0000";
	struct sealed_mark mark = {{0}, {0}, {0}, {0}};
	char value[SEALED_MARK_MAX];
	uint8_t random[32];
	struct sealed_part part;
	struct buf body;

	randombytes_buf(random, sizeof(random));
	text_hex(random, 16, nonce);
	text_hex(random, 32, mark.id);
	buf_init(&body, MAIL_MAX);
	pgpmime_write_head("carol.friends.example", date, nonce, NULL, &body);
	buf_put(&body, buf_str(armor), armor->len);
	pgpmime_write_tail(nonce, &body);
	sealed_part_init(&part, NULL, NULL);
	sealed_part_put(&part, buf_str(&body), body.len);
	if (sealed_part_end(&part, mark.hash) < 0)
		log_fatal("make_sealed: the wrapper is no wrapper");
	snprintf(mark.mailbox, sizeof(mark.mailbox), "%s", o->mailbox);
	sealed_mark_sign(&mark, key->secret);
	sealed_mark_write(&mark, value, sizeof(value));
	buf_printf(out, "%s: %s\r\n", SEALED_FIELD, value);
	buf_put(out, buf_str(&body), body.len);
	buf_free(&body);
}

static void
one(const struct options *o, const struct sign_key *key, struct openpgp *pgp,
    const char *fpr, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *to = file_join(o->out, slash != NULL ? slash + 1 : path);
	struct buf in, armor, out;
	struct error error;

	buf_init(&in, MAIL_MAX);
	buf_init(&armor, MAIL_MAX);
	buf_init(&out, MAIL_MAX);
	check(file_read(path, &in, &error), &error);
	if (o->armor)
		wrap(o, key, &in, &out);
	else {
		seal(pgp, fpr, &in, &armor);
		wrap(o, key, &armor, &out);
	}
	check(file_replace(to, buf_str(&out), out.len, 0600, "tool", &error),
	    &error);
	buf_free(&in);
	buf_free(&armor);
	buf_free(&out);
	free(to);
}

static void
open_engine(const struct options *o, struct openpgp **pgp_r,
    struct openpgp_keyinfo *info_r)
{
	struct error error;
	struct buf key;
	const char *keys[1];

	buf_init(&key, OPENPGP_KEY_MAX);
	check(file_read(o->key, &key, &error), &error);
	keys[0] = buf_str(&key);
	check(openpgp_key_info(keys[0], o->out, info_r, &error), &error);
	check(openpgp_keyring_write(o->ring, keys, 1, &error), &error);
	check(openpgp_new_public(OPENPGP_AUTO, o->ring, pgp_r, &error), &error);
	buf_free(&key);
}

static void
write_out(const char *dir, const char *name, const struct buf *b)
{
	char *path = file_join(dir, name);
	struct error error;

	check(file_replace(path, buf_str(b), b->len, 0600, "tool", &error),
	    &error);
	free(path);
}

static int
make_key(const struct options *o)
{
	struct mailbox_key *key;
	struct buf public, secret;
	struct error error;

	buf_init(&public, MAILBOX_KEY_MAX);
	buf_init(&secret, MAILBOX_KEY_MAX);
	check(mailbox_key_new(&key, &error), &error);
	check(
	    mailbox_key_generate(key, "frank@friends.example", &error), &error);
	check(mailbox_key_public(key, &public, &error), &error);
	check(mailbox_key_secret(key, o->pass, &secret, &error), &error);
	write_out(o->make, "key.asc", &public);
	write_out(o->make, "secret.pgp", &secret);
	mailbox_key_free(&key);
	buf_free(&public);
	buf_wipe(&secret);
	return 0;
}

static void
parse(int argc, char **argv, struct options *o)
{
	const struct option options[] = {
	    {"seed", required_argument, NULL, 's'},
	    {"mailbox", required_argument, NULL, 'm'},
	    {"out", required_argument, NULL, 'o'},
	    {"key", required_argument, NULL, 'k'},
	    {"ring", required_argument, NULL, 'r'},
	    {"make-key", required_argument, NULL, 'K'},
	    {"pass", required_argument, NULL, 'p'},
	    {"armor", no_argument, &o->armor, 1},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			o->seed = optarg;
		else if (c == 'm')
			o->mailbox = optarg;
		else if (c == 'o')
			o->out = optarg;
		else if (c == 'k')
			o->key = optarg;
		else if (c == 'r')
			o->ring = optarg;
		else if (c == 'K')
			o->make = optarg;
		else if (c == 'p')
			o->pass = optarg;
	}
	if (o->make != NULL && o->pass != NULL)
		return;
	if (o->seed == NULL || o->mailbox == NULL || o->out == NULL ||
	    (!o->armor && (o->key == NULL || o->ring == NULL))) {
		fputs(usage, stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.armor = 0};
	struct openpgp_keyinfo info = {.fpr = ""};
	struct openpgp *pgp = NULL;
	struct sign_key key;
	struct error error;
	int i;

	log_open("make_sealed", LOG_LVL_WARN);
	parse(argc, argv, &o);
	if (keys_init() < 0)
		log_fatal("libsodium does not start");
	if (o.make != NULL)
		return make_key(&o);
	check(keys_seed_load(o.seed, &key, &error), &error);
	if (!o.armor)
		open_engine(&o, &pgp, &info);
	for (i = optind; i < argc; i++)
		one(&o, &key, pgp, info.fpr, argv[i]);
	openpgp_free(&pgp);
	keys_wipe(&key);
	return 0;
}
