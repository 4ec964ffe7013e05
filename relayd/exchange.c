/* SPDX-License-Identifier: MIT */
/*
 * exchange - manifests passed on in every session. See exchange.h.
 *
 * What each peer said that it has is kept by peer; what is in force here
 * and what is being asked for, by node. All that is kept is about nodes
 * whose manifests are in force: other names are not listened to.
 *
 * SECURITY: whoever says something here may lie. A serial that is not
 * there costs half a minute, then another is asked; what is brought and
 * does not come into force makes that peer wait for a minute with the
 * same node's; and nothing is brought twice that `agamid apply` has
 * judged.
 */
#include "relayd/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/client.h"
#include "relayd/confirm.h"
#include "relayd/dialler.h"
#include "relayd/inbox.h"

#define GETS_MAX 8 /* SPEC */
#define PATIENCE_MS 30000 /* with one who was asked */
#define PENANCE_MS 60000 /* for what did not come, or not into force */
#define LOOK_SECONDS 5
#define BROUGHT_MAX 8 /* remembered of a node's */
#define UNPROVEN_MAX 16 /* brought by a peer, and not in force (yet) */
#define SEEN_MAX (4u << 20) /* bytes of the file `seen` */
#define LINES_MAX 16384 /* bytes of lines in one message */

/* A serial and the beginning of a SHA-256: which manifest. */
struct issue {
	uint64_t serial; /* 0: none */
	char hash[PROTO_HASH_LEN + 1];
};

/* What a peer said that it has of a node's. */
struct told {
	TAILQ_ENTRY(told) next;
	struct peer *node;
	struct issue issue;
	char brought[PROTO_HASH_LEN + 1]; /* by it, last; "-": nothing good */
	int64_t not_before; /* ms: unless that came into force */
};

struct papers {
	/* As a node. */
	struct issue here; /* in force */
	struct issue asked; /* of whom: */
	uint64_t link; /* 0: nobody */
	int64_t deadline;
	char brought[BROUGHT_MAX][PROTO_HASH_LEN + 1]; /* a ring */
	unsigned brought_next;
	struct told *best; /* while looking, with the session: */
	uint64_t best_link;
	/* As a peer. */
	TAILQ_HEAD(, told) told;
};

struct exchange {
	struct relayd *r;
	struct buf seen; /* what apply judged and did not take */
	struct event *look;
};

static struct papers *
papers_of(struct peer *p)
{
	if (p->papers == NULL) {
		p->papers = xcalloc(1, sizeof(*p->papers));
		TAILQ_INIT(&p->papers->told);
	}
	return p->papers;
}

static bool
is_issue(const struct issue *a, uint64_t serial, const char *hash)
{
	return a->serial == serial && strcmp(a->hash, hash) == 0;
}

static bool
is_same(const struct issue *a, const struct issue *b)
{
	return is_issue(a, b->serial, b->hash);
}

static void
look_soon(struct exchange *x, unsigned seconds)
{
	struct timeval tv = {(time_t)seconds, 0};

	if (seconds == 0 || !evtimer_pending(x->look, NULL))
		evtimer_add(x->look, &tv);
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
		if (papers_of(p)->here.serial == 0)
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

	if (p == NULL || papers_of(p)->here.serial == 0)
		return; /* never said to be here */
	found = net == NULL ? NULL : network_find(net, m->node);
	if (found == NULL || !is_issue(&p->papers->here, m->serial, m->hash)) {
		say_serial(ln, p);
		return;
	}
	answer.serial = m->serial;
	memcpy(answer.node, m->node, sizeof(answer.node));
	answer.payload = found->text;
	answer.payload_len = found->text_len;
	link_send(ln, &answer, -1);
}

/* Looking for what to ask --------------------------------------------------- */

static struct told *
told_find(struct papers *of, const struct peer *node)
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

/* Brought before, or judged by apply. */
static bool
is_known(const struct exchange *x, const struct papers *node,
    const struct issue *issue)
{
	unsigned i;

	for (i = 0; i < BROUGHT_MAX; i++) {
		if (strcmp(node->brought[i], issue->hash) == 0)
			return true;
	}
	return x->seen.len > 0 && strstr(x->seen.data, issue->hash) != NULL;
}

