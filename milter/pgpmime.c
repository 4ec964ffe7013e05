/* SPDX-License-Identifier: MIT */
/*
 * pgpmime - the inner seal; see pgpmime.h.
 *
 * SECURITY: what the engine is given is in a bounded pipe in memory; the
 * start of the message is held until its date is known, and wiped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mail/date.h"
#include "mail/sealed.h"
#include "milter/pgpmime.h"
#include "milter/received.h"
#include "util/bpipe.h"
#include "util/log.h"

#define STACK_SIZE (1024 * 1024)
#define PIPE_SIZE (256 * 1024)
#define HEAD_MAX 65536 /* held back, looking for the date */
#define DATE_MAX 100
#define GRACE_MS 15000

struct pgpmime {
	struct sealer *sealer;
	struct network *net;
	char fpr[OPENPGP_FPR_LEN + 1];
	char name[64];
	const char *mark;
	int64_t now;
	struct pgpmime_output out;
	struct bpipe *pipe;
	struct timespec deadline;
	/* The caller's. */
	struct buf head;
	bool started; /* the engine's thread */
	bool cr; /* that thread's: the last byte written was a CR */

	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	unsigned refs;
	bool over;
	enum answer answer;
};

/* ---- the wrapper's text ---- */

static bool
is_date(const char *value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (value[i] < 0x20 || value[i] > 0x7e)
			return false;
	return len > 0;
}

int
pgpmime_find_date(const char *head, size_t len, char *date, size_t size)
{
	struct cursor c;
	const char *line;
	size_t n;

	cursor_init(&c, head, len);
	while (cursor_line(&c, &line, &n)) {
		if (n > 0 && line[n - 1] == '\r')
			n--;
		if (n == 0)
			return AG_ENOENT; /* the end of the header */
		if (n <= 5 || strncasecmp(line, "Date:", 5) != 0)
			continue;
		for (line += 5, n -= 5; n > 0 && *line == ' '; n--)
			line++;
		if (n >= size || !is_date(line, n))
			return AG_ENOENT;
		memcpy(date, line, n);
		date[n] = '\0';
		return AG_OK;
	}
	return AG_EAGAIN;
}

int
pgpmime_write_head(const char *host, const char *date, const char *name,
    const char *mark, struct buf *out)
{
	return buf_printf(out,
	    "Date: %s\r\n"
	    "From: Sealed mail <postmaster@%s>\r\n"
	    "Subject: Sealed mail\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "%s%s%s"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/encrypted;\r\n"
	    "\tprotocol=\"application/pgp-encrypted\";\r\n"
	    "\tboundary=\"agamid-%s\"\r\n"
	    "\r\n"
	    "This is an OpenPGP/MIME encrypted message (RFC 3156).\r\n"
	    "--agamid-%s\r\n"
	    "Content-Type: application/pgp-encrypted\r\n"
	    "\r\n"
	    "Version: 1\r\n"
	    "\r\n"
	    "--agamid-%s\r\n"
	    "Content-Type: application/octet-stream; name=\"sealed.asc\"\r\n"
	    "Content-Disposition: inline; filename=\"sealed.asc\"\r\n"
	    "\r\n",
	    date, host, name, host, mark != NULL ? SEALED_FIELD ": " : "",
	    mark != NULL ? mark : "", mark != NULL ? "\r\n" : "", name, name,
	    name);
}

int
pgpmime_write_tail(const char *name, struct buf *out)
{
	return buf_printf(out, "\r\n--agamid-%s--\r\n", name);
}

/* ---- shared by both threads ---- */

