/* SPDX-License-Identifier: MIT */
/*
 * receipts - from homes, to holders. See receipts.h.
 *
 * The only code that leads to the removal of a bundle held for another
 * node. A bundle goes when a receipt that covers it, signed by a receipt
 * key of its own home, is durable here; first the commit, then the unlink.
 *
 * SECURITY: whoever brings it, a receipt counts by its signature alone,
 * and only for bundles of the home that signed it.
 */
#include "relayd/receipts.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "relayd/adopt.h"
#include "relayd/client.h"
#include "relayd/dialler.h"
#include "relayd/dsn.h"
#include "relayd/events.h"
#include "relayd/holders.h"
#include "relayd/loss.h"
#include "relayd/offer.h"
#include "relayd/state_signers.h"

/* Parsed, and signed by its home? */
static int
verify(struct relayd *r, const char *text, size_t len, struct receipt *rc_r)
{
	const struct network *net = relayd_network(r);
	const struct verify_key *key;

	if (receipt_parse(text, len, rc_r) < 0)
		return AG_EINVAL;
	if (net == NULL ||
	    strcmp(rc_r->network, network_self(net)->network) != 0)
		return AG_ESIG;
	key = network_receipt_key(net, rc_r->home, rc_r->key);
	return key == NULL ? AG_ESIG : receipt_verify(rc_r, key);
}

/* Does this ID concern us, and is it this home's? What we hold for another
 * is not done with a receipt of our own. */
static bool
concerns(struct relayd *r, const struct receipt *rc, const char *id)
{
	struct held *h = store_find(r->store, id);

	if (h == NULL) /* adopt.c */
		return strcmp(rc->home, r->self->name) == 0;
	return strcmp(store_home(r->store, h)->name, rc->home) == 0;
}

/* Those that have it are to hear of it. */
static void
tell_holders(struct relayd *r, const struct receipt *rc, const char *id,
    const struct peer *from, int64_t n)
{
	struct copy copies[STATE_COPIES_MAX];
	struct peer *p;
	int count, i;

	count = state_copies(r->state, id, copies, STATE_COPIES_MAX);
	for (i = 0; i < count; i++) {
		if (copies[i].state != COPY_BROUGHT &&
		    copies[i].state != COPY_HAS &&
		    copies[i].state != COPY_LOST &&
		    copies[i].state != COPY_UNPROVEN)
			continue;
		p = peers_find(r->peers, copies[i].peer);
		if (n == 0 || p == NULL || p == from || p == r->self ||
		    strcmp(p->name, rc->home) == 0)
			continue;
		state_tell_add(r->state, p->name, n);
	}
}

static void
note_receipt(struct relayd *r, const struct receipt *rc, const char *id,
    const struct peer *from)
{
	char text[64];

	snprintf(text, sizeof(text), "brought by %s",
	    from == NULL ? "agamid-deliver" : from->name);
	event_note(r, id, EVENT_RECEIPT, rc->home, text);
}

/* The bundle is at home. */
static void
settle(struct relayd *r, const struct receipt *rc, const char *id,
    const struct peer *from, int64_t n)
{
	struct held *h = store_find(r->store, id);

	if (n != 0)
		note_receipt(r, rc, id, from);
	tell_holders(r, rc, id, from, n);
	holders_forget(r, id);
	offer_forget(r, id);
	if (h != NULL && store_home(r->store, h) != r->self) {
		log_info("at home id=%s home=%s", id, rc->home);
		relayd_drop_later(r, h);
		dsn_forget(r, id);
	} else if (h != NULL) {
		loss_forget(r, id);
	}
}

static void
count_tells(struct relayd *r)
{
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		p->tells = state_tell_count(r->state, p->name);
		if (p->tells > 0)
			dialler_news(r, p);
	}
}

int
receipts_take(struct relayd *r, struct peer *from, const char *text, size_t len)
{
	const char *ids[RECEIPT_IDS_MAX];
	unsigned i, count = 0;
	struct receipt rc;
	int64_t n;
	int err;

	err = verify(r, text, len, &rc);
	if (err < 0)
		return err;
	for (i = 0; i < rc.count; i++) {
		if (!concerns(r, &rc, rc.ids[i]))
			continue;
		if (state_receipt_find(r->state, rc.ids[i], NULL) == 1) {
			settle(r, &rc, rc.ids[i], from, 0);
			continue;
		}
		ids[count++] = rc.ids[i];
	}
	if (count == 0)
		return 0; /* heard before, or of no concern */
	relayd_flush_soon(r);
	err = state_receipt_add(r->state, &rc, ids, count, r->day.day, &n);
	if (err == 0)
		err = state_signers_add(r->state, &rc, n);
	if (err < 0)
		return err;
	for (i = 0; i < count; i++)
		settle(r, &rc, ids[i], from, n);
	if (strcmp(rc.home, r->self->name) == 0)
		adopt_own(r, from);
	count_tells(r);
	r->kick = true;
	return 0;
}