/* SPEC: newer than what is here, or other under the same serial. */
static bool
is_wanted(const struct exchange *x, const struct told *t)
{
	const struct papers *node = t->node->papers;

	return node->here.serial != 0 && t->issue.serial >= node->here.serial &&
	    !is_same(&t->issue, &node->here) && !is_known(x, node, &t->issue);
}

/* Is a more promising than b? The node itself knows best. */
static bool
is_better(const struct told *a, bool of_node, const struct told *b)
{
	return of_node || b == NULL || a->issue.serial > b->issue.serial;
}

/* Did it bring one lately that is not in force? */
static bool
is_unproven(const struct told *t, int64_t now)
{
	return now < t->not_before &&
	    strcmp(t->brought, t->node->papers->here.hash) != 0;
}

static unsigned
count_unproven(const struct papers *of, int64_t now)
{
	const struct told *t;
	unsigned n = 0;

	TAILQ_FOREACH (t, &of->told, next)
		n += is_unproven(t, now);
	return n;
}

/* What this peer could bring; true if something must wait. */
static bool
look_at(struct exchange *x, struct link *ln, int64_t now)
{
	struct papers *of = papers_of(ln->peer), *node;
	bool full = count_unproven(of, now) >= UNPROVEN_MAX, waits = false;
	struct told *t;

	TAILQ_FOREACH (t, &of->told, next) {
		node = t->node->papers;
		if (!is_wanted(x, t))
			continue;
		waits = true;
		if (node->link == 0 && ln->gets < GETS_MAX && !full &&
		    !is_unproven(t, now) &&
		    is_better(t, t->node == ln->peer, node->best)) {
			node->best = t;
			node->best_link = ln->number;
		}
	}
	return waits;
}

static void
ask(struct peer *p, struct link *ln, int64_t now)
{
	struct proto_msg m = {.verb = PROTO_GET};
	struct papers *node = p->papers;

	node->link = ln->number;
	node->asked = node->best->issue;
	node->deadline = now + PATIENCE_MS;
	ln->gets++;
	memcpy(m.node, p->name, sizeof(m.node));
	m.serial = node->asked.serial;
	memcpy(m.hash, node->asked.hash, sizeof(m.hash));
	link_send(ln, &m, -1);
}

/* Nobody is asked for this node's any more. */
static void
release(struct exchange *x, struct papers *node)
{
	struct link *ln = broker_find(x->r->broker, node->link);

	if (ln != NULL && ln->gets > 0)
		ln->gets--;
	node->link = 0;
	look_soon(x, 0);
}

/* Whoever did not bring what he said he has is believed later. */
static void
punish(struct link *ln, const struct peer *node)
{
	struct told *t = told_find(papers_of(ln->peer), node);

	if (t == NULL)
		return;
	snprintf(t->brought, sizeof(t->brought), "-");
	t->not_before = relayd_clock() + PENANCE_MS;
}

/* Those that were asked and do not answer; true if some still may. */
static bool
look_at_asked(struct exchange *x, int64_t now)
{
	struct link *ln;
	struct peer *p;
	bool asked = false;
	unsigned i;

	for (i = 1; (p = peers_at(x->r->peers, i)) != NULL; i++) {
		papers_of(p)->best = NULL;
		if (p->papers->link == 0)
			continue;
		ln = broker_find(x->r->broker, p->papers->link);
		if (ln != NULL && !ln->leaving && now < p->papers->deadline) {
			asked = true;
			continue;
		}
		if (ln != NULL) {
			log_warn("a manifest did not come peer=%s node=%s",
			    ln->peer->name, p->name);
			punish(ln, p);
		}
		release(x, p->papers);
	}
	return asked;
}

static void
on_look(evutil_socket_t fd, short what, void *ctx)
{
	struct exchange *x = ctx;
	int64_t now = relayd_clock();
	struct link *ln = NULL;
	struct peer *p;
	bool more;
	unsigned i;

	(void)fd;
	(void)what;
	more = look_at_asked(x, now);
	while ((ln = broker_next(x->r->broker, ln)) != NULL) {
		if (ln->up && !ln->leaving)
			more |= look_at(x, ln, now);
	}
	for (i = 1; (p = peers_at(x->r->peers, i)) != NULL; i++) {
		if (p->papers->best == NULL)
			continue;
		ln = broker_find(x->r->broker, p->papers->best_link);
		if (ln != NULL && ln->gets < GETS_MAX)
			ask(p, ln, now);
	}
	if (more)
		look_soon(x, LOOK_SECONDS);
}

