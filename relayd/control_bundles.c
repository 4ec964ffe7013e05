/* SPDX-License-Identifier: MIT */
/*
 * control_bundles - answers about bundles: queue, trace, events. See
 * control.h.
 *
 * The queue may be long: its lines are made as the client reads them, a
 * portion a turn, from wherever in the index the last one ended. What
 * comes or goes meanwhile may be told or not.
 */
#include "relayd/control_parts.h"

#include <stdlib.h>
#include <string.h>

#include "mail/receipt.h"
#include "util/text.h"
#include "relayd/answer.h"
#include "relayd/client.h"
#include "relayd/delivery.h"
#include "relayd/events.h"
#include "relayd/repair.h"
#include "relayd/state_expiry.h"

#define PORTION 256 /* lines */
#define EVENTS_SHOWN 200
#define PREFIX_MIN 6 /* digits of an ID */

enum which { WHICH_HOLD, WHICH_DRAWN, WHICH_MISS, WHICH_NONE };

/* What a peer is to a bundle. */
static enum which
which_of(struct relayd *r, const struct copy *c)
{
	const struct peer *p = peers_find(r->peers, c->peer);

	switch (c->state) {
	case COPY_OWN:
	case COPY_SHORT:
		return WHICH_HOLD;
	case COPY_BROUGHT:
	case COPY_HAS:
		return p != NULL && repair_is_silent(r, p) ? WHICH_MISS
							   : WHICH_HOLD;
	case COPY_DRAWN:
		return WHICH_DRAWN;
	case COPY_LOST:
	case COPY_UNPROVEN:
		return WHICH_MISS;
	default:
		return WHICH_NONE;
	}
}

static void
put_names(struct relayd *r, struct buf *line, enum which which,
    const struct copy *copies, int count)
{
	static const char *const keys[] = {"holders", "drawn", "missing"};
	char sep = '=';
	int i;

	buf_printf(line, " %s", keys[which]);
	for (i = 0; i < count; i++) {
		if (which_of(r, &copies[i]) != which)
			continue;
		buf_printf(line, "%c%s", sep, copies[i].peer);
		sep = ',';
	}
	if (sep == '=')
		buf_putc(line, '=');
}

/* Those that have it; this node does, whatever the database says. */
static unsigned
count_copies(struct relayd *r, const struct copy *copies, int count)
{
	unsigned n = 1;
	int i;

	for (i = 0; i < count; i++) {
		if (which_of(r, &copies[i]) == WHICH_HOLD &&
		    strcmp(copies[i].peer, r->self->name) != 0)
			n++;
	}
	return n;
}

static void
put_held(
    struct relayd *r, struct buf *line, const struct held *h, const char *id)
{
	struct copy copies[STATE_COPIES_MAX];
	struct peer *from = peers_at(r->peers, h->from);
	int count = state_copies(r->state, id, copies, STATE_COPIES_MAX);

	buf_printf(line, " from=%s own=%s short=%s copies=%u",
	    from == NULL ? "" : from->name,
	    (h->flags & INDEX_OWN) != 0 ? "yes" : "no",
	    (h->flags & INDEX_SHORT) != 0 ? "yes" : "no",
	    count_copies(r, copies, count));
	put_names(r, line, WHICH_HOLD, copies, count);
	put_names(r, line, WHICH_DRAWN, copies, count);
	put_names(r, line, WHICH_MISS, copies, count);
}

static void
put_bundle(struct relayd *r, struct buf *line, const struct held *h)
{
	struct peer *home = store_home(r->store, h);
	char id[BUNDLE_ID_LEN + 1];

	held_id(h, id);
	buf_printf(line, "id=%s home=%s size=%llu day=%u", id, home->name,
	    (unsigned long long)h->size, h->day);
	if (home == r->self)
		buf_printf(line, " state=%s", delivery_state(r->delivery, id));
	else
		put_held(r, line, h, id);
}

struct queue {
	struct relayd *r;
	size_t slot; /* the next to look at */
};

/* client_source_fn */
static bool
queue_more(struct client *c, void *ctx)
{
	struct queue *q = ctx;
	struct index *ix = store_index(q->r->store);
	struct held *h = NULL;
	struct buf line;
	unsigned i;

	answer_init(&line);
	for (i = 0; i < PORTION; i++, q->slot++) {
		h = index_from(ix, &q->slot);
		if (h == NULL)
			break;
		put_bundle(q->r, &line, h);
		answer_send(c, &line);
	}
	buf_free(&line);
	if (h != NULL)
		return true;
	answer_end(c);
	return false;
}

