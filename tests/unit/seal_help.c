/* SPDX-License-Identifier: MIT */
/*
 * seal_help - a node that can seal, for tests. See seal_help.h.
 *
 * Making keys takes a moment: they are made once a program.
 */
#include "help.h"
#include "net_help.h"
#include "seal_help.h"

#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/bsmtp.h"
#include "mail/spool.h"
#include "util/error.h"
#include "util/file.h"
#include "util/text.h"

/* Whose keys there are. "bob-own" is that of a mailbox. */
static const char *const names[] = {
    "bob", "bob-recovery", "bob-own", "dave", "dave-recovery"};

#define NAMES (sizeof(names) / sizeof(names[0]))

static struct key {
	char *public, *secret;
	char fpr[OPENPGP_FPR_LEN + 1];
} keys[NAMES];

static void
ok(int rc, const struct error *error)
{
	if (rc != AG_OK)
		fail_msg("%s: %s", error_name(rc), error->text);
}

static const char *
make_dir(const char *path)
{
	const char *full = help_path("%s", path);
	struct error error;

	ok(file_mkdirs(full, 0700, &error), &error);
	return full;
}

/* Of the node that was begun last. */
static char tmp_dir[512], new_dir[512];

static const char *
new_path(const char *name)
{
	return help_path("%s/%s", new_dir + strlen(help_dir()) + 1, name);
}

static void
make_keys(void)
{
	struct buf public, secret;
	struct openpgp_keyinfo info;
	struct error error = {""};
	const char *scratch;
	size_t i;

	if (keys[0].public != NULL)
		return;
	scratch = make_dir("scratch");
	for (i = 0; i < NAMES; i++) {
		buf_init(&public, OPENPGP_KEY_MAX);
		buf_init(&secret, OPENPGP_KEY_MAX);
		ok(openpgp_key_generate(
		       names[i], scratch, &public, &secret, &error),
		    &error);
		ok(openpgp_key_info(buf_str(&public), scratch, &info, &error),
		    &error);
		keys[i].public = xstrdup(buf_str(&public));
		keys[i].secret = xstrdup(buf_str(&secret));
		memcpy(keys[i].fpr, info.fpr, sizeof(keys[i].fpr));
		buf_free(&public);
		buf_free(&secret);
	}
}

static const struct key *
key_of(const char *name)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return &keys[i];
	fail_msg("no key of %s", name);
	return NULL;
}

/* Real keys for those that net_help has made up. */
static void
derive_keys(void)
{
	const char *armored[NAMES], *dir = net_derived();
	char *sealing = file_join(dir, "sealing"), *text, *path;
	struct error error;
	size_t i;

	for (i = 0; i < NAMES; i++)
		armored[i] = keys[i].public;
	ok(file_mkdirs(sealing, 0755, &error), &error);
	ok(openpgp_keyring_write(sealing, armored, NAMES, &error), &error);
	free(sealing);
	text = xasprintf("carol %s %s own=%s\nbob %s %s own=%s\ndave %s %s\n",
	    key_of("bob")->fpr, key_of("bob")->fpr, key_of("bob-own")->fpr,
	    key_of("bob")->fpr, key_of("bob-recovery")->fpr,
	    key_of("bob-own")->fpr, key_of("dave")->fpr,
	    key_of("dave-recovery")->fpr);
	path = file_join(dir, "fingerprints");
	help_write(path, text, strlen(text));
	free(path);
	free(text);
}

/* There is no relayd to be asked. */
#define NO_QUESTIONS "  policy: {primary-up: accept, copies-before-250: 1}\n"

/* With a key of its own. */
#define OWN_MAILBOX                                      \
	"    own:\n"                                     \
	"      matches: 'secret'\n"                      \
	"      openpgp: |\n"                             \
	"        -----BEGIN PGP PUBLIC KEY BLOCK-----\n" \
	"\n"                                             \
	"        x\n"                                    \
	"        -----END PGP PUBLIC KEY BLOCK-----\n"

