/* SPDX-License-Identifier: MIT */
/*
 * intake - bundles that come. See intake.h.
 *
 * What was asked for is remembered until it is here, so that each is
 * brought by one peer; the others wait, and are asked in turn if that one
 * fails or takes too long.
 *
 * SECURITY: a file in incoming/ was written by a process that faces a
 * peer. Ticket, size and hash are checked here once more, from the file,
 * before it moves to where only this user writes.
 */
#include "relayd/intake.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/client.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"
#include "relayd/holders.h"
#include "relayd/judge.h"

#define WANTS_MAX 256 /* one peer may owe so many */
#define WAITERS_MAX 16
#define PATIENCE_MS 60000
#define SLOWEST 32768 /* bytes a second */
#define CHECK_SECONDS 5
#define RESCAN_SECONDS 2
#define CONTESTS_MAX 256
#define SPOILED_MAX 256

/* A bundle that a session was asked for. */
struct expect {
	TAILQ_ENTRY(expect) next;
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	uint8_t signature[KEYS_SIGNATURE_SIZE]; /* of the ticket */
	struct peer *home;
	uint64_t link; /* who brings it; 0: nobody any more */
	int64_t deadline;
	uint64_t waiters[WAITERS_MAX]; /* links told to wait */
	unsigned waiter_count;
};

/*
 * Somebody offers own mail under another ticket than the one that is here
 * or on its way. Two can sign for the same bytes; only opening it tells
 * who sealed it, so this offer waits for that.
 */
struct contest {
	TAILQ_ENTRY(contest) next;
	struct ticket ticket;
	uint64_t link;
};

/* A ticket that did not fit its bundle's inside. */
struct spoiled {
	char id[BUNDLE_ID_LEN + 1];
	uint8_t signature[KEYS_SIGNATURE_SIZE];
};

struct intake {
	struct relayd *r;
	TAILQ_HEAD(, contest) contests;
	unsigned contest_count;
	struct spoiled spoiled[SPOILED_MAX]; /* a ring */
	unsigned spoiled_next;
	TAILQ_HEAD(, expect) expects;
	uint64_t awaited; /* bytes */
	struct event *timer, *rescan;
};

static const char not_there[] = "it is not there";

static void contest_ask(struct intake *in, const char *id);

/* Expectations ------------------------------------------------------------ */

static struct expect *
expect_find(struct intake *in, const char *id)
{
	struct expect *e;

	TAILQ_FOREACH (e, &in->expects, next) {
		if (strcmp(e->id, id) == 0)
			return e;
	}
	return NULL;
}

static void
expect_patience(struct expect *e)
{
	e->deadline =
	    relayd_clock() + PATIENCE_MS + (int64_t)(e->size / SLOWEST) * 1000;
}

/* Ask this session for it. */
static void
expect_from(struct expect *e, struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_ACCEPT, .size = e->size};

	memcpy(m.id, e->id, sizeof(m.id));
	e->link = ln->number;
	ln->wants++;
	expect_patience(e);
	link_send(ln, &m, -1);
}

static struct expect *
expect_new(struct intake *in, struct link *ln, const struct ticket *t)
{
	struct expect *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	memcpy(e->id, t->id, sizeof(e->id));
	e->size = t->size;
	memcpy(e->signature, t->signature, sizeof(e->signature));
	e->home = peers_get(in->r->peers, t->home);
	if (e->home == NULL) {
		free(e);
		return NULL;
	}
	e->home->awaited_bytes += e->size;
	in->awaited += e->size;
	TAILQ_INSERT_TAIL(&in->expects, e, next);
	expect_from(e, ln);
	return e;
}

static void
expect_del(struct intake *in, struct expect *e)
{
	struct link *ln = broker_find(in->r->broker, e->link);

	if (ln != NULL && ln->wants > 0)
		ln->wants--;
	TAILQ_REMOVE(&in->expects, e, next);
	e->home->awaited_bytes -= e->size;
	in->awaited -= e->size;
	free(e);
}

/* Contests ------------------------------------------------------------------- */

static void
contest_del(struct intake *in, struct contest *c)
{
	TAILQ_REMOVE(&in->contests, c, next);
	in->contest_count--;
	free(c);
}

