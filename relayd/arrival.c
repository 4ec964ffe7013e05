/* SPDX-License-Identifier: MIT */
/*
 * arrival - files in new/ and incoming/, checked and moved on. See
 * arrival.h.
 *
 * What the milter sealed was answered with 250, so it stays whatever is
 * wrong with it. What a peer brought and is refused here was never
 * acknowledged: the peer still has it, and the file goes.
 *
 * SECURITY: a file in incoming/ was written by a process that faces a
 * peer. Ticket, size and hash are checked here once more, from the file,
 * before it moves to where only this user writes.
 */
#include "relayd/arrival.h"

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
#include "relayd/await.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"
#include "relayd/events.h"
#include "relayd/expect.h"
#include "relayd/expiry.h"
#include "relayd/holders.h"
#include "relayd/intake.h"
#include "relayd/judge.h"
#include "relayd/leave.h"

#define RESCAN_SECONDS 2

static const char not_there[] = "it is not there";

/* A ticket that was judged when it was offered need not be once more. */
static const char *
judge(struct relayd *r, const struct network *net, const struct ticket *t)
{
	return expect_is_same(r, t) ? NULL : judge_ticket(net, t);
}

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
	else if ((why = judge(r, net, t_r)) == NULL &&
	    spool_verify(fd, t_r, &error) < 0)
		why = "its SHA-256 is not its ID";
	close(fd);
	return why;
}

/* relayd_after_fn: own mail is safe in held/ */
static void
deliver_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	(void)number;
	(void)len;
	delivery_add(r, text);
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

/* Its time goes on where a peer had it (SPEC N-12.7). */
static uint32_t
first_day(struct relayd *r, const struct ticket *t, const struct peer *from)
{
	return from == r->self ? r->day.day : expiry_begins(r, t);
}

/* Move a checked file on, and remember who brought it. */
static int
take_file(struct relayd *r, const char *dir, const char *name,
    const struct ticket *t, struct peer *from)
{
	struct error error = {""};
	struct held *h;
	bool is_new;

	if (store_take(r->store, dir, name, t, from->number,
		first_day(r, t, from), &h, &is_new, &error) < 0) {
		log_error("can't take a bundle id=%s error=\"%s\"", t->id,
		    error.text);
		return AG_EIO;
	}
	relayd_flush_soon(r);
	event_note(r, t->id, from == r->self ? EVENT_ACCEPTED : EVENT_BROUGHT,
	    from->name, NULL);
	if (from == r->self) {
		holders_draw(r, h);
	} else {
		holders_brought(r, t->id, from);
		leave_look(r, h);
	}
	await_look_soon(r);
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
take_incoming(
    struct relayd *r, struct peer *p, const char *name, const char *id)
{
	char *dir = incoming_dir(r, p);
	struct held *h;
	const char *why;
	struct ticket t;
	bool lasting;

	why = check_file(r, dir, name, &t, &lasting);
	if (why == NULL && state_receipt_find(r->state, t.id, NULL) == 1) {
		throw_away(dir, name); /* at home already */
		goto out;
	}
	h = why == NULL ? store_find(r->store, t.id) : NULL;
	if (h != NULL && !store_is_same(r->store, h, &t))
		why = "it is here under another ticket";
	if (why == NULL && h == NULL && !expect_is(r, id))
		why = intake_judge(r, p, &t);
	if (why == NULL && take_file(r, dir, name, &t, p) < 0)
		why = "it can't be kept here now";
	if (why != NULL && lasting)
		throw_away(dir, name);
out:
	free(dir);
	return why;
}

/* Another session of this peer's brought it, too, and was quicker. */
static bool
was_taken(struct link *ln, const char *id)
{
	struct held *h = store_find(ln->r->store, id);

	return h != NULL && h->from == ln->peer->number;
}

void
arrival_told(struct link *ln, const char *id, uint64_t size)
{
	char name[SPOOL_NAME_MAX];
	struct spool_name n = {.size = size};
	const char *why;

	memcpy(n.id, id, sizeof(n.id));
	spool_name_write(&n, name);
	why = take_incoming(ln->r, ln->peer, name, id);
	if (why == not_there && was_taken(ln, id))
		why = NULL;
	if (why != NULL) {
		log_warn("refused a bundle peer=%s id=%s error=\"%s\"",
		    ln->peer->name, id, why);
		link_send_text(ln, PROTO_REFUSED, id, why);
		expect_failed(ln, id);
		return;
	}
	link_send_after(ln, PROTO_STORED, id);
	expect_arrived(ln, id);
}

/* Scans -------------------------------------------------------------------- */

struct scan {
	struct relayd *r;
	struct peer *peer; /* NULL: new/ */
};

void
arrival_sweep(struct relayd *r)
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
	struct relayd *r = ctx;

	(void)fd;
	(void)what;
	arrival_sweep(r);
	arrival_scan_new(r);
}

static void
rescan_soon(struct relayd *r)
{
	static const struct timeval wait = {RESCAN_SECONDS, 0};

	if (!evtimer_pending(r->rescan, NULL))
		evtimer_add(r->rescan, &wait);
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
		rescan_soon(r);
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
	why = take_incoming(s->r, s->peer, file, n->id);
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
arrival_take_new(struct relayd *r, const char *name)
{
	struct spool_name n;

	if (spool_name_parse(name, &n) == 0 && !n.has_day)
		take_new(r, name);
}

void
arrival_scan_new(struct relayd *r)
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
arrival_scan_incoming(struct relayd *r)
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
arrival_link_gone(struct link *ln)
{
	scan_peer(ln->r, ln->peer);
	rescan_soon(ln->r); /* its locks may take a moment to go */
}

int
arrival_start(struct relayd *r, struct error *error_r)
{
	r->rescan = evtimer_new(r->base, on_rescan, r);
	if (r->rescan == NULL)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	return 0;
}
