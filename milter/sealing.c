/* SPDX-License-Identifier: MIT */
/*
 * sealing - one mail into one bundle; see sealing.h.
 *
 * Two threads share a job: the caller's, which writes plaintext into the
 * pipe, and the job's own, which seals. What only one of them uses is
 * marked; the rest is under the lock. The last of both frees it.
 */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/spool.h"
#include "milter/dsn_keep.h"
#include "milter/pgpmime.h"
#include "milter/received.h"
#include "milter/sealing.h"
#include "util/bpipe.h"
#include "util/log.h"
#include "util/text.h"

#define STACK_SIZE (1024 * 1024)
#define PIPE_SIZE (256 * 1024)
#define PIECE 16384 /* of a message, stuffed at once */
#define HEAD_MAX (BUNDLE_HEAD_MAX + BSMTP_RCPT_MAX * BSMTP_LINE_MAX + 4096)
/* An engine that overstays its deadline by this much is given up. */
#define GRACE_MS 15000

enum state { SEALING, COMMITTING, OVER };

struct sealing {
	struct sealer *sealer;
	struct network *net;
	const struct manifest *home; /* net's */
	struct bpipe *pipe;
	int64_t deadline; /* ms, monotonic */
	uint64_t limit;

	/* The caller's; the first three are lent to the inner seal's thread
	 * while that runs. */
	struct buf buf;
	struct bsmtp_stuff stuff;
	uint64_t plain; /* bytes of plaintext so far */
	struct pgpmime *inner; /* to the mailbox's own key, or NULL */
	uint64_t message; /* bytes of the sender's */

