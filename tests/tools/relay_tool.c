/* SPDX-License-Identifier: MIT */
/*
 * relay_tool - what tests of relayd need besides it: bundles of random
 * bytes with good tickets, and a stand-in for agamid-deliver.
 *
 *	relay_tool bundles SEED NETWORK ACCEPTOR HOME COUNT SIZE COPIES TMP OUT
 *		writes OUT/ID.SIZE, COUNT times; prints the IDs
 *	relay_tool resign SEED ACCEPTOR FILE OUT
 *		the same bytes under another acceptor's ticket, in OUT
 *	relay_tool deliver SEED NETWORK HOME SOCKET DIR
 *		serves SOCKET; appends each ID that it is handed (and checked)
 *		to DIR/delivered, and answers with the words in DIR/answer
 *		("done" if there is none; "hang": no answer); an ID that it
 *		said done to before is a duplicate. Signs for all that it
 *		took, unless DIR/unsigned exists
 *	relay_tool receipt SEED NETWORK HOME ID...
 *		prints a receipt
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sys/socket.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "mail/keys.h"
#include "mail/receipt.h"
#include "mail/spool.h"
#include "mail/ticket.h"

#define CLIENTS_MAX 8
#define TAKEN_MAX 65536

static struct sign_key key;

static void
load_key(const char *path)
{
	struct error error = {""};

	if (keys_seed_load(path, &key, &error) < 0)
		log_fatal("%s", error.text);
}

static void
set_field(char *field, size_t size, const char *value)
{
	snprintf(field, size, "%s", value);
}

/* Bundles ------------------------------------------------------------------ */

static void
write_random(struct spool_writer *w, uint64_t size)
{
	static uint8_t chunk[65536];
	uint64_t left, n;

	for (left = size; left > 0; left -= n) {
		n = left < sizeof(chunk) ? left : sizeof(chunk);
		randombytes_buf(chunk, n);
		if (spool_write(w, chunk, n) < 0)
			log_fatal("can't write");
	}
}

static void
make_bundle(char **argv)
{
	struct error error = {""};
	struct spool_writer *w;
	uint8_t nonce[NONCE_LEN / 2];
	struct ticket t = {.time = (int64_t)time(NULL)};

	set_field(t.network, sizeof(t.network), argv[1]);
	set_field(t.acceptor, sizeof(t.acceptor), argv[2]);
	set_field(t.home, sizeof(t.home), argv[3]);
	randombytes_buf(nonce, sizeof(nonce));
	text_hex(nonce, sizeof(nonce), t.nonce);
	t.size = strtoull(argv[5], NULL, 10);
	t.copies = (unsigned)strtoul(argv[6], NULL, 10);
	if (spool_writer_new(argv[7], &w, &error) < 0)
		log_fatal("%s", error.text);
	write_random(w, t.size);
	spool_writer_id(w, t.id);
	if (ticket_sign(&t, &key) < 0 ||
	    spool_writer_commit(w, &t, argv[8], &error) < 0)
		log_fatal("can't make a bundle: %s", error.text);
	spool_writer_free(&w);
	printf("%s\n", t.id);
}

static int
bundles(char **argv)
{
	unsigned long i, count = strtoul(argv[4], NULL, 10);

	load_key(argv[0]);
	for (i = 0; i < count; i++)
		make_bundle(argv);
	return 0;
}

static int
resign(char **argv)
{
	struct error error = {""};
	struct spool_writer *w;
	char chunk[4096];
	struct ticket t;
	ssize_t n;
	int fd = open(argv[2], O_RDONLY | O_CLOEXEC);

	load_key(argv[0]);
	if (fd < 0 || spool_read_head(fd, &t, &error) < 0 ||
	    spool_writer_new(argv[3], &w, &error) < 0)
		log_fatal("%s: %s", argv[2], error.text);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		spool_write(w, chunk, (size_t)n);
	set_field(t.acceptor, sizeof(t.acceptor), argv[1]);
	if (ticket_sign(&t, &key) < 0 ||
	    spool_writer_commit(w, &t, argv[3], &error) < 0)
		log_fatal("can't sign: %s", error.text);
	spool_writer_free(&w);
	close(fd);
	return 0;
}

/* Receipts ------------------------------------------------------------------ */

static void
sign_ids(
    const char *network, const char *home, struct receipt *r, struct buf *out)
{
	set_field(r->network, sizeof(r->network), network);
	set_field(r->home, sizeof(r->home), home);
	r->time = (int64_t)time(NULL);
	if (receipt_sign(r, &key) < 0 || receipt_write(r, out) < 0)
		log_fatal("can't sign");
}

static int
receipt(int count, char **argv)
{
	static struct receipt r;
	struct buf out;

	load_key(argv[0]);
	for (; r.count < (unsigned)count - 3; r.count++)
		set_field(r.ids[r.count], sizeof(r.ids[0]), argv[3 + r.count]);
	buf_init(&out, RECEIPT_MAX);
	sign_ids(argv[1], argv[2], &r, &out);
	fputs(buf_str(&out), stdout);
	buf_free(&out);
	return 0;
}

/* Delivering ----------------------------------------------------------------- */

struct deliver {
	const char *network, *home, *dir;
	char taken[TAKEN_MAX][BUNDLE_ID_LEN + 1]; /* can be signed for */
	unsigned taken_count;
	char done[TAKEN_MAX][BUNDLE_ID_LEN + 1];
	unsigned done_count;
};

