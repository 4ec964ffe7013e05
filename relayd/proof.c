/* SPDX-License-Identifier: MIT */
/*
 * proof - possession asked for and proven. See proof.h.
 *
 * One job at a time is hashed: an answer of ours, or the check of one of
 * theirs. A peer that failed is asked for another at once, so that it is
 * soon known how much is missing.
 *
 * SECURITY: what a peer can ask for costs reading; so it may have few
 * questions open, and gets answers about what it may hold itself only.
 */
#include "relayd/proof.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "util/log.h"
#include "util/text.h"
#include "mail/spool.h"
#include "relayd/census.h"
#include "relayd/client.h"
#include "relayd/intake.h"
#include "relayd/repair.h"
#include "relayd/state_repair.h"

#define EVERY_MS 600000 /* between two questions to one peer */
#define AFTER_FAILURE_MS 10000
#define FIRST_MS 1000 /* in a session: when the census has begun */
#define ANSWER_MS 300000 /* within which the answer must come */
#define JOBS_MAX 4 /* of one session */
#define PIECE 262144 /* bytes read in one turn */
#define LOOK_MS 5000
#define DODGED_MAX 3 /* questions that sessions ended before */
#define STATES 3 /* of copies that are asked for */
#define LOOKS_MAX 256 /* copies looked at, to find one to ask for */
#define MINUTE_MS 60000

/* A bundle that is being hashed. */
struct job {
	TAILQ_ENTRY(job) next;
	uint64_t link;
	char id[BUNDLE_ID_LEN + 1];
	char claimed[PROTO_PROOF_LEN + 1]; /* to be checked; "": to be said */
	int fd;
	crypto_hash_sha256_state hash;
};

/* A question that waits for its answer. */
struct question {
	TAILQ_ENTRY(question) next;
	uint64_t link;
	char id[BUNDLE_ID_LEN + 1];
	char nonce[PROTO_NONCE_LEN + 1];
	int64_t deadline;
};

struct proofs {
	struct relayd *r;
	TAILQ_HEAD(, job) jobs;
	TAILQ_HEAD(, question) questions;
	struct event *work, *timer;
	int64_t due; /* ms: when the timer is set to */
};

static void
work_soon(struct proofs *x)
{
	static const struct timeval now = {0, 0};

	if (!TAILQ_EMPTY(&x->jobs) && !evtimer_pending(x->work, NULL))
		evtimer_add(x->work, &now);
}

/* Look at that time, or before it: the timer's clock stops while the
 * machine sleeps. */
static void
look_at(struct proofs *x, int64_t at)
{
	int64_t now = relayd_clock(), wait = at > now ? at - now : 0;
	struct timeval tv;

	if (evtimer_pending(x->timer, NULL) && x->due >= now && x->due <= at)
		return;
	if (wait > LOOK_MS)
		wait = LOOK_MS;
	x->due = now + wait;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(x->timer, &tv);
}

/* Hashing ----------------------------------------------------------------- */

static void
job_free(struct proofs *x, struct job *j)
{
	TAILQ_REMOVE(&x->jobs, j, next);
	close(j->fd);
	free(j);
}

/* Hash the nonce and then the ciphertext of a held bundle. False if that
 * can't be begun. */
static bool
job_begin(struct link *ln, const struct held *h, const char *id,
    const char *nonce, const char *claimed)
{
	struct proofs *x = ln->r->proofs;
	struct job *j = calloc(1, sizeof(*j));
	uint8_t bytes[PROOF_NONCE] = {0};
	struct error error = {""};

	if (j == NULL)
		return false;
	j->fd = store_open(ln->r->store, h, &error);
	if (j->fd < 0 || lseek(j->fd, SPOOL_HEAD, SEEK_SET) < 0 ||
	    text_unhex(nonce, bytes, sizeof(bytes)) < 0) {
		if (j->fd >= 0)
			close(j->fd);
		free(j);
		return false;
	}
	j->link = ln->number;
	memcpy(j->id, id, sizeof(j->id));
	memcpy(j->claimed, claimed, strlen(claimed) + 1);
	crypto_hash_sha256_init(&j->hash);
	crypto_hash_sha256_update(&j->hash, bytes, sizeof(bytes));
	TAILQ_INSERT_TAIL(&x->jobs, j, next);
	work_soon(x);
	return true;
}

static void
answer(struct link *ln, const char *id, const char *proof)
{
	struct proto_msg m = {.verb = PROTO_PROOF};

	memcpy(m.id, id, sizeof(m.id));
	memcpy(m.proof, proof, sizeof(m.proof));
	link_send(ln, &m, -1);
}

/* It proved one, or failed: when it is asked for another. That it can't
 * prove this one may have been known. */
static void
judge(struct link *ln, const char *id, bool proven)
{
	struct peer *p = ln->peer;
	bool is_news = state_copy(ln->r->state, id, p->name) != COPY_UNPROVEN;

	p->prove_at =
	    relayd_clock() + (proven || !is_news ? EVERY_MS : AFTER_FAILURE_MS);
	if (proven)
		repair_proven(ln->r, id, p);
	else
		repair_unproven(ln->r, id, p);
	look_at(ln->r->proofs, p->prove_at);
}