/* state_id_fn */
static void
drop_left(const char *id, void *ctx)
{
	struct relayd *r = ctx;
	struct held *h = store_find(r->store, id);

	/* Own mail is handed over once more, and then dropped. */
	if (h != NULL && store_home(r->store, h) != r->self)
		relayd_drop_later(r, h);
}

void
receipts_load(struct relayd *r)
{
	state_each_receipted(r->state, drop_left, r);
}

/* relayd_after_fn: to all sessions */
static void
announce_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct proto_msg m = {
	    .verb = PROTO_RECEIPT, .payload = text, .payload_len = len};
	struct link *ln = NULL;

	(void)number;
	while ((ln = broker_next(r->broker, ln)) != NULL) {
		/* Those with something to be told hear it in their turn. */
		if (!ln->up || ln->leaving || ln->peer->tells > 0 ||
		    ln->told_count == LINK_TOLD_MAX)
			continue;
		ln->told[ln->told_count++] = 0;
		link_send(ln, &m, -1);
	}
}

void
receipts_announce(struct relayd *r, const char *text, size_t len)
{
	relayd_after_flush(r, announce_after, 0, text, len);
}

/* relayd_after_fn */
static void
noted_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	struct proto_msg m = {.verb = PROTO_NOTED};
	struct link *ln = broker_find(r->broker, number);

	(void)text;
	(void)len;
	if (ln != NULL && !ln->leaving)
		link_send(ln, &m, -1);
}

void
receipts_heard(struct link *ln, const char *text, size_t len)
{
	int rc = receipts_take(ln->r, ln->peer, text, len);

	if (rc == AG_EIO)
		return; /* not noted: it will come again */
	if (rc < 0)
		log_warn("a receipt is not good peer=%s error=%s",
		    ln->peer->name, error_name(rc));
	relayd_after_flush(ln->r, noted_after, ln->number, "", 0);
}

void
receipts_answer(struct link *ln, const char *id, const char *text, size_t len)
{
	int rc = receipts_take(ln->r, ln->peer, text, len);
	struct held *h = store_find(ln->r->store, id);

	if (rc < 0 || (h != NULL && (h->flags & INDEX_GONE) == 0))
		log_warn("a receipt does not cover peer=%s id=%s error=%s",
		    ln->peer->name, id, error_name(rc));
}

void
receipts_tell(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_RECEIPT};
	struct relayd *r = ln->r;
	struct buf text;
	int64_t n;

	if (ln->peer->tells == 0 || broker_best(r->broker, ln->peer) != ln)
		return;
	buf_init(&text, RECEIPT_MAX);
	while (ln->told_count < LINK_TOLD_MAX &&
	    state_tell_next(
		r->state, ln->peer->name, ln->told_after, &n, &text) == 1) {
		m.payload = text.data;
		m.payload_len = text.len;
		ln->told[ln->told_count++] = n;
		ln->told_after = n;
		link_send(ln, &m, -1);
		buf_reset(&text);
	}
	buf_free(&text);
}

void
receipts_noted(struct link *ln)
{
	int64_t n;

	if (ln->told_count == 0)
		return;
	n = ln->told[0];
	ln->told_count--;
	memmove(ln->told, ln->told + 1, ln->told_count * sizeof(n));
	if (n != 0 && state_tell_done(ln->r->state, ln->peer->name, n) == 0) {
		ln->peer->tells =
		    state_tell_count(ln->r->state, ln->peer->name);
		relayd_flush_soon(ln->r);
	}
	receipts_tell(ln);
	adopt_tell(ln);
}

void
receipts_link_gone(struct link *ln)
{
	struct link *other = broker_best(ln->r->broker, ln->peer);

	/* What was not noted is told again. */
	if (other != NULL) {
		other->told_after = 0;
		receipts_tell(other);
	}
}
