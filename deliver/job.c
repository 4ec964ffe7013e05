/* SPDX-License-Identifier: MIT */
/*
 * job - one bundle's delivery from its descriptor to its outcome. See
 * job.h.
 *
 * A step returns STEP_ON, or STEP_END once the outcome is set. Whatever
 * happens, what the ledger says on disk is at least as pessimistic as the
 * truth: `injecting` is committed before Postfix hears of the mail, and a
 * copy is in refused/ or quarantine/ before the ledger says so.
 *
 * SECURITY: trouble of our own (no engine, no socket, a full disk) is
 * `retry`, whatever the bundle says; only what the bytes themselves show
 * puts a bundle aside.
 */
#include "deliver/job_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver/check.h"
#include "deliver/keep.h"
#include "deliver/showq.h"
#include "util/fault.h"
#include "util/log.h"

#define ARRIVAL_SECONDS 3 /* from Postfix to the mailbox, most times */
/* Longer, and the store is down: then for so long, and here so far. */
#define QUEUE_SECONDS 3600
#define QUEUE_HERE_SECONDS 15

enum step { STEP_ON, STEP_END };

static enum step __attribute__((format(printf, 3, 4)))
job_end(struct delivery *d, enum outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->job->text, sizeof(d->job->text), fmt, ap);
	va_end(ap);
	d->job->outcome = outcome;
	return STEP_END;
}

static int64_t
job_now(void)
{
	return (int64_t)time(NULL);
}

/* The ledger could not be written: whatever was reached, again later. */
static enum step
job_ledger_failed(struct delivery *d)
{
	return job_end(d, OUTCOME_RETRY, "delivery.db can't be written");
}

/* ---- before it is opened ---- */

static enum step
job_check(struct delivery *d)
{
	int rc;

	d->net = network_current(d->home->networks, &d->error);
	if (d->net == NULL)
		return job_end(d, OUTCOME_RETRY, "%s", d->error.text);
	rc =
	    check_bundle(d->job->fd, d->net, d->job->id, &d->ticket, &d->error);
	if (rc == AG_EIO || rc == AG_ENOMEM)
		return job_end(d, OUTCOME_RETRY, "%s", d->error.text);
	if (rc < 0)
		return job_end(d, OUTCOME_INVALID, "%s", d->error.text);
	return STEP_ON;
}

/* A copy aside, then the ledger. rs as in ledger_end(). */
static enum step
job_put_aside(struct delivery *d, enum ledger_state state, const char *dir,
    const char *reason, const struct rcpts *rs)
{
	int rc;

	rc = keep_bundle(d->job->fd, &d->ticket, d->home->tmp, dir, &d->error);
	if (rc < 0) {
		ledger_end(d->home->ledger, d->ticket.id, LEDGER_RETRY,
		    d->error.text, rs, job_now());
		return job_end(d, OUTCOME_RETRY, "%s", d->error.text);
	}
	if (ledger_end(d->home->ledger, d->ticket.id, state, reason, rs,
		job_now()) < 0)
		return job_ledger_failed(d);
	return job_end(d,
	    state == LEDGER_REFUSED ? OUTCOME_REFUSED : OUTCOME_QUARANTINED,
	    "%s", reason);
}

static enum step
job_quarantine(struct delivery *d, const char *reason)
{
	return job_put_aside(
	    d, LEDGER_QUARANTINED, d->home->quarantine, reason, NULL);
}

/* SPEC N-11.4: what this node signed for, and the ledger doesn't know, is
 * from before the ledger was lost or an older one was put back. It was
 * delivered then, or was waiting: neither again nor lost. */
static enum step
job_know(struct delivery *d)
{
	int known;

	if (!d->job->receipted)
		return STEP_ON;
	known = ledger_is_durable(d->home->ledger, d->ticket.id);
	if (known < 0)
		return job_ledger_failed(d);
	if (known == 1)
		return STEP_ON;
	return job_put_aside(d, LEDGER_REFUSED, d->home->refused,
	    "received before delivery.db was lost or restored; agamid queue "
	    "again delivers it, if it is missing",
	    NULL);
}

/*
 * An attempt of a moment ago ended without Postfix's answer: the mail may
 * be on its way to the mailbox. Of two that arrive at once Dovecot's test
 * for duplicates sees neither: the first one is let in first (SPEC N-10.8).
 */