static void
contest_add(struct intake *in, const struct link *ln, const struct ticket *t)
{
	struct contest *c;

	if (in->contest_count == CONTESTS_MAX)
		contest_del(in, TAILQ_FIRST(&in->contests));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return;
	c->ticket = *t;
	c->link = ln->number;
	TAILQ_INSERT_TAIL(&in->contests, c, next);
	in->contest_count++;
}

/* What was here under this ID is not, or won't come: ask the next. */
static void
contest_ask(struct intake *in, const char *id)
{
	struct contest *c, *following;
	struct link *ln;

	for (c = TAILQ_FIRST(&in->contests); c != NULL; c = following) {
		following = TAILQ_NEXT(c, next);
		if (strcmp(c->ticket.id, id) != 0)
			continue;
		ln = broker_find(in->r->broker, c->link);
		if (ln != NULL && !ln->leaving &&
		    expect_new(in, ln, &c->ticket) != NULL)
			following = NULL;
		contest_del(in, c);
	}
}

static void
contest_drop(struct intake *in, const char *id)
{
	struct contest *c, *following;

	for (c = TAILQ_FIRST(&in->contests); c != NULL; c = following) {
		following = TAILQ_NEXT(c, next);
		if (strcmp(c->ticket.id, id) == 0)
			contest_del(in, c);
	}
}

static bool
is_spoiled(const struct intake *in, const struct ticket *t)
{
	unsigned i;

	for (i = 0; i < SPOILED_MAX; i++) {
		if (strcmp(in->spoiled[i].id, t->id) == 0 &&
		    memcmp(in->spoiled[i].signature, t->signature,
			sizeof(t->signature)) == 0)
			return true;
	}
	return false;
}

void
intake_invalid(struct relayd *r, struct held *h)
{
	struct intake *in = r->intake;
	struct error error = {""};
	struct spoiled *s;
	struct ticket t;

	if (store_ticket(r->store, h, &t, &error) == 0) {
		s = &in->spoiled[in->spoiled_next++ % SPOILED_MAX];
		memcpy(s->id, t.id, sizeof(s->id));
		memcpy(s->signature, t.signature, sizeof(s->signature));
	}
	held_id(h, t.id);
	holders_forget(r, t.id);
	if (store_drop(r->store, h, &error) < 0) {
		log_error("can't remove id=%s error=\"%s\"", t.id, error.text);
		return;
	}
	relayd_flush_soon(r);
	contest_ask(in, t.id);
}

void
intake_settled(struct relayd *r, const char *id)
{
	contest_drop(r->intake, id);
}

/* Whoever was to bring it won't: the next that waits, or nobody. */
static void
expect_pass_on(struct intake *in, struct expect *e)
{
	struct link *ln = broker_find(in->r->broker, e->link);
	char id[BUNDLE_ID_LEN + 1];

	if (ln != NULL && ln->wants > 0)
		ln->wants--;
	e->link = 0;
	while (e->waiter_count > 0) {
		ln = broker_find(in->r->broker, e->waiters[0]);
		e->waiter_count--;
		memmove(e->waiters, e->waiters + 1,
		    e->waiter_count * sizeof(e->waiters[0]));
		if (ln != NULL && !ln->leaving) {
			expect_from(e, ln);
			return;
		}
	}
	memcpy(id, e->id, sizeof(id));
	expect_del(in, e);
	contest_ask(in, id);
}

/* Those that take too long, if another could bring it. */
static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct intake *in = ctx;
	struct timeval tv = {CHECK_SECONDS, 0};
	int64_t now = relayd_clock();
	struct expect *e, *following;

	(void)fd;
	(void)what;
	for (e = TAILQ_FIRST(&in->expects); e != NULL; e = following) {
		following = TAILQ_NEXT(e, next);
		if (now >= e->deadline && e->waiter_count > 0)
			expect_pass_on(in, e);
	}
	if (!TAILQ_EMPTY(&in->expects))
		evtimer_add(in->timer, &tv);
}

/* Offers ------------------------------------------------------------------- */

void
intake_ask(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_MINE};

	if (!ln->peer->call && !ln->dialled)
		return;
	ln->peer->call = false;
	ln->peer->called = relayd_clock();
	link_send(ln, &m, -1);
}

/* What this session was asked for and still owes, for this home. */
static uint64_t
owed(struct intake *in, const struct link *ln, const struct peer *home)
{
	struct expect *e;
	uint64_t sum = 0;

	TAILQ_FOREACH (e, &in->expects, next) {
		if (e->link == ln->number && e->home == home)
			sum += e->size;
	}
	return sum;
}