static void
job_done(struct proofs *x, struct job *j)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[PROTO_PROOF_LEN + 1];
	struct link *ln = broker_find(x->r->broker, j->link);

	crypto_hash_sha256_final(&j->hash, hash);
	text_hex(hash, sizeof(hash), text);
	if (ln != NULL && j->claimed[0] == '\0')
		answer(ln, j->id, text);
	else if (ln != NULL)
		judge(ln, j->id, strcmp(text, j->claimed) == 0);
	job_free(x, j);
}

static void
on_work(evutil_socket_t fd, short what, void *ctx)
{
	static uint8_t piece[PIECE];
	struct proofs *x = ctx;
	struct job *j = TAILQ_FIRST(&x->jobs);
	ssize_t n;

	(void)fd;
	(void)what;
	if (j == NULL)
		return;
	n = read(j->fd, piece, sizeof(piece));
	if (n > 0)
		crypto_hash_sha256_update(&j->hash, piece, (size_t)n);
	else if (n == 0)
		job_done(x, j);
	else
		job_free(x, j); /* ours can't be read: nobody is blamed */
	work_soon(x);
}

/* Being asked --------------------------------------------------------------- */

static unsigned
jobs_of(const struct proofs *x, const struct link *ln)
{
	const struct job *j;
	unsigned n = 0;

	TAILQ_FOREACH (j, &x->jobs, next)
		n += j->link == ln->number;
	return n;
}

/* Its home knows of it anyway. */
static bool
may_know(struct relayd *r, const struct peer *p, const struct held *h)
{
	return h->home == p->number ||
	    census_may_hold(r, p->name, store_home(r->store, h)->name);
}

void
proof_asked(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	struct held *h = store_find(r->store, m->id);

	if (intake_answer_delivered(ln, m->id))
		return;
	if (jobs_of(r->proofs, ln) >= JOBS_MAX) {
		link_end(ln, "too many questions");
		return;
	}
	/* SPEC: to others it is not told whether it is here. */
	if (h == NULL || (h->flags & INDEX_GONE) != 0 ||
	    !may_know(r, ln->peer, h) || !job_begin(ln, h, m->id, m->nonce, ""))
		link_send_id(ln, PROTO_LACK, m->id);
}

/* Asking -------------------------------------------------------------------- */

static void
question_free(struct proofs *x, struct question *q)
{
	TAILQ_REMOVE(&x->questions, q, next);
	free(q);
}

static struct question *
question_of(const struct proofs *x, const struct link *ln)
{
	struct question *q;

	TAILQ_FOREACH (q, &x->questions, next) {
		if (q->link == ln->number)
			return q;
	}
	return NULL;
}

void
proof_answered(struct link *ln, const struct proto_msg *m)
{
	struct proofs *x = ln->r->proofs;
	struct question *q = question_of(x, ln);
	struct held *h = store_find(ln->r->store, m->id);
	char nonce[PROTO_NONCE_LEN + 1];

	if (q == NULL || strcmp(q->id, m->id) != 0)
		return; /* not asked for */
	memcpy(nonce, q->nonce, sizeof(nonce));
	question_free(x, q);
	ln->peer->dodged = 0;
	ln->peer->prove_at = relayd_clock() + EVERY_MS;
	if (h == NULL || (h->flags & INDEX_GONE) != 0)
		return; /* it went home meanwhile */
	if (m->verb == PROTO_LACK)
		judge(ln, m->id, false);
	else if (m->verb == PROTO_PROOF)
		(void)job_begin(ln, h, m->id, nonce, m->proof);
}

/* Own mail is at home: nobody need prove that he has it as well. */
static bool
is_to_be_proven(struct relayd *r, const struct peer *p, const struct held *h)
{
	return (h->flags & INDEX_GONE) == 0 && h->home != r->self->number &&
	    census_may_hold(r, p->name, store_home(r->store, h)->name);
}

/* The first that may be asked for of those behind this ID. */
static bool
find_from(struct relayd *r, const struct peer *p, enum copy_state state,
    char id[BUNDLE_ID_LEN + 1])
{
	const struct held *h;
	unsigned i;

	for (i = 0; i < LOOKS_MAX &&
	     state_copy_next(r->state, p->name, state, id, id) == 1;
	     i++) {
		h = store_find(r->store, id);
		if (h != NULL && is_to_be_proven(r, p, h))
			return true;
	}
	return false;
}

/* One of the bundles here of which this peer said that it has them; now and
 * then one that it could not prove, for it may have been slow. */
