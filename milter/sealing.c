/* SPDX-License-Identifier: MIT */
/*
 * sealing - one mail into one bundle: what the caller does. See sealing.h;
 * the job's own thread is in sealing_job.c.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/received.h"
#include "milter/sealing_parts.h"
#include "util/clock.h"
#include "util/text.h"

#define PIPE_SIZE (256 * 1024)
#define PIECE 16384 /* of a message, stuffed at once */
#define HEAD_MAX (BUNDLE_HEAD_MAX + BSMTP_RCPT_MAX * BSMTP_LINE_MAX + 4096)
/* An engine that overstays its deadline by this much is given up. */
#define GRACE_MS 15000

static enum answer
push_plain(struct sealing *j, const void *data, size_t len)
{
	int rc;

	if (clock_ms() > j->deadline)
		return sealing_fail(j, ANSWER_LATE);
	if ((rc = bpipe_push(j->pipe, data, len)) != AG_OK)
		return sealing_fail(
		    j, rc == AG_EAGAIN ? ANSWER_LATE : ANSWER_TROUBLE);
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
			return sealing_fail(j, ANSWER_TROUBLE);
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
		a = sealing_fail(j, ANSWER_TROUBLE);
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
		return sealing_fail(j, ANSWER_TROUBLE);
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
	sealing_unref(ctx);
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
	return j->inner != NULL ? ANSWER_OK : sealing_fail(j, ANSWER_TROUBLE);
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
	j->deadline = clock_ms() + (int64_t)conf->sealing_timeout * 1000;
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
		sealing_unref(j);
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
	    sealing_start(j) != AG_OK) {
		sealing_unref(j);
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
	enum answer a = sealing_answer(j);

	if (a != ANSWER_OK)
		return a;
	if (len > j->limit - j->message)
		return sealing_fail(j, ANSWER_TOO_BIG);
	j->message += len;
	if (j->inner == NULL)
		return push_message(j, data, len);
	a = pgpmime_push(j->inner, data, len);
	return a == ANSWER_OK ? a : sealing_fail(j, a);
}

enum answer
sealing_end(struct sealing *j)
{
	static const char zeros[4096];
	enum answer a = sealing_answer(j);
	uint64_t left;
	size_t n;

	if (a != ANSWER_OK)
		return a;
	if (j->inner != NULL && (a = pgpmime_end(j->inner)) != ANSWER_OK)
		return sealing_fail(j, a);
	if (bsmtp_write_tail(&j->stuff, &j->buf) != AG_OK)
		return sealing_fail(j, ANSWER_TROUBLE);
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
	if (j->state == SEALING && clock_ms() > j->deadline + GRACE_MS) {
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
	sealing_unref(j);
	*job = NULL;
}