static enum step
job_let_arrive(struct delivery *d)
{
	int64_t since = ledger_injecting_since(d->home->ledger, d->ticket.id);
	int64_t now = job_now();

	if (since <= 0 || now < since || now - since > ARRIVAL_SECONDS)
		return STEP_ON;
	d->job->wait_ms = (ARRIVAL_SECONDS + 1 - (now - since)) * 1000;
	return job_end(d, OUTCOME_RETRY, "it may be on its way already");
}

static enum step
job_begin(struct delivery *d)
{
	enum ledger_answer answer;

	if (ledger_begin(d->home->ledger, &d->ticket, d->job->again, job_now(),
		&answer) < 0)
		return job_ledger_failed(d);
	switch (answer) {
	case LEDGER_GO:
		return job_let_arrive(d) == STEP_ON ? job_know(d) : STEP_END;
	case LEDGER_DUPLICATE:
		return job_end(d, OUTCOME_DUPLICATE, "was here before");
	case LEDGER_BUSY:
		return job_end(d, OUTCOME_RETRY,
		    "another bundle of this nonce is being opened");
	case LEDGER_POISON:
		break;
	}
	return job_quarantine(d, "opening it ended the program");
}

/* ---- opening ---- */

/* Nothing is known yet, and it is not the bundle's fault. */
static enum step
job_pause(struct delivery *d)
{
	ledger_pause(d->home->ledger, d->ticket.id);
	return job_end(d, OUTCOME_RETRY, "%s", d->error.text);
}