static bool
choose(struct relayd *r, const struct peer *p, char id_r[BUNDLE_ID_LEN + 1])
{
	static const enum copy_state states[] = {
	    COPY_HAS, COPY_BROUGHT, COPY_UNPROVEN};
	unsigned first = randombytes_uniform(STATES), i;
	uint8_t bytes[BUNDLE_ID_LEN / 2];

	randombytes_buf(bytes, sizeof(bytes));
	for (i = 0; i < STATES; i++) {
		text_hex(bytes, sizeof(bytes), id_r);
		if (find_from(r, p, states[(first + i) % STATES], id_r))
			return true;
		id_r[0] = '\0';
		if (find_from(r, p, states[(first + i) % STATES], id_r))
			return true;
	}
	return false;
}

static void
ask(struct proofs *x, struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_PROVE};
	uint8_t nonce[PROOF_NONCE];
	struct question *q;

	ln->peer->prove_at = relayd_clock() + EVERY_MS;
	if (!choose(x->r, ln->peer, m.id))
		return;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return;
	randombytes_buf(nonce, sizeof(nonce));
	text_hex(nonce, sizeof(nonce), m.nonce);
	memcpy(q->nonce, m.nonce, sizeof(q->nonce));
	memcpy(q->id, m.id, sizeof(q->id));
	q->link = ln->number;
	q->deadline = relayd_clock() + ANSWER_MS;
	TAILQ_INSERT_TAIL(&x->questions, q, next);
	link_send(ln, &m, -1);
}

/* SPEC: who does not answer can't prove it; unless it is this node
 * that slept. */
static void
give_up(struct proofs *x, struct link *ln, struct question *q, int64_t now)
{
	bool slept = now - q->deadline > MINUTE_MS;
	char id[BUNDLE_ID_LEN + 1];

	memcpy(id, q->id, sizeof(id));
	question_free(x, q);
	if (!slept)
		judge(ln, id, false);
}

/* Is it the session in which this peer is asked? */
static bool
is_asked_in(const struct link *ln)
{
	return ln->up && !ln->leaving && ln->version >= 3 &&
	    broker_best(ln->r->broker, ln->peer) == ln;
}

/* Ask, or give up waiting, if it is time; when it will be again. */
static int64_t
look_at_link(struct proofs *x, struct link *ln)
{
	struct question *q = question_of(x, ln);
	int64_t now = relayd_clock();

	if (q != NULL && now >= q->deadline)
		give_up(x, ln, q, now);
	else if (q == NULL && now >= ln->peer->prove_at)
		ask(x, ln);
	q = question_of(x, ln);
	return q != NULL ? q->deadline : ln->peer->prove_at;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct proofs *x = ctx;
	struct link *ln = NULL;

	(void)fd;
	(void)what;
	while ((ln = broker_next(x->r->broker, ln)) != NULL) {
		if (is_asked_in(ln))
			look_at(x, look_at_link(x, ln));
	}
}

void
proof_link_up(struct link *ln)
{
	int64_t first = relayd_clock() + FIRST_MS;

	if (ln->version < 3)
		return;
	if (ln->peer->prove_at < first)
		ln->peer->prove_at = first;
	look_at(ln->r->proofs, ln->peer->prove_at);
}

/* It is asked again as soon as it comes. That a session breaks proves
 * nothing; but who ends one after the other has no answer (SPEC ). */
void
proof_link_gone(struct link *ln)
{
	struct question *q = question_of(ln->r->proofs, ln);
	char id[BUNDLE_ID_LEN + 1];
	struct peer *p = ln->peer;

	if (q == NULL)
		return;
	memcpy(id, q->id, sizeof(id));
	question_free(ln->r->proofs, q);
	p->prove_at = relayd_clock() + FIRST_MS;
	look_at(ln->r->proofs, p->prove_at);
	if (ln->leaving || broker_best(ln->r->broker, p) != NULL)
		return; /* this node ended it, or it is there in another */
	if (++p->dodged < DODGED_MAX)
		return;
	p->dodged = 0;
	repair_unproven(ln->r, id, p);
}

/* Start and end --------------------------------------------------------------- */

int
proofs_new(struct relayd *r, struct proofs **x_r, struct error *error_r)
{
	struct proofs *x = xcalloc(1, sizeof(*x));

	*x_r = NULL;
	x->r = r;
	TAILQ_INIT(&x->jobs);
	TAILQ_INIT(&x->questions);
	x->work = evtimer_new(r->base, on_work, x);
	x->timer = evtimer_new(r->base, on_timer, x);
	*x_r = x;
	if (x->work == NULL || x->timer == NULL)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	return 0;
}

void
proofs_free(struct proofs **xp)
{
	struct proofs *x = *xp;
	struct question *q;
	struct job *j;

	if (x == NULL)
		return;
	while ((j = TAILQ_FIRST(&x->jobs)) != NULL)
		job_free(x, j);
	while ((q = TAILQ_FIRST(&x->questions)) != NULL)
		question_free(x, q);
	if (x->work != NULL)
		event_free(x->work);
	if (x->timer != NULL)
		event_free(x->timer);
	free(x);
	*xp = NULL;
}
