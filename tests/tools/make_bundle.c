/* SPDX-License-Identifier: MIT */
/*
 * make_bundle - makes one bundle file for tests, good or forged.
 *
 * It is the acceptor's part without Postfix: envelope and message in,
 * ID.SIZE out, through the same library as the milter. Each field of the
 * ticket and of the inside can be set on its own, so that a test can lie
 * in any one of them. Nothing that it is given is checked.
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sys/stat.h>
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "mail/bsmtp.h"
#include "mail/bundle.h"
#include "mail/keys.h"
#include "mail/openpgp.h"
#include "mail/spool.h"
#include "mail/ticket.h"

#define PLAIN_MAX (512UL << 20)
#define COMMANDS_MAX 1001

static const char usage[] =
    "usage: make_bundle --key FILE --ticket-seed FILE --mail \"<A@B> PARAMS\"\n"
    "           --rcpt \"<C@D> PARAMS\" [...] [--message FILE] [OPTION ...]\n"
    "       make_bundle --make-seed FILE\n"
    "       make_bundle --make-key PREFIX\n"
    "Writes the bundle DIR/ID.SIZE and prints its path. The message (with\n"
    "CRLF lines) is read from standard input unless --message is given.\n"
    "\n"
    "  --make-seed FILE     make a ticket or receipt seed, print its public\n"
    "                       key, and end; or print that of an existing one\n"
    "  --make-key PREFIX    make an OpenPGP key, PREFIX.pub and PREFIX.sec,\n"
    "                       and end\n"
    "  --out DIR            where the bundle goes (default: .)\n"
    "  --name NAME          name the file so, not ID.SIZE\n"
    "  --key FILE           seal to this armored public key; at most twice\n"
    "  --engine NAME        gpgme or rnp (default: auto)\n"
    "  --ticket-seed FILE   sign the ticket with this seed\n"
    "Ticket and inside (defaults: friends.example, carol, bob, random, now):\n"
    "  --network NAME  --acceptor NAME  --home NAME  --nonce HEX\n"
    "  --time SECONDS  --copies N\n"
    "Inside only:\n"
    "  --inside-network NAME  --inside-acceptor NAME  --inside-home NAME\n"
    "  --inside-nonce HEX  --inside-time SECONDS\n"
    "  --client KEY=VALUE   name, reverse-name, address, port, helo,\n"
    "                       protocol, tls or spf of the client\n"
    "  --ehlo NAME          of the transaction (default: ACCEPTOR.NETWORK)\n"
    "  --mail ARG, --rcpt ARG   what stands behind MAIL FROM:, RCPT TO:\n"
    "  --no-received        leave out the acceptor's Received line\n"
    "  --raw-data           don't stuff dots, don't end the last line\n"
    "  --batch FILE         the whole transaction, instead of all these\n"
    "  --plain FILE         the whole inside, head and padding included\n"
    "  --no-padding\n"
    "  --sealed FILE        no inside: the ciphertext of this bundle file,\n"
    "                       under a new ticket (needs no --key)\n"
    "Damage:\n"
    "  --ticket-id HEX, --ticket-size N   what the ticket says\n"
    "  --break-signature    turn over a bit of the ticket's signature\n"
    "  --flip N             turn over a bit of byte N (or of the last one) of\n"
    "                       the ciphertext, before the ticket is made\n"
    "  --flip-after N       the same, after it was made\n"
    "  --truncate N         cut the ciphertext to N bytes, before it\n"
    "  --append TEXT        append to the ciphertext, before it\n";

enum {
	OPT_MAKE_SEED = 256,
	OPT_MAKE_KEY,
	OPT_OUT,
	OPT_NAME,
	OPT_KEY,
	OPT_ENGINE,
	OPT_TICKET_SEED,
	OPT_NETWORK,
	OPT_ACCEPTOR,
	OPT_HOME,
	OPT_NONCE,
	OPT_TIME,
	OPT_COPIES,
	OPT_IN_NETWORK,
	OPT_IN_ACCEPTOR,
	OPT_IN_HOME,
	OPT_IN_NONCE,
	OPT_IN_TIME,
	OPT_CLIENT,
	OPT_EHLO,
	OPT_MAIL,
	OPT_RCPT,
	OPT_MESSAGE,
	OPT_NO_RECEIVED,
	OPT_RAW_DATA,
	OPT_BATCH,
	OPT_PLAIN,
	OPT_NO_PADDING,
	OPT_SEALED,
	OPT_TICKET_ID,
	OPT_TICKET_SIZE,
	OPT_BREAK_SIGNATURE,
	OPT_FLIP,
	OPT_FLIP_AFTER,
	OPT_TRUNCATE,
	OPT_APPEND,
};

static const struct option options[] = {
    {"make-seed", required_argument, NULL, OPT_MAKE_SEED},
    {"make-key", required_argument, NULL, OPT_MAKE_KEY},
    {"out", required_argument, NULL, OPT_OUT},
    {"name", required_argument, NULL, OPT_NAME},
    {"key", required_argument, NULL, OPT_KEY},
    {"engine", required_argument, NULL, OPT_ENGINE},
    {"ticket-seed", required_argument, NULL, OPT_TICKET_SEED},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"acceptor", required_argument, NULL, OPT_ACCEPTOR},
    {"home", required_argument, NULL, OPT_HOME},
    {"nonce", required_argument, NULL, OPT_NONCE},
    {"time", required_argument, NULL, OPT_TIME},
    {"copies", required_argument, NULL, OPT_COPIES},
    {"inside-network", required_argument, NULL, OPT_IN_NETWORK},
    {"inside-acceptor", required_argument, NULL, OPT_IN_ACCEPTOR},
    {"inside-home", required_argument, NULL, OPT_IN_HOME},
    {"inside-nonce", required_argument, NULL, OPT_IN_NONCE},
    {"inside-time", required_argument, NULL, OPT_IN_TIME},
    {"client", required_argument, NULL, OPT_CLIENT},
    {"ehlo", required_argument, NULL, OPT_EHLO},
    {"mail", required_argument, NULL, OPT_MAIL},
    {"rcpt", required_argument, NULL, OPT_RCPT},
    {"message", required_argument, NULL, OPT_MESSAGE},
    {"no-received", no_argument, NULL, OPT_NO_RECEIVED},
    {"raw-data", no_argument, NULL, OPT_RAW_DATA},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"plain", required_argument, NULL, OPT_PLAIN},
    {"no-padding", no_argument, NULL, OPT_NO_PADDING},
    {"sealed", required_argument, NULL, OPT_SEALED},
    {"ticket-id", required_argument, NULL, OPT_TICKET_ID},
    {"ticket-size", required_argument, NULL, OPT_TICKET_SIZE},
    {"break-signature", no_argument, NULL, OPT_BREAK_SIGNATURE},
    {"flip", required_argument, NULL, OPT_FLIP},
    {"flip-after", required_argument, NULL, OPT_FLIP_AFTER},
    {"truncate", required_argument, NULL, OPT_TRUNCATE},
    {"append", required_argument, NULL, OPT_APPEND},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct want {
	const char *out, *name, *seed, *ehlo, *message, *batch, *plain;
	const char *keys[2];
	size_t key_count;
	enum openpgp_engine engine;
	struct ticket ticket;
	struct bundle_head head;
	const char *commands[COMMANDS_MAX]; /* "MAIL FROM:...", ... */
	size_t command_count;
	bool no_received, raw_data, no_padding, break_signature;
	const char *ticket_id, *ticket_size, *flip, *flip_after, *truncate;
	const char *append, *sealed;
};

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("make_bundle: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static uint64_t
number(const char *s)
{
	uint64_t n;

	if (text_uint(s, UINT64_MAX, &n) < 0)
		die("not a number: %s", s);
	return n;
}

static void
read_file(const char *path, struct buf *b)
{
	struct error error;

	if (file_read(path, b, &error) < 0)
		die("%s", error.text);
}

static void __attribute__((noreturn)) make_seed(const char *path)
{
	char text[KEYS_TEXT_SIZE];
	struct sign_key key;
	struct error error;
	int rc;

	rc = keys_seed_create(path, &error);
	if (rc == 0 || rc == AG_EEXIST)
		rc = keys_seed_load(path, &key, &error);
	if (rc < 0)
		die("%s", error.text);
	keys_public_text(key.public, text);
	puts(text);
	exit(0);
}

static char *
make_scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	char *scratch;

	scratch = xasprintf("%s/make_bundle-XXXXXX", tmp ? tmp : "/tmp");
	if (mkdtemp(scratch) == NULL)
		die("can't make %s", scratch);
	return scratch;
}

