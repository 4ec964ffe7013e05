/* SPDX-License-Identifier: MIT */
/*
 * loss - what expired, told. See loss.h.
 *
 * SECURITY: that something expired is a peer's word. It is shown to the
 * operator, with a ticket that an acceptor signed, and nothing else
 * follows from it: what another holder still has is taken as ever, and is
 * then lost no more.
 */
#include "relayd/loss.h"

#include <string.h>
#include <time.h>

#include "util/log.h"
#include "relayd/events.h"
#include "relayd/intake.h"
#include "relayd/judge.h"
#include "relayd/state_expiry.h"

#define OPEN_MAX 64 /* told, and not heard yet */

/* At the holder ----------------------------------------------------------- */

static void
tell(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_EXPIRED};
	struct buf ticket;

	if (!ln->up || ln->leaving || ln->version < 3)
		return;
	buf_init(&ticket, TICKET_MAX);
	while (ln->lapses_open < OPEN_MAX &&
	    state_lapse_next(ln->r->state, ln->peer->name, ln->lapsed_after,
		m.id, &ticket) == 1) {
		m.payload = buf_str(&ticket);
		m.payload_len = ticket.len;
		memcpy(ln->lapsed_after, m.id, sizeof(m.id));
		ln->lapses_open++;
		link_send(ln, &m, -1);
		buf_reset(&ticket);
	}
	buf_free(&ticket);
}

/* relayd_after_fn */
static void
tell_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct peer *home = peers_find(r->peers, text);
	struct link *ln = home == NULL ? NULL : broker_best(r->broker, home);

	(void)number;
	(void)len;
	if (ln == NULL)
		return;
	ln->lapsed_after[0] = '\0';
	tell(ln);
}

void
loss_news(struct relayd *r, struct peer *home)
{
	relayd_after_flush(r, tell_after, 0, home->name, strlen(home->name));
}

void
loss_link_up(struct link *ln)
{
	ln->lapses_open = 0;
	ln->lapsed_after[0] = '\0';
	tell(ln);
}

void
loss_heard(struct link *ln, const char *id)
{
	if (state_lapse_told(ln->r->state, id, ln->peer->name) != 1)
		return;
	relayd_flush_soon(ln->r);
	if (ln->lapses_open > 0)
		ln->lapses_open--;
	tell(ln);
}

/* At home ------------------------------------------------------------------ */

static void
remember(struct link *ln, const struct ticket *t)
{
	struct relayd *r = ln->r;
	struct loss l = {.size = t->size, .time = t->time};
	bool is_new;

	memcpy(l.id, t->id, sizeof(l.id));
	memcpy(l.acceptor, t->acceptor, sizeof(l.acceptor));
	memcpy(l.peer, ln->peer->name, sizeof(l.peer));
	l.at = (int64_t)time(NULL);
	if (state_loss_add(r->state, &l, &is_new) < 0)
		return; /* not acknowledged: it is said again */
	if (is_new)
		log_warn("own mail has expired id=%s peer=%s acceptor=%s "
			 "size=%llu",
		    t->id, ln->peer->name, t->acceptor,
		    (unsigned long long)t->size);
	event_note(r, t->id, EVENT_EXPIRED, ln->peer->name, NULL);
	link_send_after(ln, PROTO_HEARD, t->id);
}

void
loss_told(struct link *ln, const struct proto_msg *m)
{
	const struct network *net = relayd_network(ln->r);
	const char *why = NULL;
	struct ticket t;

	if (intake_answer_delivered(ln, m->id))
		return;
	if (net == NULL)
		return;
	if (ticket_parse(m->payload, m->payload_len, &t) < 0 ||
	    strcmp(t.id, m->id) != 0)
		why = "there is no ticket of it";
	else if (strcmp(t.home, ln->r->self->name) != 0)
		why = "its home is another";
	else
		why = judge_ticket(net, &t);
	if (why == NULL) {
		remember(ln, &t);
		return;
	}
	log_warn("what expired is not ours peer=%s id=%s error=\"%s\"",
	    ln->peer->name, m->id, why);
	link_send_id(ln, PROTO_HEARD, m->id);
}

void
loss_forget(struct relayd *r, const char *id)
{
	if (state_loss_del(r->state, id) == 0)
		relayd_flush_soon(r);
}