static void
derive(void)
{
	static const struct net_node nodes[] = {
	    {.name = "carol",
		.more = "  mailboxes:\n"
			"    carol: {matches: 'carol'}\n" OWN_MAILBOX},
	    {.name = "bob",
		.more = "  mailboxes:\n"
			"    bob: {matches: 'bob(\\+\\w+)?'}\n" OWN_MAILBOX
			"  stores: {max-message-size: 40M}\n" NO_QUESTIONS},
	    {.name = "dave",
		.more = "  stores: {max-message-size: 1M}\n" NO_QUESTIONS},
	};

	net_derive("carol", nodes, 3, NULL, 0);
	derive_keys();
}

static void
make_conf(struct seal_node *n, const char *settings)
{
	const char *path = help_path("agamid.yaml");
	struct buf errors;
	char *text;

	text = xasprintf("node: carol\n%s%s",
	    strstr(settings, "reserve:") == NULL ? "reserve: 1M\n" : "",
	    settings);
	help_write(path, text, strlen(text));
	free(text);
	buf_init(&errors, 4096);
	n->conf = conf_load(path, help_dir(), &errors);
	if (n->conf == NULL)
		fail_msg("%s", buf_str(&errors));
	buf_free(&errors);
}

/* Bob has just said that his manifest is his newest. */
static void
make_confirmed(struct seal_node *n)
{
	char *dir = file_join(n->conf->run_dir, "relayd");
	char *path = file_join(dir, "confirmed");
	char *line = xasprintf("bob %lld\n", (long long)time(NULL));
	struct error error = {""};

	ok(file_mkdirs(dir, 0700, &error), &error);
	help_write(path, line, strlen(line));
	free(line);
	free(path);
	free(dir);
}

/* Where the configuration says, which depends on configure. */
static void
make_places(struct seal_node *n)
{
	char *tmp = file_join(n->conf->spool_dir, "tmp/milter");
	char *new = file_join(n->conf->spool_dir, "new");
	char *seed = file_join(n->conf->secret_dir, "ticket.seed");
	struct error error = {""};

	ok(file_remove_tree(n->conf->spool_dir, &error), &error);
	ok(file_remove_tree(n->conf->secret_dir, &error), &error);
	make_confirmed(n);
	ok(file_mkdirs(tmp, 0700, &error), &error);
	ok(file_mkdirs(new, 0700, &error), &error);
	ok(file_mkdirs(n->conf->secret_dir, 0700, &error), &error);
	ok(keys_seed_create(seed, &error), &error);
	snprintf(tmp_dir, sizeof(tmp_dir), "%s", tmp);
	snprintf(new_dir, sizeof(new_dir), "%s", new);
	free(tmp);
	free(new);
	free(seed);
}

void
seal_begin(struct seal_node *n, const char *settings)
{
	struct error error = {""};

	memset(n, 0, sizeof(*n));
	assert_int_equal(keys_init(), AG_OK);
	make_keys();
	derive();
	make_conf(n, settings);
	make_places(n);
	ok(sealer_new(n->conf, &n->sealer, &error), &error);
	n->source = network_source_new(help_path("derived"));
	n->net = network_current(n->source, &error);
	assert_non_null(n->net);
}

void
seal_end(struct seal_node *n)
{
	assert_true(sealer_drain(n->sealer, 20000));
	sealer_free(&n->sealer);
	network_unref(&n->net);
	network_source_free(&n->source);
	conf_free(&n->conf);
}

unsigned
seal_new_count(void)
{
	return help_entries(new_dir);
}

unsigned
seal_tmp_count(void)
{
	return help_entries(tmp_dir);
}

/* ---- opening ---- */

struct opening {
	int fd;
	struct seal_opened *o;
	struct buf start; /* until the head is whole */
	bool has_head;
	struct bsmtp_parser *parser;
	crypto_hash_sha256_state hash;
	unsigned line; /* of the body; our Received line comes first */
	bool below; /* our Received line */
	char last[2];
};

static ssize_t
read_cipher(void *ctx, void *data, size_t len)
{
	struct opening *op = ctx;
	ssize_t n = read(op->fd, data, len);

	return n < 0 ? AG_EIO : n;
}