	/* The job's thread's, until OVER. */
	struct ticket ticket;
	struct spool_writer *writer;
	struct dsn_record *dsn; /* NULL: nobody is told of expiry */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned refs;
	enum state state;
	bool abandoned;
	enum answer answer; /* OK, or the first failure */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The job's place is given back when all its threads have left it: then
 * they have left the sealer, too. */
static void
unref(struct sealing *j)
{
	struct sealer *sealer = j->sealer;
	unsigned refs;

	pthread_mutex_lock(&j->lock);
	refs = --j->refs;
	pthread_mutex_unlock(&j->lock);
	if (refs > 0)
		return;
	dsn_keep_free(&j->dsn);
	bpipe_free(&j->pipe);
	buf_wipe(&j->buf);
	network_unref(&j->net);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
	free(j);
	sealer_leave(sealer);
}

/* The first failure is the job's answer. */
static enum answer
fail(struct sealing *j, enum answer a)
{
	pthread_mutex_lock(&j->lock);
	if (j->answer == ANSWER_OK)
		j->answer = a;
	a = j->answer;
	pthread_mutex_unlock(&j->lock);
	bpipe_abort(j->pipe);
	return a;
}

static enum answer
current_answer(struct sealing *j)
{
	enum answer a;

	pthread_mutex_lock(&j->lock);
	a = j->answer;
	pthread_mutex_unlock(&j->lock);
	return a;
}

/* ---- the job's thread ---- */

static ssize_t
source_read(void *ctx, void *data, size_t len)
{
	struct sealing *j = ctx;
	ssize_t n;

	if (now_ms() > j->deadline) {
		fail(j, ANSWER_LATE);
		return AG_EAGAIN;
	}
	n = bpipe_pull(j->pipe, data, len);
	if (n == AG_EAGAIN)
		fail(j, ANSWER_LATE);
	return n;
}

static int
sink_write(void *ctx, const void *data, size_t len)
{
	struct sealing *j = ctx;

	return spool_write(j->writer, data, len);
}

static int
seal(struct sealing *j, struct error *error_r)
{
	const struct openpgp_source source = {source_read, j};
	const struct openpgp_sink sink = {sink_write, j};
	struct openpgp *pgp;
	int rc;

	rc = sealer_engine_get(j->sealer, j->net, &pgp, error_r);
	if (rc != AG_OK)
		return rc;
	rc = openpgp_seal(pgp, j->home->fpr, j->home->recovery_fpr, false,
	    &source, &sink, error_r);
	if (rc == AG_OK)
		sealer_engine_put(j->sealer, j->net, &pgp);
	else
		openpgp_free(&pgp);
	return rc;
}

/* From here on the caller can't give the job up any more. */
static bool
begin_commit(struct sealing *j)
{
	bool ok;

	pthread_mutex_lock(&j->lock);
	ok = !j->abandoned && j->answer == ANSWER_OK;
	if (ok)
		j->state = COMMITTING;
	pthread_mutex_unlock(&j->lock);
	return ok;
}

static int
commit(struct sealing *j, struct error *error_r)
{
	struct ticket *t = &j->ticket;
	int rc;

	spool_writer_id(j->writer, t->id);
	t->size = spool_writer_size(j->writer);
	t->copies = sealing_copies(network_copies(j->net, j->home), t->size);
	if ((rc = sealer_sign(j->sealer, j->net, t)) != AG_OK)
		return error_set(error_r, rc, "can't sign the ticket");
	if (j->dsn != NULL)
		rc = dsn_keep_write(j->sealer, j->net, j->dsn, t, error_r);
	if (rc == AG_OK && !begin_commit(j))
		rc = error_set(error_r, AG_EAGAIN, "given up");
	if (rc == AG_OK)
		rc = spool_writer_commit(
		    j->writer, t, sealer_new_dir(j->sealer), error_r);
	if (rc != AG_OK && j->dsn != NULL)
		dsn_keep_remove(j->sealer, t->id);
	return rc;
}

/* Of a failure. Where the caller has given up, or refused the message, it
 * says so itself. */
static void
log_failure(struct sealing *j, enum answer a, const struct error *error)
{
	bool expected;

	pthread_mutex_lock(&j->lock);
	expected = j->abandoned || a == ANSWER_TOO_BIG;
	pthread_mutex_unlock(&j->lock);
	if (expected)
		log_debug("sealing ended home=%s", j->ticket.home);
	else
		log_warn("sealing failed home=%s reply=%s error=%s",
		    j->ticket.home, answer_text(a)->code, error->text);
}

static void
finish(struct sealing *j, int rc, const struct error *error)
{
	enum answer a = current_answer(j);

	if (rc != AG_OK && a == ANSWER_OK)
		a = fail(j, rc == AG_ECRYPTO ? ANSWER_NO_KEY : ANSWER_TROUBLE);
	if (rc != AG_OK)
		log_failure(j, a, error);
	spool_writer_free(&j->writer);
	bpipe_abort(j->pipe); /* nobody reads it any more */
	pthread_mutex_lock(&j->lock);
	j->state = OVER;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

static void *
run(void *arg)
{
	struct sealing *j = arg;
	struct error error = {""};
	int rc;

	rc = spool_writer_new(sealer_tmp_dir(j->sealer), &j->writer, &error);
	if (rc == AG_OK)
		rc = seal(j, &error);
	if (rc == AG_OK)
		rc = commit(j, &error);
	finish(j, rc, &error);
	unref(j);
	return NULL;
}

static int
start_thread(struct sealing *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	j->refs++;
	if ((rc = pthread_create(&thread, &attr, run, j)) != 0)
		j->refs--;
	pthread_attr_destroy(&attr);
	return rc == 0 ? AG_OK : AG_ENOMEM;
}

/* ---- the caller's thread ---- */

static enum answer
push_plain(struct sealing *j, const void *data, size_t len)
{
	int rc;

	if (now_ms() > j->deadline)
		return fail(j, ANSWER_LATE);
	if ((rc = bpipe_push(j->pipe, data, len)) != AG_OK)
		return fail(j, rc == AG_EAGAIN ? ANSWER_LATE : ANSWER_TROUBLE);
	j->plain += len;
	return ANSWER_OK;
}

static enum answer
push_buf(struct sealing *j)
{
	enum answer a = push_plain(j, j->buf.data, j->buf.len);

	explicit_bzero(j->buf.data, j->buf.len);
	buf_reset(&j->buf);
	return a;
}

static enum answer
push_message(struct sealing *j, const char *data, size_t len)
{
	enum answer a;
	size_t n;

	for (; len > 0; data += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		if (bsmtp_write_data(&j->stuff, data, n, &j->buf) != AG_OK)
			return fail(j, ANSWER_TROUBLE);
		/* Headers come in small pieces: gather some first. */
		if (j->buf.len >= PIECE && (a = push_buf(j)) != ANSWER_OK)
			return a;
	}
	return ANSWER_OK;
}

static enum answer
push_received(struct sealing *j, const struct sealing_request *req)
{
	const struct bsmtp_envelope *e = req->envelope;
	const struct received received = {
	    .client = req->received_from ? req->client : NULL,
	    .by = network_self(j->net)->host,
	    .with = req->with,
	    .id = req->queue_id,
	    .rcpt = e->rcpt_count == 1 ? e->rcpt[0].path : NULL,
	    .time = req->now,
	};
	struct buf line;
	enum answer a;

	buf_init(&line, 4096);
	if (received_write(&received, &line) == AG_OK)
		a = push_message(j, line.data, line.len);
	else
		a = fail(j, ANSWER_TROUBLE);
	buf_free(&line);
	return a;
}

/* The bundle's head, the envelope, our Received line. */
static enum answer
push_head(struct sealing *j, const struct sealing_request *req)
{
	struct bundle_head head = {.time = j->ticket.time};
	enum answer a;

	strcpy(head.network, j->ticket.network);
	strcpy(head.acceptor, j->ticket.acceptor);
	strcpy(head.home, j->ticket.home);
	strcpy(head.nonce, j->ticket.nonce);
	head.client = *req->client;
	if (bundle_head_write(&head, &j->buf) != AG_OK ||
	    bsmtp_write_head(
		req->envelope, network_self(j->net)->host, &j->buf) != AG_OK)
		return fail(j, ANSWER_TROUBLE);
	if ((a = push_buf(j)) != ANSWER_OK)
		return a;
	return req->with != NULL ? push_received(j, req) : ANSWER_OK;
}

static enum answer
inner_write(void *ctx, const void *data, size_t len)
{
	return push_message(ctx, data, len);
}

static void
inner_release(void *ctx)
{
	unref(ctx);
}

/* The mailbox has a key of its own: its message goes through that first. */
static enum answer
start_inner(struct sealing *j, const struct sealing_request *req)
{
	const struct pgpmime_request inner = {
	    .net = j->net,
	    .fpr = req->class.key,
	    .name = j->ticket.nonce,
	    .mark = "1", /* agamid-deliver's is put in its place */
	    .now = req->now,
	    .timeout_ms = sealer_conf(j->sealer)->sealing_timeout * 1000,
	    .out = {inner_write, inner_release, j},
	};

	pthread_mutex_lock(&j->lock);
	j->refs++;
	pthread_mutex_unlock(&j->lock);
	j->inner = pgpmime_new(j->sealer, &inner);
	return j->inner != NULL ? ANSWER_OK : fail(j, ANSWER_TROUBLE);
}

static void
fill_ticket(struct sealing *j, int64_t now)
{
	const struct manifest *self = network_self(j->net);
	uint8_t nonce[NONCE_LEN / 2];
	struct ticket *t = &j->ticket;

	strncpy(t->network, self->network, sizeof(t->network) - 1);
	strncpy(t->acceptor, self->name, sizeof(t->acceptor) - 1);
	strncpy(t->home, j->home->name, sizeof(t->home) - 1);
	randombytes_buf(nonce, sizeof(nonce));
	text_hex(nonce, sizeof(nonce), t->nonce);
	t->time = now;
}

/* With a place taken; NULL gives it back. */
static struct sealing *
job_new(struct sealer *sealer, const struct sealing_request *req)
{
	const struct conf *conf = sealer_conf(sealer);
	struct sealing *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	struct room room = {.limit = conf->max_message_size};

	if (j == NULL) {
		sealer_leave(sealer);
		return NULL;
	}
	j->sealer = sealer;
	j->net = network_ref(req->net);
	j->home = network_find(j->net, req->class.home);
	j->deadline = now_ms() + (int64_t)conf->sealing_timeout * 1000;
	j->limit = j->home != NULL ? decide_limit(j->home, &room) : 0;
	j->refs = 1;
	buf_init(&j->buf, HEAD_MAX);
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->changed, &attr);
	pthread_condattr_destroy(&attr);
	j->pipe = bpipe_new(PIPE_SIZE, conf->sealing_timeout * 1000);
	if (j->pipe == NULL || j->home == NULL) {
		unref(j);
		return NULL;
	}
	fill_ticket(j, req->now);
	return j;
}

enum answer
sealing_new(struct sealer *sealer, const struct sealing_request *req,
    struct sealing **job_r)
{
	struct sealing *j;
	enum answer a;