static void
write_half(const char *prefix, const char *suffix, const struct buf *b)
{
	char *path = xasprintf("%s.%s", prefix, suffix);
	struct error error;

	if (file_replace(path, b->data, b->len, 0600, "make", &error) < 0)
		die("%s", error.text);
	free(path);
}

static void __attribute__((noreturn)) make_key(const char *prefix)
{
	char *scratch = make_scratch();
	struct buf public, secret;
	struct error error;
	int rc;

	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, OPENPGP_KEY_MAX);
	rc = openpgp_key_generate(
	    "test <test@example.com>", scratch, &public, &secret, &error);
	file_remove_tree(scratch, NULL);
	if (rc < 0)
		die("%s", error.text);
	write_half(prefix, "pub", &public);
	write_half(prefix, "sec", &secret);
	exit(0);
}

/* ---- the command line ---- */

static void
set_client(struct bundle_client *c, const char *arg)
{
	const struct {
		const char *key;
		char *value;
		size_t size;
	} fields[] = {
	    {"name=", c->name, sizeof(c->name)},
	    {"reverse-name=", c->reverse_name, sizeof(c->reverse_name)},
	    {"address=", c->address, sizeof(c->address)},
	    {"port=", c->port, sizeof(c->port)},
	    {"helo=", c->helo, sizeof(c->helo)},
	    {"protocol=", c->protocol, sizeof(c->protocol)},
	    {"tls=", c->tls, sizeof(c->tls)},
	    {"spf=", c->spf, sizeof(c->spf)},
	};
	size_t i, len;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		len = strlen(fields[i].key);
		if (strncmp(arg, fields[i].key, len) != 0)
			continue;
		snprintf(fields[i].value, fields[i].size, "%s", arg + len);
		return;
	}
	die("unknown client field: %s", arg);
}

