/* SPDX-License-Identifier: MIT */
/*
 * bundles - what lies in the spool, as its directories tell it, and what
 * agamid-relayd knows besides, if it runs.
 *
 * Names, file times and, for new/ and incoming/, the tickets are read;
 * no ticket's signature is checked here.
 */
#ifndef AGAMID_BUNDLES_H
#define AGAMID_BUNDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/conf.h"
#include "mail/spool.h"
#include "util/error.h"

enum bundle_place {
	BUNDLE_NEW, /* sealed here, not yet taken over by relayd */
	BUNDLE_INCOMING, /* brought by a peer, not yet accepted */
	BUNDLE_HELD, /* held for a peer */
	BUNDLE_MINE, /* our own, waiting for delivery */
};

struct bundle_item {
	enum bundle_place place;
	char home[NODE_NAME_MAX + 1]; /* "" if the ticket can't be read */
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	int64_t since; /* when the file was written */

	/* From relayd (relayd/control.h); 0 and "" where it does not say. */
	bool known; /* relayd has spoken of it */
	char from[NODE_NAME_MAX + 1]; /* who brought it */
	bool own; /* accepted here */
	bool few; /* fewer holders than wanted could be drawn */
	unsigned copies; /* nodes that have it, this one included */
	char holders[256]; /* the others that have it, with commas */
	char drawn[256]; /* those that are to get it */
	char missing[256]; /* that lost it, can't prove it or are silent */
	char state[16]; /* of our own mail */
};

struct bundle_list {
	struct bundle_item *items; /* the oldest first */
	size_t count, room;
};

int bundles_read(
    const struct conf *conf, struct bundle_list *list_r, struct error *error_r);
/* Add what relayd answered to "queue"; self is this node's name. */
void bundles_annotate(
    struct bundle_list *list, const char *self, const struct buf *answer);
void bundles_free(struct bundle_list *list);
/* "new", "incoming", "held", "mine". */
const char *bundle_place_name(enum bundle_place place);

#endif