/* Does this node take it from this peer? ln may be NULL. */
static const char *
judge(struct relayd *r, const struct peer *from, const struct link *ln,
    const struct ticket *t)
{
	struct intake *in = r->intake;
	const struct network *net = relayd_network(r);
	struct judge_room room = {.reserve = r->conf->reserve};
	struct peer *home = peers_find(r->peers, t->home);
	uint64_t space;

	if (net == NULL)
		return "this node is not set up";
	if (home != NULL) {
		room.held = home->held_bytes + home->awaited_bytes;
		room.share = peer_share(home, from->number);
		if (ln != NULL)
			room.share += owed(in, ln, home);
	}
	space = store_room(r->store);
	room.free = space > in->awaited ? space - in->awaited : 0;
	return judge_offer(net, t, &room);
}

/* SPEC: a receipt is the answer to any offer. */
static bool
answer_delivered(struct link *ln, const char *id)
{
	struct proto_msg m = {.verb = PROTO_DELIVERED};
	struct buf text;
	bool found;

	buf_init(&text, RECEIPT_MAX);
	found = state_receipt_find(ln->r->state, id, &text) == 1;
	if (found) {
		memcpy(m.id, id, sizeof(m.id));
		m.payload = text.data;
		m.payload_len = text.len;
		link_send(ln, &m, -1);
	}
	buf_free(&text);
	return found;
}

/* It is here already: the peer is one that has a copy. */
static void
answer_have(struct link *ln, const char *id)
{
	struct relayd *r = ln->r;

	if (state_copy_add(r->state, id, ln->peer->name, COPY_HAS) == 0)
		relayd_flush_soon(r);
	holders_has(r, id, ln->peer);
	link_send_id(ln, PROTO_HAVE, id);
}

static void
answer_wait(struct link *ln, struct expect *e)
{
	if (e->link == ln->number) {
		expect_from(e, ln);
		ln->wants--;
		return;
	}
	if (e->waiter_count < WAITERS_MAX)
		e->waiters[e->waiter_count++] = ln->number;
	link_send_id(ln, PROTO_WAIT, e->id);
}

static void
answer_refused(struct link *ln, const char *id, const char *why)
{
	log_warn("refused an offer peer=%s id=%s error=\"%s\"", ln->peer->name,
	    id, why);
	link_send_text(ln, PROTO_REFUSED, id, why);
}

/* It is here, or on its way, under another ticket (SPEC ). */
static void
answer_contested(struct link *ln, const struct ticket *t)
{
	const struct network *net = relayd_network(ln->r);
	const char *why = "it is here under another ticket";

	if (strcmp(t->home, ln->r->self->name) == 0)
		why = net == NULL ? "this node is not set up"
				  : judge_ticket(net, t);
	if (why != NULL) {
		answer_refused(ln, t->id, why);
		return;
	}
	log_warn("offered under another ticket peer=%s id=%s acceptor=%s",
	    ln->peer->name, t->id, t->acceptor);
	contest_add(ln->r->intake, ln, t);
	link_send_id(ln, PROTO_WAIT, t->id);
}

/* Known by its ID: is it the same one? True if the offer is answered. */
static bool
answer_known(struct link *ln, const struct ticket *t)
{
	struct relayd *r = ln->r;
	struct held *h = store_find(r->store, t->id);
	struct expect *e = expect_find(r->intake, t->id);
	struct error error = {""};
	struct ticket here;

	if (h == NULL && e == NULL)
		return false;
	if (h != NULL && store_ticket(r->store, h, &here, &error) < 0) {
		answer_refused(ln, t->id, "it can't be read here");
		return true;
	}
	if (memcmp(h != NULL ? here.signature : e->signature, t->signature,
		sizeof(t->signature)) != 0)
		answer_contested(ln, t);
	else if (h != NULL)
		answer_have(ln, t->id);
	else
		answer_wait(ln, e);
	return true;
}