static int
on_envelope(void *ctx, const char *ehlo, const struct bsmtp_envelope *e)
{
	struct opening *op = ctx;

	return bsmtp_write_head(e, ehlo, &op->o->envelope);
}

/* Our Received line is the first line and its folds. */
static void
hash_below(struct opening *op, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && !op->below; i++) {
		if (op->line > 0 && op->last[1] == '\n' && data[i] != '\t') {
			op->below = true;
			break;
		}
		op->line += data[i] == '\n';
		op->last[0] = op->last[1];
		op->last[1] = data[i];
	}
	if (op->below)
		crypto_hash_sha256_update(
		    &op->hash, (const uint8_t *)data + i, len - i);
}

static int
on_body(void *ctx, const void *data, size_t len)
{
	struct opening *op = ctx;
	size_t keep = op->o->body.max - op->o->body.len;

	hash_below(op, data, len);
	op->o->body_len += len;
	return buf_put(&op->o->body, data, len < keep ? len : keep);
}

static int
on_done(void *ctx)
{
	(void)ctx;
	return AG_OK;
}

static int
write_plain(void *ctx, const void *data, size_t len)
{
	struct opening *op = ctx;
	struct error error;
	ssize_t n;
	int rc;

	op->o->plain_len += len;
	if (op->has_head)
		return bsmtp_parse(op->parser, data, len, &error);
	if ((rc = buf_put(&op->start, data, len)) != AG_OK)
		return rc;
	n = bundle_head_parse(
	    op->start.data, op->start.len, &op->o->head, &error);
	if (n <= 0)
		return n;
	op->has_head = true;
	return bsmtp_parse(
	    op->parser, op->start.data + n, op->start.len - n, &error);
}

/* The path of the bundle with this ID, or of the only one. */
static const char *
find(const char *id)
{
	const char *found = NULL;
	struct spool_name name;
	struct dirent *e;
	DIR *d = opendir(new_dir);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(spool_name_parse(e->d_name, &name), AG_OK);
		assert_false(name.has_day);
		if (id != NULL && strcmp(name.id, id) != 0)
			continue;
		assert_null(found);
		found = new_path(e->d_name);
	}
	closedir(d);
	assert_non_null(found);
	return found;
}

static void
check_ticket(const struct seal_node *n, const struct seal_opened *o)
{
	char *seed = file_join(n->conf->secret_dir, "ticket.seed");
	struct sign_key secret;
	struct verify_key key;
	char name[KEYS_NAME_SIZE];
	struct error error;

	ok(keys_seed_load(seed, &secret, &error), &error);
	memcpy(key.public, secret.public, sizeof(key.public));
	free(seed);
	assert_int_equal(ticket_verify(&o->ticket, &key), AG_OK);
	keys_name(key.public, name);
	assert_string_equal(o->ticket.key, name);
	assert_int_equal(bundle_head_agrees(&o->head, &o->ticket), AG_OK);
	assert_string_equal(o->ticket.network, "friends.example");
	assert_string_equal(o->ticket.acceptor, "carol");
}

static void
open_fd(struct opening *op, const char *as)
{
	const struct bsmtp_handler handler = {
	    on_envelope, on_body, on_done, op};
	const struct openpgp_source source = {read_cipher, op};
	const struct openpgp_sink sink = {write_plain, op};
	const char *path = help_path("secret.asc");
	struct openpgp *pgp;
	struct error error = {""};

	help_write(path, key_of(as)->secret, strlen(key_of(as)->secret));
	op->parser = bsmtp_parser_new(&handler);
	crypto_hash_sha256_init(&op->hash);
	ok(openpgp_new_secret(
	       OPENPGP_AUTO, path, make_dir("scratch"), &pgp, &error),
	    &error);
	ok(openpgp_open(pgp, &source, &sink, &error), &error);
	ok(bsmtp_parse_end(op->parser, &error), &error);
	openpgp_free(&pgp);
	bsmtp_parser_free(&op->parser);
}