static bool
is_in(char list[][BUNDLE_ID_LEN + 1], unsigned count, const char *id)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (strcmp(list[i], id) == 0)
			return true;
	}
	return false;
}

static void
read_words(const struct deliver *d, struct buf *words)
{
	char *path = file_join(d->dir, "answer");

	if (file_read(path, words, NULL) < 0 || words->len == 0)
		buf_puts(words, "done");
	words->data[strcspn(words->data, "\n")] = '\0';
	free(path);
}

static void
note(const struct deliver *d, const char *id)
{
	char *path = file_join(d->dir, "delivered");
	FILE *f = fopen(path, "a");

	if (f == NULL || fprintf(f, "%s\n", id) < 0 || fclose(f) != 0)
		log_fatal("can't write %s", path);
	free(path);
}

/* The bundle is what its ticket says, or the test fails by what is
 * missing in the file. */
static void
deliver_one(struct deliver *d, int client, const char *id, int fd)
{
	struct error error = {""};
	struct buf words, reply;
	struct ticket t;

	buf_init(&words, 256);
	buf_init(&reply, 512);
	read_words(d, &words);
	if (spool_read_head(fd, &t, &error) < 0 || strcmp(t.id, id) != 0 ||
	    spool_verify(fd, &t, &error) < 0)
		log_fatal("bad bundle id=%s error=\"%s\"", id, error.text);
	if (is_in(d->done, d->done_count, id)) {
		buf_printf(&reply, "duplicate %s\n", id);
	} else {
		note(d, id);
		if (strcmp(words.data, "done") == 0)
			buf_printf(&reply, "done %s\n", id);
		else
			buf_printf(&reply, "%s %s said so\n", words.data, id);
		if (strcmp(words.data, "done") == 0)
			memcpy(d->done[d->done_count++], id, sizeof(t.id));
		if (strcmp(words.data, "invalid") != 0)
			memcpy(d->taken[d->taken_count++], id, sizeof(t.id));
	}
	if (strcmp(words.data, "hang") != 0)
		sock_send(client, reply.data, reply.len, -1);
	buf_free(&words);
	buf_free(&reply);
}

static void
sign_some(struct deliver *d, int client, char *ids)
{
	static struct receipt r;
	char *id, *path = file_join(d->dir, "unsigned");
	bool unwilling = access(path, F_OK) == 0;
	struct buf out;

	free(path);
	buf_init(&out, RECEIPT_MAX + 16);
	memset(&r, 0, sizeof(r));
	for (id = strtok(ids, " \n"); id != NULL; id = strtok(NULL, " \n")) {
		if (is_in(d->taken, d->taken_count, id))
			set_field(r.ids[r.count++], sizeof(r.ids[0]), id);
	}
	if (r.count == 0 || unwilling) {
		buf_puts(&out, "none\n");
	} else {
		buf_puts(&out, "receipt\n");
		sign_ids(d->network, d->home, &r, &out);
	}
	sock_send(client, out.data, out.len, -1);
	buf_free(&out);
}

/* False when the client has gone. */
static bool
serve_one(struct deliver *d, int client)
{
	static char data[SOCK_MESSAGE_MAX + 1];
	char id[BUNDLE_ID_LEN + 1];
	int fd = -1;
	ssize_t n = sock_recv(client, data, sizeof(data), &fd);

	if (n <= 0)
		return false;
	if (sscanf(data, "%*[a-z] %64[0-9a-f]", id) == 1 && fd >= 0) {
		deliver_one(d, client, id, fd);
	} else if (strncmp(data, "sign ", 5) == 0) {
		sign_some(d, client, data + 5);
	}
	if (fd >= 0)
		close(fd);
	return true;
}

static int
deliver(char **argv)
{
	static struct deliver d;
	struct pollfd p[1 + CLIENTS_MAX];
	struct error error = {""};
	nfds_t count = 1, i;

	load_key(argv[0]);
	d.network = argv[1];
	d.home = argv[2];
	d.dir = argv[4];
	p[0].fd = sock_listen(argv[3], SOCK_SEQPACKET, 0666, &error);
	p[0].events = POLLIN;
	if (p[0].fd < 0)
		log_fatal("%s", error.text);
	while (poll(p, count, -1) >= 0) {
		for (i = 1; i < count; i++) {
			if (p[i].revents == 0 || serve_one(&d, p[i].fd))
				continue;
			close(p[i].fd);
			p[i] = p[--count];
		}
		if (p[0].revents != 0 && count <= CLIENTS_MAX) {
			p[count].fd = accept(p[0].fd, NULL, NULL);
			p[count].events = POLLIN;
			p[count++].revents = 0;
		}
	}
	return 1;
}

int
main(int argc, char **argv)
{
	log_open("relay_tool", LOG_LVL_INFO);
	if (keys_init() < 0)
		log_fatal("libsodium");
	if (argc == 11 && strcmp(argv[1], "bundles") == 0)
		return bundles(argv + 2);
	if (argc == 6 && strcmp(argv[1], "resign") == 0)
		return resign(argv + 2);
	if (argc == 7 && strcmp(argv[1], "deliver") == 0)
		return deliver(argv + 2);
	if (argc > 5 && strcmp(argv[1], "receipt") == 0)
		return receipt(argc - 2, argv + 2);
	log_fatal("usage: see the head of relay_tool.c");
}
