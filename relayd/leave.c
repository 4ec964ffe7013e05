/* SPDX-License-Identifier: MIT */
/*
 * leave - what is held is handed on. See leave.h.
 *
 * A bundle that was accepted here gets as many other holders as its ticket
 * wants. One that a peer brought gets one holder in this node's place:
 * who else holds it is known to its acceptor alone, so if the one that
 * was drawn has it already, another is drawn.
 */
#include "relayd/leave.h"

#include <string.h>

#include "util/log.h"
#include "relayd/away.h"
#include "relayd/holders.h"

#define LEAVE "leave"

struct others {
	unsigned has, brought, drawn;
};

/* The other nodes, not its home, that have it or are to. */
static int
count_others(struct relayd *r, const struct held *h, struct others *o_r)
{
	struct copy copies[STATE_COPIES_MAX];
	const char *home = store_home(r->store, h)->name;
	char id[BUNDLE_ID_LEN + 1];
	int count, i;

	memset(o_r, 0, sizeof(*o_r));
	held_id(h, id);
	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	for (i = 0; i < count; i++) {
		if (strcmp(copies[i].peer, home) == 0 ||
		    strcmp(copies[i].peer, r->self->name) == 0)
			continue;
		o_r->has += copies[i].state == COPY_HAS;
		o_r->brought += copies[i].state == COPY_BROUGHT;
		o_r->drawn += copies[i].state == COPY_DRAWN;
	}
	return count < 0 ? count : 0;
}

static bool
is_others(struct relayd *r, const struct held *h)
{
	return (h->flags & INDEX_GONE) == 0 &&
	    store_home(r->store, h) != r->self;
}

void
leave_look(struct relayd *r, struct held *h)
{
	struct others o;

	if (!r->leaving || !is_others(r, h))
		return;
	if ((h->flags & INDEX_OWN) != 0)
		holders_draw(r, h);
	else if (count_others(r, h, &o) == 0 && o.has + o.drawn == 0)
		holders_draw_one(r, h);
}

void
leave_look_all(struct relayd *r)
{
	struct index *ix = store_index(r->store);
	struct held *h;
	size_t slot;

	for (slot = 0; r->leaving && (h = index_from(ix, &slot)) != NULL;
	     slot++)
		leave_look(r, h);
}

void
leave_had(struct relayd *r, const char *id)
{
	struct held *h = store_find(r->store, id);
	struct others o;

	if (!r->leaving || h == NULL || !is_others(r, h) ||
	    (h->flags & INDEX_OWN) != 0)
		return;
	if (count_others(r, h, &o) == 0 && o.drawn == 0)
		holders_draw_one(r, h);
}

void
leave_tally(struct relayd *r, struct leave_count *count_r)
{
	struct index *ix = store_index(r->store);
	struct others o;
	struct held *h;
	size_t slot;

	memset(count_r, 0, sizeof(*count_r));
	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (!is_others(r, h) || count_others(r, h, &o) < 0)
			continue;
		count_r->held++;
		count_r->drawn += o.drawn;
		if (o.has > 0 || (o.brought > 0 && o.drawn == 0))
			count_r->handed++;
		else if (o.drawn > 0)
			count_r->pending++;
		else
			count_r->alone++;
	}
}

void
leave_load(struct relayd *r)
{
	int64_t n;

	r->leaving = state_number(r->state, LEAVE, &n) == 0 && n != 0;
	if (r->leaving)
		log_warn("this node is leaving the network");
}

int
leave_set(struct relayd *r, bool leaving)
{
	if (state_set_number(r->state, LEAVE, leaving) < 0)
		return AG_EIO;
	r->leaving = leaving;
	log_warn(leaving ? "this node begins to leave the network"
			 : "this node stays in the network");
	leave_look_all(r);
	return away_pause(r, 0); /* tells everybody */
}