void
seal_open(const struct seal_node *n, const char *id, const char *as,
    size_t body_max, struct seal_opened *o_r)
{
	struct opening op = {.o = o_r};
	uint8_t sha256[crypto_hash_sha256_BYTES];
	struct error error;

	memset(o_r, 0, sizeof(*o_r));
	buf_init(&o_r->envelope, 1 << 20);
	buf_init(&o_r->body, body_max);
	buf_init(&op.start, 1 << 20);
	op.fd = open(find(id), O_RDONLY | O_CLOEXEC);
	assert_true(op.fd >= 0);
	ok(spool_read_head(op.fd, &o_r->ticket, &error), &error);
	ok(spool_verify(op.fd, &o_r->ticket, &error), &error);
	open_fd(&op, as);
	close(op.fd);
	check_ticket(n, o_r);
	crypto_hash_sha256_final(&op.hash, sha256);
	text_hex(sha256, sizeof(sha256), o_r->sha256);
	buf_free(&op.start);
}

static ssize_t
read_memory(void *ctx, void *data, size_t len)
{
	struct cursor *c = ctx;
	const char *p;

	if (len > c->left)
		len = c->left;
	cursor_take(c, len, &p);
	memcpy(data, p, len);
	return len;
}

static int
write_memory(void *ctx, const void *data, size_t len)
{
	return buf_put(ctx, data, len);
}

void
seal_open_message(
    const void *data, size_t len, const char *as, struct buf *plain)
{
	const char *path = help_path("secret.asc");
	struct cursor c;
	const struct openpgp_source source = {read_memory, &c};
	const struct openpgp_sink sink = {write_memory, plain};
	struct openpgp *pgp;
	struct error error = {""};

	cursor_init(&c, data, len);
	help_write(path, key_of(as)->secret, strlen(key_of(as)->secret));
	ok(openpgp_new_secret(
	       OPENPGP_AUTO, path, make_dir("scratch"), &pgp, &error),
	    &error);
	ok(openpgp_open(pgp, &source, &sink, &error), &error);
	openpgp_free(&pgp);
}

/* Is it a bundle for this home? Its ID goes to id_r. */
static bool
is_for(const char *file, const char *home, char *id_r)
{
	struct ticket t;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool is;

	assert_true(fd >= 0);
	assert_int_equal(spool_read_head(fd, &t, NULL), AG_OK);
	close(fd);
	is = strcmp(t.home, home) == 0;
	if (is)
		strcpy(id_r, t.id);
	return is;
}

void
seal_open_for(
    const struct seal_node *n, const char *home, struct seal_opened *o_r)
{
	char id[BUNDLE_ID_LEN + 1];
	unsigned found = 0;
	struct dirent *e;
	DIR *d = opendir(new_dir);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' &&
		    is_for(new_path(e->d_name), home, id))
			found++;
	closedir(d);
	assert_int_equal(found, 1);
	seal_open(n, id, home, 65536, o_r);
}

void
seal_opened_free(struct seal_opened *o)
{
	buf_free(&o->envelope);
	buf_free(&o->body);
}

const char *
seal_message(const struct seal_opened *o)
{
	const char *p = buf_str(&o->body);

	assert_int_equal(strncmp(p, "Received: ", 10), 0);
	do
		p = strchr(p, '\n') + 1;
	while (*p == '\t');
	return p;
}

void
seal_open_wrapper(const char *wrapper, struct buf *plain)
{
	const char *armor, *stop;
	uint8_t *data;
	size_t len;

	armor = strstr(wrapper, "-----BEGIN PGP MESSAGE-----");
	assert_non_null(armor);
	armor = strstr(armor, "\r\n\r\n");
	assert_non_null(armor);
	stop = strstr(armor, "\r\n=");
	assert_non_null(stop);
	data = malloc(stop - armor);
	assert_int_equal(
	    sodium_base642bin(data, stop - armor, armor, stop - armor, "\r\n",
		&len, NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	seal_open_message(data, len, "bob-own", plain);
	free(data);
}