/* Hearing -------------------------------------------------------------------- */

void
exchange_told(struct link *ln, const struct proto_msg *m)
{
	struct exchange *x = ln->r->exchange;
	struct papers *of = papers_of(ln->peer);
	struct peer *node = peers_find(ln->r->peers, m->node);
	struct told *t;

	if (node == NULL || papers_of(node)->here.serial == 0)
		return; /* SPEC: a stranger's */
	t = told_find(of, node);
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
	    !is_same(&t->issue, &node->papers->asked))
		release(x, node->papers); /* it has another now */
	if (node == ln->peer && is_same(&t->issue, &node->papers->here))
		confirm_peer(ln->r, node);
	if (is_wanted(x, t))
		look_soon(x, 0);
}

/* A manifest that was asked for: why can't it be left in the inbox? */
static int
take_in(struct link *ln, struct peer *p, const struct proto_msg *m,
    struct error *error_r)
{
	const struct network *net = relayd_network(ln->r);
	char hash[INBOX_HASH_LEN + 1];

	inbox_hash(m->payload, m->payload_len, hash);
	if (!is_issue(&p->papers->asked, m->serial, hash))
		return error_set(error_r, AG_EINVAL, "it is not the one");
	if (net == NULL)
		return error_set(error_r, AG_EINVAL, "there is no network");
	if (inbox_check(p->name, network_self(net)->network, m->serial,
		m->payload, m->payload_len, error_r) < 0)
		return AG_EINVAL;
	return inbox_put(ln->r->inbox, p->name, m->serial, m->payload,
	    m->payload_len, error_r);
}

static void
remember_brought(struct papers *node, struct told *t, const char *hash)
{
	snprintf(node->brought[node->brought_next++ % BROUGHT_MAX],
	    sizeof(node->brought[0]), "%s", hash);
	if (t == NULL)
		return;
	snprintf(t->brought, sizeof(t->brought), "%s", hash);
	t->not_before = relayd_clock() + PENANCE_MS;
}

void
exchange_brought(struct link *ln, const struct proto_msg *m)
{
	struct peer *p = peers_find(ln->r->peers, m->node);
	struct error error = {""};
	struct papers *node;

	node = p == NULL ? NULL : papers_of(p);
	if (node == NULL || node->link != ln->number) {
		log_warn("a manifest that was not asked for peer=%s node=%s",
		    ln->peer->name, m->node);
		return;
	}
	if (take_in(ln, p, m, &error) < 0) {
		log_warn("a manifest is not taken peer=%s node=%s error=\"%s\"",
		    ln->peer->name, p->name, error.text);
		punish(ln, p);
	} else {
		log_info("manifest came peer=%s node=%s serial=%llu",
		    ln->peer->name, p->name, (unsigned long long)m->serial);
		remember_brought(
		    node, told_find(papers_of(ln->peer), p), node->asked.hash);
	}
	release(ln->r->exchange, node);
}

void
exchange_begin(struct link *ln)
{
	told_forget(papers_of(ln->peer));
	if (ln->version >= 2)
		say_all(ln);
	else /* it can't say; what its owner gave us must do */
		confirm_peer(ln->r, ln->peer);
}

void
exchange_link_gone(struct link *ln)
{
	look_soon(ln->r->exchange, 0); /* others have what it was asked for */
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
	if (is_same(&now, &node->here))
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
	struct told *t = told_find(p->papers, p);

	if (t != NULL && p->papers->here.serial != 0 &&
	    is_same(&t->issue, &p->papers->here) &&
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
		if (!set_here(papers_of(p), network_find(net, p->name)))
			continue;
		say_on_all(r, p);
		/* Own news can't wait until somebody comes. */
		if (p == r->self && r->ready)
			dialler_call(r, NULL);
		confirm_if_same(r, p);
	}
	confirm_view(r);
	end_removed(r);
	look_soon(x, 0);
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
	x->look = evtimer_new(r->base, on_look, x);
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