static void
add_command(struct want *w, const char *verb, const char *arg)
{
	if (w->command_count == COMMANDS_MAX)
		die("too many commands");
	w->commands[w->command_count++] = xasprintf("%s:%s", verb, arg);
}

static void
set_engine(struct want *w, const char *name)
{
	if (strcmp(name, "gpgme") == 0)
		w->engine = OPENPGP_GPGME;
	else if (strcmp(name, "rnp") == 0)
		w->engine = OPENPGP_RNP;
	else if (strcmp(name, "auto") != 0)
		die("unknown engine: %s", name);
}

/* Fields of ticket and inside. */
static bool
set_field(struct want *w, int opt, const char *arg)
{
	struct ticket *t = &w->ticket;
	struct bundle_head *h = &w->head;

	switch (opt) {
	case OPT_NETWORK:
		COPY(t->network, arg);
		return true;
	case OPT_ACCEPTOR:
		COPY(t->acceptor, arg);
		return true;
	case OPT_HOME:
		COPY(t->home, arg);
		return true;
	case OPT_NONCE:
		COPY(t->nonce, arg);
		return true;
	case OPT_TIME:
		t->time = (int64_t)number(arg);
		return true;
	case OPT_COPIES:
		t->copies = (unsigned)number(arg);
		return true;
	case OPT_IN_NETWORK:
		COPY(h->network, arg);
		return true;
	case OPT_IN_ACCEPTOR:
		COPY(h->acceptor, arg);
		return true;
	case OPT_IN_HOME:
		COPY(h->home, arg);
		return true;
	case OPT_IN_NONCE:
		COPY(h->nonce, arg);
		return true;
	case OPT_IN_TIME:
		h->time = (int64_t)number(arg);
		return true;
	default:
		return false;
	}
}

