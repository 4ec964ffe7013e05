/* SPDX-License-Identifier: MIT */
/*
 * sealing_job - the job's own thread: it pulls plaintext out of the pipe,
 * seals it into the spool, signs the ticket and commits. See
 * sealing_parts.h.
 */
#include <stdlib.h>

#include "milter/sealing_parts.h"
#include "util/clock.h"
#include "util/log.h"

#define STACK_SIZE (1024 * 1024)

void
sealing_unref(struct sealing *j)
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

enum answer
sealing_fail(struct sealing *j, enum answer a)
{
	pthread_mutex_lock(&j->lock);
	if (j->answer == ANSWER_OK)
		j->answer = a;
	a = j->answer;
	pthread_mutex_unlock(&j->lock);
	bpipe_abort(j->pipe);
	return a;
}

enum answer
sealing_answer(struct sealing *j)
{
	enum answer a;

	pthread_mutex_lock(&j->lock);
	a = j->answer;
	pthread_mutex_unlock(&j->lock);
	return a;
}

static ssize_t
source_read(void *ctx, void *data, size_t len)
{
	struct sealing *j = ctx;
	ssize_t n;

	if (clock_ms() > j->deadline) {
		sealing_fail(j, ANSWER_LATE);
		return AG_EAGAIN;
	}
	n = bpipe_pull(j->pipe, data, len);
	if (n == AG_EAGAIN)
		sealing_fail(j, ANSWER_LATE);
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

/* How many copies a ticket asks for, where so many are wished for. */
static unsigned
wanted_copies(unsigned wished, uint64_t size)
{
	unsigned copies = wished;

	if (size > 1024 * 1024 && copies > 2)
		copies = 2;
	if (copies < 1)
		copies = 1;
	return copies > 8 ? 8 : copies;
}

static int
commit(struct sealing *j, struct error *error_r)
{
	struct ticket *t = &j->ticket;
	int rc;

	spool_writer_id(j->writer, t->id);
	t->size = spool_writer_size(j->writer);
	t->copies = wanted_copies(network_copies(j->net, j->home), t->size);
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
	enum answer a = sealing_answer(j);

	if (rc != AG_OK && a == ANSWER_OK)
		a = sealing_fail(
		    j, rc == AG_ECRYPTO ? ANSWER_NO_KEY : ANSWER_TROUBLE);
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
	sealing_unref(j);
	return NULL;
}

int
sealing_start(struct sealing *j)
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