static void
unref(struct pgpmime *p)
{
	unsigned refs;

	pthread_mutex_lock(&p->lock);
	refs = --p->refs;
	pthread_mutex_unlock(&p->lock);
	if (refs > 0)
		return;
	p->out.release(p->out.ctx);
	bpipe_free(&p->pipe);
	buf_wipe(&p->head);
	network_unref(&p->net);
	pthread_cond_destroy(&p->over_cond);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static enum answer
fail(struct pgpmime *p, enum answer a)
{
	pthread_mutex_lock(&p->lock);
	if (p->answer == ANSWER_OK)
		p->answer = a;
	a = p->answer;
	pthread_mutex_unlock(&p->lock);
	bpipe_abort(p->pipe);
	return a;
}

/* ---- the engine's thread ---- */

static ssize_t
source_read(void *ctx, void *data, size_t len)
{
	struct pgpmime *p = ctx;
	ssize_t n = bpipe_pull(p->pipe, data, len);

	if (n == AG_EAGAIN)
		fail(p, ANSWER_LATE);
	return n;
}

/* Armor with CRLF at its lines' ends: GnuPG writes bare LF. */
static int
sink_write(void *ctx, const void *data, size_t len)
{
	struct pgpmime *p = ctx;
	enum answer a = ANSWER_OK;
	struct cursor c;
	const char *line;
	size_t n;

	cursor_init(&c, data, len);
	while (a == ANSWER_OK && cursor_line(&c, &line, &n)) {
		if (n > 0 ? line[n - 1] == '\r' : p->cr)
			a = p->out.write(p->out.ctx, line, n + 1);
		else if ((a = p->out.write(p->out.ctx, line, n)) == ANSWER_OK)
			a = p->out.write(p->out.ctx, "\r\n", 2);
		p->cr = false;
	}
	if (a == ANSWER_OK && c.left > 0) {
		p->cr = c.p[c.left - 1] == '\r';
		a = p->out.write(p->out.ctx, c.p, c.left);
	}
	if (a == ANSWER_OK)
		return AG_OK;
	fail(p, a);
	return AG_EIO;
}

static int
seal(struct pgpmime *p, struct error *error_r)
{
	const struct openpgp_source source = {source_read, p};
	const struct openpgp_sink sink = {sink_write, p};
	struct openpgp *pgp;
	int rc;

	rc = sealer_engine_get(p->sealer, p->net, &pgp, error_r);
	if (rc != AG_OK)
		return rc;
	rc = openpgp_seal(pgp, p->fpr, NULL, true, &source, &sink, error_r);
	if (rc == AG_OK)
		sealer_engine_put(p->sealer, p->net, &pgp);
	else
		openpgp_free(&pgp);
	return rc;
}

static void *
run(void *arg)
{
	struct pgpmime *p = arg;
	struct error error = {""};
	int rc = seal(p, &error);

	pthread_mutex_lock(&p->lock);
	if (rc != AG_OK && p->answer == ANSWER_OK) {
		p->answer = rc == AG_ECRYPTO ? ANSWER_NO_KEY : ANSWER_TROUBLE;
		log_warn("sealing to a mailbox's key failed reply=%s error=%s",
		    answer_text(p->answer)->code, error.text);
	}
	p->over = true;
	pthread_cond_broadcast(&p->over_cond);
	pthread_mutex_unlock(&p->lock);
	bpipe_abort(p->pipe);
	unref(p);
	return NULL;
}

static bool
start_thread(struct pgpmime *p)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	p->refs++;
	if ((rc = pthread_create(&thread, &attr, run, p)) != 0)
		p->refs--;
	pthread_attr_destroy(&attr);
	return rc == 0;
}

/* ---- the caller's thread ---- */

struct pgpmime *
pgpmime_new(struct sealer *sealer, const struct pgpmime_request *req)
{
	struct pgpmime *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (p == NULL) {
		req->out.release(req->out.ctx);
		return NULL;
	}
	p->sealer = sealer;
	p->net = network_ref(req->net);
	strncpy(p->fpr, req->fpr, sizeof(p->fpr) - 1);
	strncpy(p->name, req->name, sizeof(p->name) - 1);
	p->mark = req->mark;
	p->now = req->now;
	p->out = req->out;
	p->refs = 1;
	clock_gettime(CLOCK_MONOTONIC, &p->deadline);
	p->deadline.tv_sec += (req->timeout_ms + GRACE_MS) / 1000;
	buf_init(&p->head, HEAD_MAX);
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->over_cond, &attr);
	pthread_condattr_destroy(&attr);
	p->pipe = bpipe_new(PIPE_SIZE, req->timeout_ms);
	if (p->pipe == NULL) {
		unref(p);
		return NULL;
	}
	return p;
}

