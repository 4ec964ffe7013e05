/* SPDX-License-Identifier: MIT */
/*
 * exchange - manifests passed on in every session. See exchange.h.
 *
 * Here: what is in force, which is said, and what peers say that they
 * have. Whom to ask for what of that is exchange_ask.c's.
 *
 * What each peer said that it has is kept by peer; what is in force here
 * and what is being asked for, by node. All that is kept is about nodes
 * whose manifests are in force: other names are not listened to.
 */
#include "relayd/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/text.h"
#include "relayd/client.h"
#include "relayd/confirm.h"
#include "relayd/dialler.h"
#include "relayd/exchange_parts.h"
#include "relayd/inbox.h"

#define SEEN_MAX (4u << 20) /* bytes of the file `seen` */
#define LINES_MAX 16384 /* bytes of lines in one message */

struct papers *
exchange_papers(struct peer *p)
{
	if (p->papers == NULL) {
		p->papers = xcalloc(1, sizeof(*p->papers));
		TAILQ_INIT(&p->papers->told);
	}
	return p->papers;
}

bool
exchange_is_issue(const struct issue *a, uint64_t serial, const char *hash)
{
	return a->serial == serial && strcmp(a->hash, hash) == 0;
}

bool
exchange_is_same(const struct issue *a, const struct issue *b)
{
	return exchange_is_issue(a, b->serial, b->hash);
}

void
exchange_look_soon(struct exchange *x, unsigned seconds)
{
	struct timeval tv = {(time_t)seconds, 0};

	if (seconds == 0 || !evtimer_pending(x->look, NULL))
		evtimer_add(x->look, &tv);
}

struct told *
exchange_told_find(struct papers *of, const struct peer *node)
{
	struct told *t;

	TAILQ_FOREACH (t, &of->told, next) {
		if (t->node == node)
			return t;
	}
	return NULL;
}

static void
told_forget(struct papers *of)
{
	struct told *t;

	while ((t = TAILQ_FIRST(&of->told)) != NULL) {
		TAILQ_REMOVE(&of->told, t, next);
		free(t);
	}
}

/* Saying -------------------------------------------------------------------- */

static void
put_serial(struct buf *lines, const struct peer *p)
{
	struct proto_msg m = {.verb = PROTO_SERIAL};

	m.serial = p->papers->here.serial;
	memcpy(m.node, p->name, sizeof(m.node));
	memcpy(m.hash, p->papers->here.hash, sizeof(m.hash));
	(void)proto_write(&m, lines);
}

static void
send_lines(struct link *ln, struct buf *lines)
{
	if (lines->len > 0)
		client_send(ln->client, lines->data, lines->len, -1);
	buf_reset(lines);
}

static void
say_serial(struct link *ln, const struct peer *p)
{
	struct buf lines;

	buf_init(&lines, PROTO_LINE_MAX);
	put_serial(&lines, p);
	send_lines(ln, &lines);
	buf_free(&lines);
}

/* SPEC: all that is in force here. */
static void
say_all(struct link *ln)
{
	struct buf lines;
	struct peer *p;
	unsigned i;

	buf_init(&lines, LINES_MAX);
	for (i = 1; (p = peers_at(ln->r->peers, i)) != NULL; i++) {
		if (exchange_papers(p)->here.serial == 0)
			continue;
		if (lines.len + PROTO_LINE_MAX > LINES_MAX)
			send_lines(ln, &lines);
		put_serial(&lines, p);
	}
	send_lines(ln, &lines);
	buf_free(&lines);
}

/* SPEC */
void
exchange_asked(struct link *ln, const struct proto_msg *m)
{
	struct proto_msg answer = {.verb = PROTO_MANIFEST};
	const struct network *net = relayd_network(ln->r);
	struct peer *p = peers_find(ln->r->peers, m->node);
	const struct manifest *found;

	if (p == NULL || exchange_papers(p)->here.serial == 0)
		return; /* never said to be here */
	found = net == NULL ? NULL : network_find(net, m->node);
	if (found == NULL ||
	    !exchange_is_issue(&p->papers->here, m->serial, m->hash)) {
		say_serial(ln, p);
		return;
	}
	answer.serial = m->serial;
	memcpy(answer.node, m->node, sizeof(answer.node));
	answer.payload = found->text;
	answer.payload_len = found->text_len;
	link_send(ln, &answer, -1);
}

/* Hearing -------------------------------------------------------------------- */