void
intake_offered(struct link *ln, const struct proto_msg *m)
{
	struct intake *in = ln->r->intake;
	struct timeval tv = {CHECK_SECONDS, 0};
	const char *why = NULL;
	struct ticket t;

	if (answer_delivered(ln, m->id))
		return;
	if (ticket_parse(m->payload, m->payload_len, &t) < 0)
		why = "there is no ticket";
	else if (strcmp(t.id, m->id) != 0 || t.size != m->size)
		why = "the ticket is of another bundle";
	else if (is_spoiled(in, &t))
		why = "the ticket is not of who sealed it";
	else if (answer_known(ln, &t))
		return;
	else if (ln->wants >= WANTS_MAX)
		why = "too many are awaited";
	else
		why = judge(ln->r, ln->peer, ln, &t);
	if (why == NULL && expect_new(in, ln, &t) == NULL)
		why = "out of memory";
	if (why != NULL)
		answer_refused(ln, m->id, why);
	else if (!evtimer_pending(in->timer, NULL))
		evtimer_add(in->timer, &tv);
}

/* Files -------------------------------------------------------------------- */

/*
 * Is dir/name the bundle that its name and head say? NULL and *t_r; or
 * why not, with *lasting_r false if that may change by itself.
 */
static const char *
check_file(struct relayd *r, const char *dir, const char *name,
    struct ticket *t_r, bool *lasting_r)
{
	const struct network *net = relayd_network(r);
	struct error error = {""};
	struct spool_name n;
	const char *why = NULL;
	char *path;
	int fd;

	*lasting_r = false;
	if (net == NULL)
		return "this node is not set up";
	path = file_join(dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	free(path);
	if (fd < 0)
		return errno == ENOENT ? not_there : "it can't be read";
	*lasting_r = true;
	if (spool_name_parse(name, &n) < 0 || n.has_day)
		why = "its name is no bundle's";
	else if (spool_read_head(fd, t_r, &error) < 0)
		why = "its head is no ticket";
	else if (strcmp(t_r->id, n.id) != 0 || t_r->size != n.size)
		why = "its ticket is of another bundle";
	else if ((why = judge_ticket(net, t_r)) == NULL &&
	    spool_verify(fd, t_r, &error) < 0)
		why = "its SHA-256 is not its ID";
	close(fd);
	return why;
}

/* relayd_after_fn: a line for a session */
static void
say_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct link *ln = broker_find(r->broker, number);

	if (ln != NULL)
		client_send(ln->client, text, len, -1);
}

/* relayd_after_fn: own mail is safe in held/ */
static void
deliver_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	(void)number;
	(void)len;
	delivery_add(r, text);
}

static void
after_id(struct relayd *r, uint64_t link, enum proto_verb verb, const char *id)
{
	struct buf line;

	buf_init(&line, PROTO_LINE_MAX);
	if (proto_put_id(&line, verb, id) == 0)
		relayd_after_flush(r, say_after, link, line.data, line.len);
	buf_free(&line);
}

/* A bundle is in held/: whom does that concern? */
static void
taken(
    struct relayd *r, struct held *h, const struct ticket *t, const char *from)
{
	struct peer *home = store_home(r->store, h);

	log_info("took id=%s home=%s size=%llu peer=%s", t->id, t->home,
	    (unsigned long long)t->size, from);
	if (home == r->self) {
		relayd_after_flush(r, deliver_after, 0, t->id, sizeof(t->id));
		return;
	}
	if (index_slot(store_index(r->store), h) < home->news_held)
		home->news_held = index_slot(store_index(r->store), h);
	dialler_news(r, home);
	r->kick = true;
}

/* Move a checked file on, and remember who brought it. */
static int
take_file(struct relayd *r, const char *dir, const char *name,
    const struct ticket *t, struct peer *from)
{
	struct error error = {""};
	struct held *h;
	bool is_new;

	if (store_take(r->store, dir, name, t, from->number, r->day.day, &h,
		&is_new, &error) < 0) {
		log_error("can't take a bundle id=%s error=\"%s\"", t->id,
		    error.text);
		return AG_EIO;
	}
	relayd_flush_soon(r);
	if (from == r->self)
		holders_draw(r, h);
	else
		state_copy_set(r->state, t->id, from->name, COPY_BROUGHT);
	if (is_new)
		taken(r, h, t, from->name);
	return 0;
}

/* What is refused was never acknowledged: the peer still has it. */
static void
throw_away(const char *dir, const char *name)
{
	char *path = file_join(dir, name);

	if (unlink(path) < 0 && errno != ENOENT)
		log_warn("can't remove path=%s", path);
	free(path);
}

