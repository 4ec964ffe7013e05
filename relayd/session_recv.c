/* SPDX-License-Identifier: MIT */
/*
 * session_recv - incoming bundles of a session. See session_recv.h.
 *
 * Checked here: that head, size and SHA-256 are those that were announced.
 * Whether the ticket is a good one is relayd's to say, before the first
 * byte is asked for and again when the file is there.
 *
 * SECURITY: these are a peer's bytes. They go to a file that nobody else
 * reads before relayd, and to a hash; nothing here understands them.
 */
#include "relayd/session_recv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/log.h"
#include "mail/spool.h"

#define SYNC_THREADS 8

struct arrived {
	struct spool_writer *writer;
	struct ticket ticket;
};

struct session_recv {
	const char *tmp_dir, *incoming_dir;
	session_recv_fn *fn;
	void *ctx;

	/* The one under way. */
	bool busy;
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	uint64_t left; /* bytes of ciphertext still to come */
	size_t head_len;
	char head[SPOOL_HEAD];
	struct ticket ticket;
	struct spool_writer *writer;
	const char *error; /* why it can't be kept, or NULL */

	struct arrived *waiting[SESSION_BATCH_MAX];
	unsigned count;
};

struct session_recv *
session_recv_new(const char *tmp_dir, const char *incoming_dir,
    session_recv_fn *fn, void *ctx)
{
	struct session_recv *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->tmp_dir = tmp_dir;
	r->incoming_dir = incoming_dir;
	r->fn = fn;
	r->ctx = ctx;
	return r;
}

static void
arrived_free(struct arrived *a)
{
	spool_writer_free(&a->writer);
	free(a);
}

void
session_recv_free(struct session_recv **rp)
{
	struct session_recv *r = *rp;
	unsigned i;

	if (r == NULL)
		return;
	for (i = 0; i < r->count; i++)
		arrived_free(r->waiting[i]);
	spool_writer_free(&r->writer);
	free(r);
	*rp = NULL;
}

bool
session_recv_busy(const struct session_recv *r)
{
	return r->busy;
}

unsigned
session_recv_waiting(const struct session_recv *r)
{
	return r->count;
}

/* The head's bytes as a ticket: its text, blanks, "\n". */
static int
parse_head(const char *head, struct ticket *t_r)
{
	size_t len = SPOOL_HEAD - 1;

	if (head[len] != '\n')
		return AG_EINVAL;
	while (len > 0 && head[len - 1] == ' ')
		len--;
	return ticket_parse(head, len, t_r);
}

/* The rest of it is read and thrown away. */
static void
spoil(struct session_recv *r, const char *error)
{
	if (r->error == NULL)
		r->error = error;
	spool_writer_free(&r->writer);
}

static void
local_trouble(struct session_recv *r, const struct error *error)
{
	log_error("can't keep a bundle id=%s error=\"%s\"", r->id, error->text);
	spoil(r, "it can't be kept here now");
}

void
session_recv_begin(struct session_recv *r, const char *id, uint64_t size)
{
	struct error error = {""};

	r->busy = true;
	memcpy(r->id, id, sizeof(r->id));
	r->size = r->left = size;
	r->head_len = 0;
	r->error = NULL;
	if (spool_writer_new(r->tmp_dir, &r->writer, &error) < 0)
		local_trouble(r, &error);
}

/* The head is complete: does it go with the announced ID and size? */
static void
check_head(struct session_recv *r)
{
	if (parse_head(r->head, &r->ticket) < 0)
		spoil(r, "its head is no ticket");
	else if (strcmp(r->ticket.id, r->id) != 0 || r->ticket.size != r->size)
		spoil(r, "its ticket is of another bundle");
}

/* All bytes are there. */
static void
finish(struct session_recv *r)
{
	char id[BUNDLE_ID_LEN + 1];
	struct arrived *a = NULL;

	r->busy = false;
	if (r->error == NULL) {
		spool_writer_id(r->writer, id);
		if (strcmp(id, r->id) != 0)
			spoil(r, "its SHA-256 is not its ID");
	}
	if (r->error == NULL) {
		a = calloc(1, sizeof(*a));
		if (a == NULL)
			spoil(r, "it can't be kept here now");
	}
	if (r->error != NULL) {
		r->fn(r->id, r->size, r->error, r->ctx);
		return;
	}
	a->writer = r->writer;
	a->ticket = r->ticket;
	r->writer = NULL;
	r->waiting[r->count++] = a;
}

static size_t
feed_head(struct session_recv *r, const char *data, size_t len)
{
	size_t n = SPOOL_HEAD - r->head_len;

	if (n > len)
		n = len;
	memcpy(r->head + r->head_len, data, n);
	r->head_len += n;
	if (r->head_len == SPOOL_HEAD)
		check_head(r);
	return n;
}

static size_t
feed_body(struct session_recv *r, const char *data, size_t len)
{
	struct error error = {"can't write"};
	size_t n = r->left < len ? (size_t)r->left : len;

	if (r->error == NULL && spool_write(r->writer, data, n) < 0)
		local_trouble(r, &error);
	r->left -= n;
	if (r->left == 0)
		finish(r);
	return n;
}

size_t
session_recv_feed(struct session_recv *r, const char *data, size_t len)
{
	size_t taken = 0;

	if (r->count == SESSION_BATCH_MAX)
		session_recv_commit(r);
	if (r->head_len < SPOOL_HEAD)
		taken = feed_head(r, data, len);
	if (r->head_len == SPOOL_HEAD && taken < len)
		taken += feed_body(r, data + taken, len - taken);
	return taken;
}

/* All are on their way to the disk before any is waited for. */
static void
seal_waiting(struct session_recv *r)
{
	struct error error = {""};
	unsigned i;

	for (i = 0; i < r->count; i++)
		(void)spool_writer_seal(
		    r->waiting[i]->writer, &r->waiting[i]->ticket, &error);
}

/* What one thread fsyncs: each SYNC_THREADS-th of those that wait. */
struct share {
	struct session_recv *r;
	unsigned first;
};

static void *
sync_share(void *arg)
{
	const struct share *s = arg;
	unsigned i;

	for (i = s->first; i < s->r->count; i += SYNC_THREADS)
		spool_writer_sync(s->r->waiting[i]->writer);
	return NULL;
}

/* A disk empties its cache once for all that ask for it at the same time.
 * What no thread could be had for is fsynced as it is placed. */
static void
sync_waiting(struct session_recv *r)
{
	struct share shares[SYNC_THREADS];
	pthread_t threads[SYNC_THREADS];
	unsigned i, n;

	if (r->count < 2)
		return;
	for (n = 0; n < SYNC_THREADS && n < r->count; n++) {
		shares[n] = (struct share){.r = r, .first = n};
		if (pthread_create(&threads[n], NULL, sync_share, &shares[n]) !=
		    0)
			break;
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

void
session_recv_commit(struct session_recv *r)
{
	struct error error;
	struct arrived *a;
	unsigned i;
	int rc;

	seal_waiting(r);
	sync_waiting(r);
	for (i = 0; i < r->count; i++) {
		a = r->waiting[i];
		error.text[0] = '\0';
		rc = spool_writer_place(
		    a->writer, &a->ticket, r->incoming_dir, &error);
		if (rc < 0)
			log_error("can't place a bundle id=%s error=\"%s\"",
			    a->ticket.id, error.text);
		r->fn(a->ticket.id, a->ticket.size,
		    rc < 0 ? "it can't be kept here now" : NULL, r->ctx);
		arrived_free(a);
	}
	r->count = 0;
}