/* What is written where, and what is broken. */
static bool
set_making(struct want *w, int opt, const char *arg)
{
	const struct {
		int opt;
		const char **value;
	} texts[] = {
	    {OPT_OUT, &w->out},
	    {OPT_NAME, &w->name},
	    {OPT_TICKET_SEED, &w->seed},
	    {OPT_EHLO, &w->ehlo},
	    {OPT_MESSAGE, &w->message},
	    {OPT_BATCH, &w->batch},
	    {OPT_PLAIN, &w->plain},
	    {OPT_TICKET_ID, &w->ticket_id},
	    {OPT_TICKET_SIZE, &w->ticket_size},
	    {OPT_FLIP, &w->flip},
	    {OPT_FLIP_AFTER, &w->flip_after},
	    {OPT_TRUNCATE, &w->truncate},
	    {OPT_APPEND, &w->append},
	    {OPT_SEALED, &w->sealed},
	};
	const struct {
		int opt;
		bool *value;
	} flags[] = {
	    {OPT_NO_RECEIVED, &w->no_received},
	    {OPT_RAW_DATA, &w->raw_data},
	    {OPT_NO_PADDING, &w->no_padding},
	    {OPT_BREAK_SIGNATURE, &w->break_signature},
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].opt == opt) {
			*texts[i].value = arg;
			return true;
		}
	}
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (flags[i].opt == opt) {
			*flags[i].value = true;
			return true;
		}
	}
	return false;
}