static char *
incoming_dir(struct relayd *r, const struct peer *p)
{
	return xasprintf("%s/incoming/%s", r->conf->spool_dir, p->name);
}

/* A file in incoming/PEER/; NULL if it is held now, or why it isn't. One
 * that was not expected is judged like an offer. */
static const char *
take_incoming(struct relayd *r, struct peer *p, const char *name, bool expected)
{
	char *dir = incoming_dir(r, p);
	struct error error = {""};
	struct ticket t, here;
	struct held *h;
	const char *why;
	bool lasting;

	why = check_file(r, dir, name, &t, &lasting);
	if (why == NULL && state_receipt_find(r->state, t.id, NULL) == 1) {
		throw_away(dir, name); /* at home already */
		goto out;
	}
	h = why == NULL ? store_find(r->store, t.id) : NULL;
	if (h != NULL &&
	    (store_ticket(r->store, h, &here, &error) < 0 ||
		memcmp(here.signature, t.signature, sizeof(t.signature)) != 0))
		why = "it is here under another ticket";
	if (why == NULL && h == NULL && !expected)
		why = judge(r, p, NULL, &t);
	if (why == NULL && take_file(r, dir, name, &t, p) < 0)
		why = "it can't be kept here now";
	if (why != NULL && lasting)
		throw_away(dir, name);
out:
	free(dir);
	return why;
}

/* Those who waited with it need not bring it. */
static void
release_waiters(struct intake *in, struct expect *e)
{
	unsigned i;

	struct link *ln;

	for (i = 0; i < e->waiter_count; i++) {
		ln = broker_find(in->r->broker, e->waiters[i]);
		if (ln == NULL)
			continue;
		state_copy_add(in->r->state, e->id, ln->peer->name, COPY_HAS);
		after_id(in->r, e->waiters[i], PROTO_HAVE, e->id);
	}
	expect_del(in, e);
}

/* Everything that this session owes gets new patience: it delivers. */
static void
be_patient(struct intake *in, const struct link *ln)
{
	struct expect *e;

	TAILQ_FOREACH (e, &in->expects, next) {
		if (e->link == ln->number)
			expect_patience(e);
	}
}

/* Another session of this peer's brought it, too, and was quicker. */
static bool
was_taken(struct link *ln, const char *id)
{
	struct held *h = store_find(ln->r->store, id);

	return h != NULL && h->from == ln->peer->number;
}

void
intake_arrived(struct link *ln, const char *id, uint64_t size)
{
	struct intake *in = ln->r->intake;
	struct expect *e = expect_find(in, id);
	char name[SPOOL_NAME_MAX];
	struct spool_name n = {.size = size};
	const char *why;

	memcpy(n.id, id, sizeof(n.id));
	spool_name_write(&n, name);
	why = take_incoming(ln->r, ln->peer, name, e != NULL);
	if (why == not_there && was_taken(ln, id))
		why = NULL;
	if (why != NULL) {
		answer_refused(ln, id, why);
		intake_failed(ln, id);
		return;
	}
	after_id(ln->r, ln->number, PROTO_STORED, id);
	if (e != NULL)
		release_waiters(in, e);
	be_patient(in, ln);
}

void
intake_failed(struct link *ln, const char *id)
{
	struct intake *in = ln->r->intake;
	struct expect *e = expect_find(in, id);

	if (e != NULL && e->link == ln->number)
		expect_pass_on(in, e);
}

/* Scans -------------------------------------------------------------------- */

struct scan {
	struct relayd *r;
	struct peer *peer; /* NULL: new/ */
};

void
intake_sweep(struct relayd *r)
{
	char *tmp = xasprintf("%s/tmp/relay", r->conf->spool_dir);
	struct error error = {""};

	if (spool_sweep(tmp, &error) < 0)
		log_warn("can't sweep error=\"%s\"", error.text);
	free(tmp);
}

static void
on_rescan(evutil_socket_t fd, short what, void *ctx)
{
	struct intake *in = ctx;

	(void)fd;
	(void)what;
	intake_sweep(in->r);
	intake_scan_new(in->r);
}

static void
rescan_soon(struct intake *in)
{
	static const struct timeval wait = {RESCAN_SECONDS, 0};

	if (!evtimer_pending(in->rescan, NULL))
		evtimer_add(in->rescan, &wait);
}