static enum answer
push_pipe(struct pgpmime *p, const void *data, size_t len)
{
	int rc = bpipe_push(p->pipe, data, len);

	if (rc == AG_OK)
		return ANSWER_OK;
	return fail(p, rc == AG_EAGAIN ? ANSWER_LATE : ANSWER_TROUBLE);
}

static enum answer
write_buf(struct pgpmime *p, int rc, struct buf *b)
{
	enum answer a = ANSWER_TROUBLE;

	if (rc == AG_OK)
		a = p->out.write(p->out.ctx, b->data, b->len);
	buf_free(b);
	return a == ANSWER_OK ? a : fail(p, a);
}

/* The wrapper's header, then the engine, then what was held back. */
static enum answer
start(struct pgpmime *p, const char *found)
{
	char date[DATE_MAX];
	struct buf b;
	enum answer a;
	int rc = AG_OK;

	if (found != NULL)
		strcpy(date, found);
	else
		rc = mail_date(p->now, date, sizeof(date));
	buf_init(&b, 4096);
	if (rc == AG_OK)
		rc = pgpmime_write_head(
		    network_self(p->net)->host, date, p->name, p->mark, &b);
	if ((a = write_buf(p, rc, &b)) != ANSWER_OK)
		return a;
	if (!start_thread(p))
		return fail(p, ANSWER_TROUBLE);
	p->started = true;
	if (p->head.len > 0)
		a = push_pipe(p, p->head.data, p->head.len);
	buf_wipe(&p->head);
	return a;
}

enum answer
pgpmime_push(struct pgpmime *p, const void *data, size_t len)
{
	char date[DATE_MAX];
	size_t room, n;
	enum answer a;
	int rc;

	if (!p->started) {
		room = HEAD_MAX - p->head.len;
		n = len < room ? len : room;
		if (buf_put(&p->head, data, n) != AG_OK)
			return fail(p, ANSWER_TROUBLE);
		rc = pgpmime_find_date(
		    p->head.data, p->head.len, date, sizeof(date));
		if (rc == AG_EAGAIN && p->head.len < HEAD_MAX)
			return ANSWER_OK;
		if ((a = start(p, rc == AG_OK ? date : NULL)) != ANSWER_OK)
			return a;
		data = (const char *)data + n;
		len -= n;
	}
	return len > 0 ? push_pipe(p, data, len) : ANSWER_OK;
}

static enum answer
wait_for_engine(struct pgpmime *p)
{
	enum answer a;
	bool over;

	pthread_mutex_lock(&p->lock);
	while (!p->over)
		if (pthread_cond_timedwait(
			&p->over_cond, &p->lock, &p->deadline) == ETIMEDOUT)
			break;
	over = p->over;
	a = p->answer;
	pthread_mutex_unlock(&p->lock);
	return over ? a : fail(p, ANSWER_LATE);
}

enum answer
pgpmime_end(struct pgpmime *p)
{
	struct buf b;
	enum answer a;

	if (!p->started && (a = start(p, NULL)) != ANSWER_OK)
		return a;
	bpipe_finish(p->pipe);
	if ((a = wait_for_engine(p)) != ANSWER_OK)
		return a;
	buf_init(&b, 4096);
	return write_buf(p, pgpmime_write_tail(p->name, &b), &b);
}

void
pgpmime_free(struct pgpmime **pgpmime)
{
	struct pgpmime *p = *pgpmime;

	if (p == NULL)
		return;
	fail(p, ANSWER_TROUBLE); /* nobody will hear it */
	unref(p);
	*pgpmime = NULL;
}