void
exchange_told(struct link *ln, const struct proto_msg *m)
{
	struct exchange *x = ln->r->exchange;
	struct papers *of = exchange_papers(ln->peer);
	struct peer *node = peers_find(ln->r->peers, m->node);
	struct told *t;

	if (node == NULL || exchange_papers(node)->here.serial == 0)
		return; /* SPEC: a stranger's */
	t = exchange_told_find(of, node);
	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return;
		t->node = node;
		TAILQ_INSERT_TAIL(&of->told, t, next);
	}
	t->issue.serial = m->serial;
	memcpy(t->issue.hash, m->hash, sizeof(t->issue.hash));
	if (node->papers->link == ln->number &&
	    !exchange_is_same(&t->issue, &node->papers->asked))
		exchange_release(x, node->papers); /* it has another now */
	if (node == ln->peer &&
	    exchange_is_same(&t->issue, &node->papers->here))
		confirm_peer(ln->r, node);
	if (exchange_wants(x, t))
		exchange_look_soon(x, 0);
}

void
exchange_begin(struct link *ln)
{
	told_forget(exchange_papers(ln->peer));
	if (ln->version >= 2)
		say_all(ln);
	else /* it can't say; what its owner gave us must do */
		confirm_peer(ln->r, ln->peer);
}

void
exchange_link_gone(struct link *ln)
{
	exchange_look_soon(
	    ln->r->exchange, 0); /* others have what it was asked for */
}

/* The view -------------------------------------------------------------------- */

/* Missing, unreadable: then things are brought once more. */
static void
load_seen(struct exchange *x, const struct network *net)
{
	char *path = file_join(network_dir(net), "seen");

	buf_reset(&x->seen);
	if (file_read(path, &x->seen, NULL) < 0)
		buf_reset(&x->seen);
	free(path);
}

/* True if that is another than before. */
static bool
set_here(struct papers *node, const struct manifest *m)
{
	struct issue now = {.serial = 0};

	if (m != NULL) {
		now.serial = m->serial;
		inbox_hash(m->text, m->text_len, now.hash);
	}
	if (exchange_is_same(&now, &node->here))
		return false;
	node->here = now;
	return m != NULL;
}

static void
say_on_all(struct relayd *r, const struct peer *p)
{
	struct link *ln = NULL;

	while ((ln = broker_next(r->broker, ln)) != NULL) {
		if (ln->up && !ln->leaving && ln->version >= 2)
			say_serial(ln, p);
	}
}

/* What it said of its own may be in force by now. */
static void
confirm_if_same(struct relayd *r, struct peer *p)
{
	struct told *t = exchange_told_find(p->papers, p);

	if (t != NULL && p->papers->here.serial != 0 &&
	    exchange_is_same(&t->issue, &p->papers->here) &&
	    broker_best(r->broker, p) != NULL)
		confirm_peer(r, p);
}

/* SPEC */
static void
end_removed(struct relayd *r)
{
	struct link *ln = NULL;

	while ((ln = broker_next(r->broker, ln)) != NULL) {
		if (!ln->peer->known)
			link_end(ln, "not a peer any more");
	}
}

void
exchange_view(struct relayd *r)
{
	struct exchange *x = r->exchange;
	const struct network *net = r->net;
	struct peer *p;
	unsigned i;

	if (net == NULL)
		return;
	load_seen(x, net);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (!set_here(exchange_papers(p), network_find(net, p->name)))
			continue;
		say_on_all(r, p);
		/* Own news can't wait until somebody comes. */
		if (p == r->self && r->ready)
			dialler_call(r, NULL);
		confirm_if_same(r, p);
	}
	confirm_view(r);
	end_removed(r);
	exchange_look_soon(x, 0);
}

/* Start and end --------------------------------------------------------------- */

void
exchange_put_serials(const struct peer *p, struct buf *line)
{
	const char *sep = "";
	struct told *t;

	if (p->papers == NULL)
		return;
	TAILQ_FOREACH (t, &p->papers->told, next) {
		buf_printf(line, "%s%s:%llu", sep, t->node->name,
		    (unsigned long long)t->issue.serial);
		sep = " ";
	}
}

int
exchange_new(struct relayd *r, struct exchange **x_r, struct error *error_r)
{
	struct exchange *x = xcalloc(1, sizeof(*x));

	*x_r = NULL;
	x->r = r;
	buf_init(&x->seen, SEEN_MAX);
	x->look = evtimer_new(r->base, exchange_look, x);
	if (x->look == NULL) {
		free(x);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*x_r = x;
	exchange_view(r);
	return 0;
}

void
exchange_free(struct exchange **xp)
{
	struct exchange *x = *xp;
	struct peer *p;
	unsigned i;

	if (x == NULL)
		return;
	for (i = 1; (p = peers_at(x->r->peers, i)) != NULL; i++) {
		if (p->papers == NULL)
			continue;
		told_forget(p->papers);
		free(p->papers);
		p->papers = NULL;
	}
	event_free(x->look);
	buf_free(&x->seen);
	free(x);
	*xp = NULL;
}