static void
set_option(struct want *w, int opt, const char *arg)
{
	if (set_field(w, opt, arg) || set_making(w, opt, arg))
		return;
	switch (opt) {
	case OPT_MAKE_SEED:
		make_seed(arg);
	case OPT_MAKE_KEY:
		make_key(arg);
	case OPT_KEY:
		if (w->key_count == 2)
			die("more than two keys");
		w->keys[w->key_count++] = arg;
		break;
	case OPT_ENGINE:
		set_engine(w, arg);
		break;
	case OPT_CLIENT:
		set_client(&w->head.client, arg);
		break;
	case OPT_MAIL:
		add_command(w, "MAIL FROM", arg);
		break;
	case OPT_RCPT:
		add_command(w, "RCPT TO", arg);
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

/* What was not said: the ticket's defaults, and the inside as outside. */
static void
set_defaults(struct want *w)
{
	struct ticket *t = &w->ticket;
	struct bundle_head *h = &w->head;
	uint8_t nonce[NONCE_LEN / 2];

	if (t->nonce[0] == '\0') {
		randombytes_buf(nonce, sizeof(nonce));
		text_hex(nonce, sizeof(nonce), t->nonce);
	}
	if (h->network[0] == '\0')
		COPY(h->network, t->network);
	if (h->acceptor[0] == '\0')
		COPY(h->acceptor, t->acceptor);
	if (h->home[0] == '\0')
		COPY(h->home, t->home);
	if (h->nonce[0] == '\0')
		COPY(h->nonce, t->nonce);
	if (h->time < 0)
		h->time = t->time;
	if (w->ehlo == NULL)
		w->ehlo = xasprintf("%s.%s", t->acceptor, t->network);
}

static void
parse_arguments(struct want *w, int argc, char **argv)
{
	int opt;

	memset(w, 0, sizeof(*w));
	w->out = ".";
	w->engine = OPENPGP_AUTO;
	w->ticket.time = (int64_t)time(NULL);
	w->ticket.copies = 2;
	w->head.time = -1;
	COPY(w->ticket.network, "friends.example");
	COPY(w->ticket.acceptor, "carol");
	COPY(w->ticket.home, "bob");
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(w, opt, optarg);
	set_defaults(w);
	if (optind != argc || (w->key_count == 0 && w->sealed == NULL) ||
	    w->seed == NULL) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* ---- the inside ---- */

static void
put(struct buf *out, const char *text)
{
	if (buf_puts(out, text) < 0)
		die("too much plaintext");
}

static void
put_message(const struct want *w, struct buf *out)
{
	const struct bundle_client *c = &w->head.client;
	struct bsmtp_stuff stuff = {0};
	struct buf message;

	buf_init(&message, PLAIN_MAX);
	if (!w->no_received &&
	    buf_printf(&message,
		"Received: from %s (%s [%s])\r\n"
		"\tby %s (Agamid) with %s id %s;\r\n"
		"\tSun, 22 Nov 2026 08:00:00 +0000 (UTC)\r\n",
		c->helo, c->name, c->address, w->ehlo, c->protocol,
		w->ticket.nonce) < 0)
		die("too much plaintext");
	if (w->message != NULL)
		read_file(w->message, &message);
	else if (file_read_fd(STDIN_FILENO, &message, NULL) < 0)
		die("can't read the message");
	if (w->raw_data) {
		if (buf_put(out, buf_str(&message), message.len) < 0)
			die("too much plaintext");
		put(out, ".\r\nQUIT\r\n");
	} else if (bsmtp_write_data(
		       &stuff, buf_str(&message), message.len, out) < 0 ||
	    bsmtp_write_tail(&stuff, out) < 0)
		die("too much plaintext");
	buf_free(&message);
}

static void
put_batch(const struct want *w, struct buf *out)
{
	size_t i;

	if (w->batch != NULL) {
		read_file(w->batch, out);
		return;
	}
	put(out, "EHLO ");
	put(out, w->ehlo);
	for (i = 0; i < w->command_count; i++) {
		put(out, "\r\n");
		put(out, w->commands[i]);
	}
	put(out, "\r\nDATA\r\n");
	put_message(w, out);
}

static void
put_padding(const struct want *w, struct buf *out)
{
	size_t more;
	char *p;

	if (w->no_padding)
		return;
	more = bundle_padded(out->len) - out->len;
	if (more == 0)
		return;
	p = buf_reserve(out, more);
	if (p == NULL)
		die("too much plaintext");
	memset(p, 0, more);
	buf_commit(out, more);
}

static void
make_plain(const struct want *w, struct buf *out)
{
	if (w->plain != NULL) {
		read_file(w->plain, out);
		return;
	}
	if (bundle_head_write(&w->head, out) < 0)
		die("the head can't be written so");
	put_batch(w, out);
	put_padding(w, out);
}

/* ---- the seal ---- */

static ssize_t
source_read(void *ctx, void *data, size_t len)
{
	struct cursor *c = ctx;
	const char *p;

	if (len > c->left)
		len = c->left;
	if (len > 0 && cursor_take(c, len, &p))
		memcpy(data, p, len);
	return (ssize_t)len;
}

static int
sink_write(void *ctx, const void *data, size_t len)
{
	return buf_put(ctx, data, len);
}

static void
seal(const struct want *w, const char *scratch, const struct buf *plain,
    struct buf *out)
{
	const char *armored[2], *fpr[2] = {NULL, NULL};
	struct openpgp_keyinfo info[2];
	struct buf keys[2];
	struct cursor cursor;
	struct openpgp_source source = {source_read, &cursor};
	struct openpgp_sink sink = {sink_write, out};
	struct openpgp *pgp;
	struct error error;
	char *home = file_join(scratch, "keys");
	size_t i;

	for (i = 0; i < w->key_count; i++) {
		buf_init(&keys[i], OPENPGP_KEY_MAX);
		read_file(w->keys[i], &keys[i]);
		armored[i] = buf_str(&keys[i]);
		if (openpgp_key_info(armored[i], scratch, &info[i], &error) < 0)
			die("%s: %s", w->keys[i], error.text);
		fpr[i] = info[i].fpr;
	}
	if (openpgp_keyring_write(home, armored, w->key_count, &error) < 0 ||
	    openpgp_new_public(w->engine, home, &pgp, &error) < 0)
		die("%s", error.text);
	cursor_init(&cursor, plain->data, plain->len);
	if (openpgp_seal(pgp, fpr[0], fpr[1], false, &source, &sink, &error) <
	    0)
		die("can't seal: %s", error.text);
	openpgp_free(&pgp);
	for (i = 0; i < w->key_count; i++)
		buf_free(&keys[i]);
	free(home);
}

static void
seal_in_scratch(const struct want *w, const struct buf *plain, struct buf *out)
{
	char *scratch = make_scratch();

	seal(w, scratch, plain, out);
	file_remove_tree(scratch, NULL);
	free(scratch);
}

/* ---- the file ---- */

static void
flip(struct buf *b, const char *where)
{
	size_t at = number(where);

	if (at >= b->len)
		at = b->len - 1;
	b->data[at] ^= 1;
}

static void
damage(const struct want *w, struct buf *sealed)
{
	if (w->flip != NULL)
		flip(sealed, w->flip);
	if (w->truncate != NULL && number(w->truncate) < sealed->len)
		sealed->len = number(w->truncate);
	if (w->append != NULL)
		put(sealed, w->append);
}

static void
sign(struct want *w, const struct buf *sealed)
{
	struct ticket *t = &w->ticket;
	uint8_t hash[32];
	struct sign_key key;
	struct error error;

	crypto_hash_sha256(hash, (const uint8_t *)buf_str(sealed), sealed->len);
	text_hex(hash, sizeof(hash), t->id);
	t->size = sealed->len;
	if (w->ticket_id != NULL)
		COPY(t->id, w->ticket_id);
	if (w->ticket_size != NULL)
		t->size = number(w->ticket_size);
	if (keys_seed_load(w->seed, &key, &error) < 0)
		die("%s", error.text);
	if (ticket_sign(t, &key) < 0)
		die("can't sign such a ticket");
	keys_wipe(&key);
	if (w->break_signature)
		t->signature[0] ^= 1;
}

static void
write_file(const struct want *w, const struct buf *sealed)
{
	char head[SPOOL_HEAD], name[SPOOL_NAME_MAX];
	struct spool_name parts = {.size = w->ticket.size};
	struct buf text;
	char *path;
	int fd;

	buf_init(&text, TICKET_MAX);
	if (ticket_write(&w->ticket, &text) < 0)
		die("can't write such a ticket");
	memset(head, ' ', sizeof(head));
	memcpy(head, text.data, text.len);
	head[sizeof(head) - 1] = '\n';
	COPY(parts.id, w->ticket.id);
	spool_name_write(&parts, name);
	path = file_join(w->out, w->name != NULL ? w->name : name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0 || file_write_all(fd, head, sizeof(head)) < 0 ||
	    file_write_all(fd, sealed->data, sealed->len) < 0 || close(fd) < 0)
		die("can't write %s", path);
	puts(path);
	free(path);
	buf_free(&text);
}

int
main(int argc, char **argv)
{
	struct buf plain, sealed;
	static struct want w;

	log_open("make_bundle", LOG_LVL_INFO);
	if (keys_init() < 0)
		die("libsodium doesn't start");
	parse_arguments(&w, argc, argv);
	buf_init(&plain, PLAIN_MAX);
	buf_init(&sealed, PLAIN_MAX);
	if (w.sealed != NULL) {
		read_file(w.sealed, &sealed);
		buf_consume(&sealed, SPOOL_HEAD);
	} else {
		make_plain(&w, &plain);
		seal_in_scratch(&w, &plain, &sealed);
	}
	damage(&w, &sealed);
	sign(&w, &sealed);
	if (w.flip_after != NULL)
		flip(&sealed, w.flip_after);
	write_file(&w, &sealed);
	buf_free(&plain);
	buf_free(&sealed);
	return 0;
}