	*job_r = NULL;
	if (!sealer_enter(sealer))
		return ANSWER_BUSY;
	if ((j = job_new(sealer, req)) == NULL)
		return ANSWER_TROUBLE;
	if (dsn_keep_new(sealer, req, &j->dsn) != AG_OK ||
	    start_thread(j) != AG_OK) {
		unref(j);
		return ANSWER_TROUBLE;
	}
	a = push_head(j, req);
	if (a == ANSWER_OK && req->class.key[0] != '\0')
		a = start_inner(j, req);
	if (a != ANSWER_OK) {
		sealing_free(&j);
		return a;
	}
	*job_r = j;
	return ANSWER_OK;
}

enum answer
sealing_push(struct sealing *j, const void *data, size_t len)
{
	enum answer a = current_answer(j);

	if (a != ANSWER_OK)
		return a;
	if (len > j->limit - j->message)
		return fail(j, ANSWER_TOO_BIG);
	j->message += len;
	if (j->inner == NULL)
		return push_message(j, data, len);
	a = pgpmime_push(j->inner, data, len);
	return a == ANSWER_OK ? a : fail(j, a);
}

enum answer
sealing_end(struct sealing *j)
{
	static const char zeros[4096];
	enum answer a = current_answer(j);
	uint64_t left;
	size_t n;

	if (a != ANSWER_OK)
		return a;
	if (j->inner != NULL && (a = pgpmime_end(j->inner)) != ANSWER_OK)
		return fail(j, a);
	if (bsmtp_write_tail(&j->stuff, &j->buf) != AG_OK)
		return fail(j, ANSWER_TROUBLE);
	if ((a = push_buf(j)) != ANSWER_OK)
		return a;
	left = bundle_padded(j->plain) - j->plain;
	for (; left > 0; left -= n) {
		n = left < sizeof(zeros) ? left : sizeof(zeros);
		if ((a = push_plain(j, zeros, n)) != ANSWER_OK)
			return a;
	}
	bpipe_finish(j->pipe);
	return ANSWER_OK;
}

static void
add_ms(struct timespec *ts, unsigned ms)
{
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += ms % 1000 * 1000000L;
	if (ts->tv_nsec >= 1000000000L) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000L;
	}
}

