/* SPDX-License-Identifier: MIT */
/*
 * judge - whether a ticket is good, and whether this node takes the bundle
 * (doc/spec/relay.md, chapter 5). Pure: a view of the network, the ticket
 * and numbers in, a sentence out.
 */
#ifndef AGAMID_RELAYD_JUDGE_H
#define AGAMID_RELAYD_JUDGE_H

#include <stdint.h>

#include "mail/ticket.h"
#include "manifests/network.h"

struct judge_room {
	uint64_t held; /* bytes held for this home, and awaited */
	uint64_t share; /* of them, brought by this peer */
	uint64_t free; /* on the file system, less all that is awaited */
	uint64_t reserve; /* that must stay free */
};

/* Is the ticket signed by a key of its acceptor, for this network? NULL,
 * or why not. */
const char *judge_ticket(const struct network *net, const struct ticket *t);

/* Does this node take the bundle from a peer? NULL, or why not. */
const char *judge_offer(const struct network *net, const struct ticket *t,
    const struct judge_room *room);

#endif