static void
take_new(struct relayd *r, const char *name)
{
	char *dir = file_join(r->conf->spool_dir, "new");
	const char *why;
	struct ticket t;
	bool lasting;

	why = check_file(r, dir, name, &t, &lasting);
	if (why == NULL && strcmp(t.acceptor, r->self->name) != 0)
		why = "its ticket is not of this node";
	/* It was answered with 250: it stays, whatever is wrong with it. */
	if (why != NULL && lasting)
		log_error("can't take a new bundle path=%s/%s error=\"%s\"",
		    dir, name, why);
	/* What was a passing trouble is tried again. */
	else if (why != NULL || take_file(r, dir, name, &t, r->self) < 0)
		rescan_soon(r->intake);
	free(dir);
}

/* spool_each_fn */
static int
scan_one(const struct spool_name *n, const char *file, void *ctx)
{
	struct scan *s = ctx;
	const char *why;

	if (n->has_day)
		return 0;
	if (s->peer == NULL) {
		take_new(s->r, file);
		return 0;
	}
	why = take_incoming(s->r, s->peer, file, false);
	if (why != NULL)
		log_warn("refused a left bundle peer=%s id=%s error=\"%s\"",
		    s->peer->name, n->id, why);
	return 0;
}

static void
scan_dir(struct scan *s, const char *dir)
{
	struct error error = {""};

	if (spool_each(dir, scan_one, s, &error) < 0)
		log_error("can't scan error=\"%s\"", error.text);
}

void
intake_take_new(struct relayd *r, const char *name)
{
	struct spool_name n;

	if (spool_name_parse(name, &n) == 0 && !n.has_day)
		take_new(r, name);
}

void
intake_scan_new(struct relayd *r)
{
	struct scan s = {.r = r};
	char *dir = file_join(r->conf->spool_dir, "new");

	scan_dir(&s, dir);
	free(dir);
}

static void
scan_peer(struct relayd *r, struct peer *p)
{
	struct scan s = {.r = r, .peer = p};
	char *dir = incoming_dir(r, p);

	if (access(dir, F_OK) == 0)
		scan_dir(&s, dir);
	free(dir);
}

void
intake_scan_incoming(struct relayd *r)
{
	char *dir = file_join(r->conf->spool_dir, "incoming");
	struct dirent *de;
	struct peer *p;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		log_error("can't read path=%s", dir);
	while (d != NULL && (de = readdir(d)) != NULL) {
		p = peers_get(r->peers, de->d_name); /* NULL: no node's name */
		if (p != NULL)
			scan_peer(r, p);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}

void
intake_pass_on(struct link *ln)
{
	struct intake *in = ln->r->intake;
	struct expect *e, *following;

	for (e = TAILQ_FIRST(&in->expects); e != NULL; e = following) {
		following = TAILQ_NEXT(e, next);
		if (e->link != ln->number)
			continue;
		if (store_find(in->r->store, e->id) != NULL)
			release_waiters(in, e);
		else
			expect_pass_on(in, e);
	}
}

void
intake_link_gone(struct link *ln)
{
	struct intake *in = ln->r->intake;

	/* First what it placed and could not tell of any more. */
	scan_peer(in->r, ln->peer);
	rescan_soon(in); /* its locks may take a moment to go */
	intake_pass_on(ln);
}

int
intake_new(struct relayd *r, struct intake **in_r, struct error *error_r)
{
	struct intake *in = xcalloc(1, sizeof(*in));

	*in_r = NULL;
	in->r = r;
	TAILQ_INIT(&in->expects);
	TAILQ_INIT(&in->contests);
	in->timer = evtimer_new(r->base, on_timer, in);
	in->rescan = evtimer_new(r->base, on_rescan, in);
	if (in->timer == NULL || in->rescan == NULL) {
		intake_free(&in);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*in_r = in;
	return 0;
}

void
intake_free(struct intake **inp)
{
	struct intake *in = *inp;
	struct expect *e;

	if (in == NULL)
		return;
	while ((e = TAILQ_FIRST(&in->expects)) != NULL) {
		TAILQ_REMOVE(&in->expects, e, next);
		free(e);
	}
	while (!TAILQ_EMPTY(&in->contests))
		contest_del(in, TAILQ_FIRST(&in->contests));
	if (in->timer != NULL)
		event_free(in->timer);
	if (in->rescan != NULL)
		event_free(in->rescan);
	free(in);
	*inp = NULL;
}