void
control_queue(struct relayd *r, struct client *c)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		answer_error(c, "out of memory");
		answer_end(c);
		return;
	}
	q->r = r;
	client_stream(c, queue_more, free, q);
}

/* Trace ----------------------------------------------------------------- */

/* state_event_fn */
static void
put_event(const struct event_row *e, void *ctx)
{
	struct client *c = ctx;
	struct buf line;

	answer_init(&line);
	buf_printf(&line, "at=%lld what=%s id=%s", (long long)e->at,
	    event_name(e->kind), e->id);
	answer_quoted(&line, "who", e->who);
	if (e->text[0] != '\0')
		answer_quoted(&line, "text", e->text);
	answer_send(c, &line);
	buf_free(&line);
}

/* What its ticket says, if the bundle is here. */
static void
put_ticket(struct relayd *r, struct buf *line, const struct held *h)
{
	struct error error = {""};
	struct ticket t;

	if (store_ticket(r->store, h, &t, &error) == 0)
		buf_printf(line, " acceptor=%s time=%lld wanted=%u", t.acceptor,
		    (long long)t.time, t.copies);
}

static void
put_receipt(struct relayd *r, struct buf *line, const char *id)
{
	struct receipt *rc = calloc(1, sizeof(*rc));
	struct buf text;

	buf_init(&text, RECEIPT_MAX);
	if (rc != NULL && state_receipt_find(r->state, id, &text) == 1 &&
	    receipt_parse(text.data, text.len, rc) == 0)
		buf_printf(line, " receipt=%s receipt-time=%lld receipt-key=%s",
		    rc->home, (long long)rc->time, rc->key);
	buf_free(&text);
	free(rc);
}

/* Is it an ID, or the beginning of one that is held or was heard of? */
static int
find_id(struct relayd *r, const char *prefix, char id_r[BUNDLE_ID_LEN + 1])
{
	size_t len = strlen(prefix);

	if (len < PREFIX_MIN || len > BUNDLE_ID_LEN ||
	    !text_is_hex(prefix, len))
		return AG_EINVAL;
	if (len < BUNDLE_ID_LEN)
		return state_event_id(r->state, prefix, id_r);
	memcpy(id_r, prefix, BUNDLE_ID_LEN + 1);
	return 1;
}

void
control_trace(struct relayd *r, struct client *c, const char *prefix)
{
	char id[BUNDLE_ID_LEN + 1];
	struct buf line;
	struct held *h;
	int rc;

	rc = find_id(r, prefix, id);
	if (rc != 1) {
		answer_error(c,
		    rc == AG_EINVAL	  ? "that is no ID"
			: rc == AG_EEXIST ? "several IDs begin so"
					  : "nothing is known of it");
		return;
	}
	answer_init(&line);
	h = store_find(r->store, id);
	if (h != NULL) {
		put_bundle(r, &line, h);
		put_ticket(r, &line, h);
	} else {
		buf_printf(&line, "id=%s", id);
	}
	buf_printf(&line, " here=%s", h != NULL ? "yes" : "no");
	put_receipt(r, &line, id);
	answer_send(c, &line);
	buf_free(&line);
	if (state_each_event(r->state, id, put_event, c) < 0)
		answer_error(c, "network.db can't be read");
}

void
control_events(struct relayd *r, struct client *c)
{
	if (state_last_events(r->state, EVENTS_SHOWN, put_event, c) < 0)
		answer_error(c, "network.db can't be read");
}

/* state_loss_fn */
static void
put_loss(const struct loss *l, void *ctx)
{
	struct client *c = ctx;
	struct buf line;

	answer_init(&line);
	buf_printf(&line,
	    "id=%s peer=%s acceptor=%s size=%llu time=%lld at=%lld", l->id,
	    l->peer, l->acceptor, (unsigned long long)l->size,
	    (long long)l->time, (long long)l->at);
	answer_send(c, &line);
	buf_free(&line);
}

void
control_expired(struct relayd *r, struct client *c)
{
	if (state_each_loss(r->state, put_loss, c) < 0)
		answer_error(c, "network.db can't be read");
}
