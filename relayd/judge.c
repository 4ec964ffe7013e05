/* SPDX-License-Identifier: MIT */
/*
 * judge - tickets and quotas. See judge.h.
 *
 * SECURITY: this decides what a peer can make this node store. A ticket is
 * the acceptor's word that the bytes are worth keeping for that home, and
 * the quota is what that word is worth.
 */
#include "relayd/judge.h"

#include <string.h>

#define BIG (1024 * 1024)

const char *
judge_ticket(const struct network *net, const struct ticket *t)
{
	const struct verify_key *key;

	if (strcmp(t->network, network_self(net)->network) != 0)
		return "the ticket is of another network";
	key = network_ticket_key(net, t->acceptor, t->key);
	if (key == NULL)
		return "the ticket's key is not one of its acceptor";
	if (ticket_verify(t, key) < 0)
		return "the ticket's signature is wrong";
	return NULL;
}

/* The most bytes of ciphertext that a message of max bytes may have. */
static uint64_t
judge_sealed_max(uint64_t max)
{
	/* Padding adds an eighth at most; packets and the head a little. */
	return max + max / 8 + 65536;
}

/* SPEC */
static const char *
judge_quota(uint64_t size, uint64_t quota, const struct judge_room *room)
{
	if (room->held > quota || size > quota - room->held)
		return "the quota of its home is used up";
	if (room->share > quota / 3 || size > quota / 3 - room->share)
		return "the peer's share of the quota is used up";
	if (size > BIG && room->held > quota / 2)
		return "too large while the quota is half used up";
	return NULL;
}

/* SPEC */
static const char *
judge_holder(const struct network *net, const struct ticket *t,
    const struct judge_room *room)
{
	const struct manifest *self = network_self(net);
	const struct manifest *home = network_find(net, t->home);
	const struct manifest *acceptor = network_find(net, t->acceptor);

	if (home == NULL)
		return "its home is not known here";
	if (!manifest_may_hold(self, home))
		return "this node does not hold for that home";
	if (acceptor == NULL)
		return "its acceptor is not known here";
	if (!manifest_may_hold(acceptor, home))
		return "its acceptor may not accept for that home";
	if (t->size > judge_sealed_max(self->max_message_size) ||
	    t->size > judge_sealed_max(home->max_message_size))
		return "it is too large";
	return judge_quota(t->size, self->quota, room);
}

const char *
judge_offer(const struct network *net, const struct ticket *t,
    const struct judge_room *room)
{
	const char *why = judge_ticket(net, t);

	/* SPEC: a home takes its own mail from any peer. */
	if (why == NULL && strcmp(t->home, network_self(net)->name) != 0)
		why = judge_holder(net, t, room);
	if (why == NULL &&
	    (room->free < room->reserve ||
		t->size > room->free - room->reserve))
		why = "there is no room";
	return why;
}
