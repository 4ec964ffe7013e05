/* SPDX-License-Identifier: MIT */
/*
 * exchange_ask - which manifest is wanted, whom to ask for it, and what
 * was brought. See exchange_parts.h.
 *
 * SECURITY: whoever says something here may lie. A serial that is not
 * there costs half a minute, then another is asked; what is brought and
 * does not come into force makes that peer wait for a minute with the
 * same node's; and nothing is brought twice that `agamid apply` has
 * judged.
 */
#include "relayd/exchange_parts.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "relayd/inbox.h"

#define GETS_MAX 8 /* SPEC */
#define PATIENCE_MS 30000 /* with one who was asked */
#define PENANCE_MS 60000 /* for what did not come, or not into force */
#define LOOK_SECONDS 5
#define UNPROVEN_MAX 16 /* brought by a peer, and not in force (yet) */

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
bool
exchange_wants(const struct exchange *x, const struct told *t)
{
	const struct papers *node = t->node->papers;

	return node->here.serial != 0 && t->issue.serial >= node->here.serial &&
	    !exchange_is_same(&t->issue, &node->here) &&
	    !is_known(x, node, &t->issue);
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
	struct papers *of = exchange_papers(ln->peer), *node;
	bool full = count_unproven(of, now) >= UNPROVEN_MAX, waits = false;
	struct told *t;

	TAILQ_FOREACH (t, &of->told, next) {
		node = t->node->papers;
		if (!exchange_wants(x, t))
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
void
exchange_release(struct exchange *x, struct papers *node)
{
	struct link *ln = broker_find(x->r->broker, node->link);

	if (ln != NULL && ln->gets > 0)
		ln->gets--;
	node->link = 0;
	exchange_look_soon(x, 0);
}

/* Whoever did not bring what he said he has is believed later. */
static void
punish(struct link *ln, const struct peer *node)
{
	struct told *t = exchange_told_find(exchange_papers(ln->peer), node);

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
		exchange_papers(p)->best = NULL;
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
		exchange_release(x, p->papers);
	}
	return asked;
}

void
exchange_look(evutil_socket_t fd, short what, void *ctx)
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
		exchange_look_soon(x, LOOK_SECONDS);
}

/* What comes ------------------------------------------------------------------- */

/* A manifest that was asked for: why can't it be left in the inbox? */
static int
take_in(struct link *ln, struct peer *p, const struct proto_msg *m,
    struct error *error_r)
{
	const struct network *net = relayd_network(ln->r);
	char hash[INBOX_HASH_LEN + 1];

	inbox_hash(m->payload, m->payload_len, hash);
	if (!exchange_is_issue(&p->papers->asked, m->serial, hash))
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

	node = p == NULL ? NULL : exchange_papers(p);
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
		remember_brought(node,
		    exchange_told_find(exchange_papers(ln->peer), p),
		    node->asked.hash);
	}
	exchange_release(ln->r->exchange, node);
}