/* A new file has another inode or time. */
static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* With the keys that are there now: a rotation adds a subkey. */
int
worker_engine(struct worker *w, struct error *error_r)
{
	const struct home *h = w->home;
	struct stat now;

	if (stat(h->openpgp, &now) < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't look at %s", h->openpgp);
	if (w->pgp != NULL && is_same_file(&now, &w->key))
		return 0;
	openpgp_free(&w->pgp);
	w->key = now;
	return openpgp_new_secrets(h->conf->openpgp, h->openpgp, h->recovery,
	    h->scratch, &w->pgp, error_r);
}

static int
job_open_once(struct delivery *d)
{
	int rc;

	rc = worker_engine(d->worker, &d->error);
	if (rc < 0)
		return AG_EAGAIN;
	return open_check(d->worker->pgp, d->job->fd, &d->ticket,
	    network_self(d->net), &d->opened, &d->error);
}

static int
job_make_rcpts(struct delivery *d)
{
	const struct bsmtp_envelope *e = &d->opened.envelope;
	struct rcpt *r;
	size_t i;

	d->rcpts.rcpt = calloc(e->rcpt_count, sizeof(*d->rcpts.rcpt));
	if (d->rcpts.rcpt == NULL)
		return error_set(&d->error, AG_ENOMEM, "no memory");
	d->rcpts.count = e->rcpt_count;
	for (i = 0; i < e->rcpt_count; i++) {
		r = &d->rcpts.rcpt[i];
		r->path = e->rcpt[i].path;
		r->has_content = d->opened.message_id;
		content_key(
		    e->mail.path, r->path, d->opened.content, r->content);
	}
	if (ledger_recall(
		d->home->ledger, d->ticket.id, d->job->again, &d->rcpts) < 0)
		return error_set(
		    &d->error, AG_EIO, "delivery.db doesn't fit the bundle");
	return 0;
}

/* SPEC N-10.13: the engine failed, and did not say why: gpg can die of a
 * bundle before it has told. */
static enum step
job_unopened(struct delivery *d)
{
	int rc = 0;

	if (!d->job->again)
		rc = ledger_unopened(d->home->ledger, d->ticket.id, job_now());
	if (rc < 0)
		return job_ledger_failed(d);
	return rc == 1 ? job_quarantine(d, d->error.text) : job_pause(d);
}

/* The engine may be what failed: once more with a new one. */
static int
job_open_twice(struct delivery *d)
{
	int rc;

	if (fault_point("deliver.open"))
		return error_set(&d->error, AG_EIO, "fault point");
	rc = job_open_once(d);
	if (rc == AG_ECRYPTO || rc == AG_EIO) {
		openpgp_free(&d->worker->pgp);
		rc = job_open_once(d);
	}
	return rc;
}

static enum step
job_open(struct delivery *d)
{
	int rc = job_open_twice(d);

	if (rc == AG_EPERM) {
		ledger_forget(d->home->ledger, d->ticket.id);
		return job_end(d, OUTCOME_INVALID, "%s", d->error.text);
	}
	if (rc == AG_EIO)
		return job_unopened(d);
	if (rc == AG_ENOMEM || rc == AG_EAGAIN)
		return job_pause(d);
	if (rc < 0)
		return job_quarantine(d, d->error.text);
	d->is_open = true;
	if (job_make_rcpts(d) < 0)
		return job_pause(d);
	return STEP_ON;
}

/* ---- a test mail ---- */

/* SPEC N-19.5: it has come all the way, and ends here. */
static enum step
job_drill(struct delivery *d)
{
	const char *value = d->opened.drill;
	char reason[LEDGER_REPLY_MAX];

	if (value[0] == '\0' ||
	    !drill_check(
		d->home->secrets->node, value, d->ticket.acceptor, job_now()))
		return STEP_ON;
	snprintf(
	    reason, sizeof(reason), LEDGER_DRILL "%s", strrchr(value, ' ') + 1);
	if (ledger_end(d->home->ledger, d->ticket.id, LEDGER_DONE, reason,
		&d->rcpts, job_now()) < 0)
		return job_ledger_failed(d);
	return job_end(d, OUTCOME_DONE, "a drill");
}

/* ---- into Postfix ---- */

static size_t
job_count(const struct delivery *d, enum rcpt_state state)
{
	size_t i, n = 0;

	for (i = 0; i < d->rcpts.count; i++)
		n += d->rcpts.rcpt[i].state == state ? 1 : 0;
	return n;
}

/*
 * The mail store may take longer. What an earlier attempt gave to Postfix
 * stands in its queue then, as from this sender, of between that attempt
 * and its end: this process's start, if it was a death.
 */
static enum step
job_look_into_queue(struct delivery *d)
{
	int64_t since = ledger_injecting_since(d->home->ledger, d->ticket.id);
	int64_t now = job_now(), end = d->home->started;

	if (since <= 0 || now < since || now - since > QUEUE_SECONDS ||
	    d->home->maildir != NULL)
		return STEP_ON;
	if (showq_holds(d->home->showq, d->opened.envelope.mail.path, since - 1,
		end >= since ? end : now) != 1)
		return STEP_ON;
	if (now - since < QUEUE_HERE_SECONDS)
		d->job->wait_ms = 1000;
	error_set(&d->error, AG_EAGAIN, "Postfix may have it in its queue");
	log_info("waiting id=%s error=\"%s\"", d->ticket.id, d->error.text);
	return job_pause(d);
}

static enum step
job_inject(struct delivery *d)
{
	bool sent = false;
	int rc;

	if (job_count(d, RCPT_WAITING) == 0)
		return STEP_ON;
	if (job_look_into_queue(d) == STEP_END)
		return STEP_END;
	rc = ledger_injecting(
	    d->home->ledger, d->ticket.id, &d->rcpts, job_now());
	if (rc == AG_EAGAIN)
		snprintf(d->error.text, sizeof(d->error.text),
		    "the same mail is on its way in another bundle");
	else if (rc < 0)
		return job_ledger_failed(d);
	if (rc == 0 && job_count(d, RCPT_WAITING) > 0)
		rc = job_hand(d, &sent);
	if (rc < 0 && sent)
		return job_pause(d); /* stays `injecting` */
	if (rc < 0 && d->job->postfix != POSTFIX_AWAY)
		log_info(
		    "waiting id=%s error=\"%s\"", d->ticket.id, d->error.text);
	return STEP_ON;
}

/* ---- the end ---- */

static void
job_log_rcpts(const struct delivery *d)
{
	const struct rcpt *r;
	size_t i;

	for (i = 0; i < d->rcpts.count; i++) {
		r = &d->rcpts.rcpt[i];
		if (r->state == RCPT_REFUSED)
			log_warn("refused id=%s rcpt=%s reply=\"%s\"",
			    d->ticket.id, r->path, r->reply);
		else if (r->state == RCPT_WAITING && r->reply[0] != '\0')
			log_info("waiting id=%s rcpt=%s reply=\"%s\"",
			    d->ticket.id, r->path, r->reply);
		else if (r->state == RCPT_EQUAL)
			log_info("equal id=%s rcpt=%s", d->ticket.id, r->path);
	}
}

/* Why the first recipient in this state is; or the last error. */
static void
job_reason(
    const struct delivery *d, enum rcpt_state state, struct error *reason_r)
{
	bool session = state == RCPT_WAITING && d->job->postfix == POSTFIX_AWAY;
	const struct rcpt *r;
	size_t i;

	for (i = 0; !session && i < d->rcpts.count; i++) {
		r = &d->rcpts.rcpt[i];
		if (r->state != state || r->reply[0] == '\0')
			continue;
		error_set(reason_r, 0, "%zu of %zu recipients: %s %s",
		    job_count(d, state), d->rcpts.count, r->path, r->reply);
		return;
	}
	*reason_r = d->error;
}

static enum step
job_retry(struct delivery *d)
{
	struct error reason;
	enum step step;

	job_reason(d, RCPT_WAITING, &reason);
	if (d->job->again) {
		/* Nobody but the operator will ask again: it stays aside. */
		step = job_put_aside(d, LEDGER_REFUSED, d->home->refused,
		    reason.text, &d->rcpts);
		d->job->outcome = OUTCOME_RETRY;
		return step;
	}
	if (ledger_end(d->home->ledger, d->ticket.id, LEDGER_RETRY, reason.text,
		&d->rcpts, job_now()) < 0)
		return job_ledger_failed(d);
	return job_end(d, OUTCOME_RETRY, "%s", reason.text);
}

static enum step
job_done(struct delivery *d)
{
	if (ledger_end(d->home->ledger, d->ticket.id, LEDGER_DONE, "",
		&d->rcpts, job_now()) < 0)
		return job_ledger_failed(d);
	return job_end(d, OUTCOME_DONE, "-");
}

static enum step
job_conclude(struct delivery *d)
{
	struct error reason;

	job_log_rcpts(d);
	if (job_count(d, RCPT_WAITING) > 0)
		return job_retry(d);
	if (job_count(d, RCPT_REFUSED) == 0)
		return job_done(d);
	job_reason(d, RCPT_REFUSED, &reason);
	return job_put_aside(
	    d, LEDGER_REFUSED, d->home->refused, reason.text, &d->rcpts);
}

/* Copies that were kept and are needed no more. */
static void
job_tidy(struct delivery *d)
{
	enum outcome outcome = d->job->outcome;
	struct error error;
	int rc = 0;

	if (!d->job->again)
		return;
	if (outcome == OUTCOME_DONE || outcome == OUTCOME_REFUSED)
		rc = keep_remove(&d->ticket, d->home->quarantine, &error);
	if (rc == 0 && outcome == OUTCOME_DONE)
		rc = keep_remove(&d->ticket, d->home->refused, &error);
	if (rc < 0)
		log_warn("copy not removed id=%s error=\"%s\"", d->ticket.id,
		    error.text);
}

static void
job_log(const struct delivery *d)
{
	const struct job *j = d->job;
	const char *peer = d->ticket.acceptor;

	switch (j->outcome) {
	case OUTCOME_DONE:
		log_info("delivered id=%s peer=%s size=%llu rcpt=%zu", j->id,
		    peer, (unsigned long long)d->ticket.size, d->rcpts.count);
		break;
	case OUTCOME_DUPLICATE:
		log_info("duplicate id=%s peer=%s", j->id, peer);
		break;
	case OUTCOME_RETRY: /* server.c, if that is what it stays */
		break;
	case OUTCOME_REFUSED:
		log_warn(
		    "refused id=%s peer=%s error=\"%s\"", j->id, peer, j->text);
		break;
	case OUTCOME_QUARANTINED:
		log_warn("quarantined id=%s peer=%s error=\"%s\"", j->id, peer,
		    j->text);
		break;
	case OUTCOME_INVALID:
		log_warn("invalid id=%s error=\"%s\"", j->id, j->text);
		break;
	}
}

void
job_run(struct worker *w, struct job *j)
{
	struct delivery d = {.home = w->home, .worker = w, .job = j};

	j->outcome = OUTCOME_RETRY;
	j->postfix = POSTFIX_NOT_ASKED;
	j->wait_ms = 0;
	if (job_check(&d) == STEP_ON && job_begin(&d) == STEP_ON &&
	    job_open(&d) == STEP_ON && job_drill(&d) == STEP_ON &&
	    job_inject(&d) == STEP_ON)
		job_conclude(&d);
	job_tidy(&d);
	job_log(&d);
	if (d.is_open)
		opened_free(&d.opened);
	free(d.rcpts.rcpt);
	network_unref(&d.net);
}

void
worker_end(struct worker *w)
{
	openpgp_free(&w->pgp);
}