enum answer
sealing_wait(struct sealing *j, unsigned timeout_ms)
{
	struct timespec until;
	enum answer a;

	clock_gettime(CLOCK_MONOTONIC, &until);
	add_ms(&until, timeout_ms);
	pthread_mutex_lock(&j->lock);
	while (j->state != OVER &&
	    pthread_cond_timedwait(&j->changed, &j->lock, &until) != ETIMEDOUT)
		;
	if (j->state == SEALING && now_ms() > j->deadline + GRACE_MS) {
		/* A stuck engine: it can still end, but not commit. */
		j->abandoned = true;
		if (j->answer == ANSWER_OK)
			j->answer = ANSWER_LATE;
	}
	if (j->state == OVER || j->answer != ANSWER_OK)
		a = j->answer;
	else
		a = ANSWER_WAIT;
	pthread_mutex_unlock(&j->lock);
	return a;
}

const char *
sealing_id(const struct sealing *j)
{
	return j->ticket.id;
}

uint64_t
sealing_size(const struct sealing *j)
{
	return j->ticket.size;
}

int
sealing_withdraw(struct sealing *j, struct error *error_r)
{
	struct spool_name n = {.size = j->ticket.size};
	char name[SPOOL_NAME_MAX];

	strcpy(n.id, j->ticket.id);
	spool_name_write(&n, name);
	dsn_keep_remove(j->sealer, j->ticket.id);
	return spool_remove(sealer_new_dir(j->sealer), name, error_r);
}

void
sealing_free(struct sealing **job)
{
	struct sealing *j = *job;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->abandoned = true;
	pthread_mutex_unlock(&j->lock);
	bpipe_abort(j->pipe);
	pgpmime_free(&j->inner);
	unref(j);
	*job = NULL;
}

unsigned
sealing_copies(unsigned wished, uint64_t size)
{
	unsigned copies = wished;

	if (size > 1024 * 1024 && copies > 2)
		copies = 2;
	if (copies < 1)
		copies = 1;
	return copies > 8 ? 8 : copies;
}
