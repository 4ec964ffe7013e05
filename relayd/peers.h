/* SPDX-License-Identifier: MIT */
/*
 * peers - the nodes that relayd knows by name, each with a number, and
 * what is known of them in memory: whether they are called, how they were
 * reached, what is held for them.
 *
 * A peer that left the network stays here while something is held for it.
 * The own node is one of them, for what waits for delivery.
 */
#ifndef AGAMID_RELAYD_PEERS_H
#define AGAMID_RELAYD_PEERS_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/ticket.h"
#include "manifests/network.h"
#include "relayd/pace.h"

#define PEER_ERROR_MAX 120
#define PEER_NO_NEWS SIZE_MAX

struct peer {
	uint16_t number; /* 1 ... */
	char name[NODE_NAME_MAX + 1];

	/* From the network's view. */
	bool known; /* its manifest is in force */
	bool dialable; /* it has addresses, or a dynamic name */
	bool standing; /* a session with it is kept open (standing.h) */

	/* Work for the next session. */
	bool call; /* ask it for what is mine */
	unsigned drawn; /* bundles drawn for it that it doesn't have */
	unsigned tells; /* receipts it is to hear */
	size_t news_held; /* lowest slot of what is new for it; or
				PEER_NO_NEWS */
	bool news_drawn; /* something was drawn for it */

	/* Reaching it. */
	struct pace pace;
	uint32_t child; /* dials it now (child.h); 0: none */
	uint32_t stale; /* another, given up, that has not ended; 0: none */
	bool child_up; /* that child's session has got its hello */
	int64_t child_since; /* ms: when it was started */
	bool up; /* its mail server, when it was last looked at */
	int64_t probed; /* then, in seconds of relayd_clock(); 0: never */
	int64_t slow_until; /* ms: no wait for its copies before that */
	int64_t called; /* when it was last asked for mine; ms */
	int64_t alive; /* the same as seen, in ms of relayd_clock(); 0 */
	int64_t seen; /* last sign of life, seconds since 1970; 0: none */
	bool has_skew;
	int64_t skew; /* its clock less ours, by its last hello; seconds */
	int64_t away; /* it said: away until then; 0: it isn't */
	int64_t told_away; /* what it was told of ours; 0: we are here */
	char error[PEER_ERROR_MAX]; /* of the last attempt; "" */

	/* exchange.c: its manifest, and what it said of others'. */
	struct papers *papers;
	int64_t confirmed; /* confirm.h; seconds since 1970, 0: never */
	int64_t confirm_stored;
	bool confirmed_by_link; /* by what it said in its session */
	int64_t looked_at; /* probe.c: from here; ms, 0: never */

	/* adopt.c, rescue.c: it has told, or brought, all that is ours. */
	bool adopted, rescued;
	/* census.c, repair.c and proof.c: what it says that it holds. */
	struct survey *survey;
	uint32_t heard; /* in days of repair.c: when last; 0: never */
	int64_t prove_at; /* ms: when it is asked for a proof again */
	unsigned dodged; /* sessions that it ended instead of an answer */

	/* What is held, and awaited, for this home. */
	uint64_t held_count, held_bytes, awaited_bytes;
	struct peer_share *shares;
	size_t share_count;
};

/* How much of what is held for a home one peer brought. */
struct peer_share {
	uint16_t from;
	uint64_t bytes;
};

struct peers;
struct papers;
struct survey;

/* Of a node's manifest: does it say where the node is? */
bool peer_has_address(const struct manifest *m);
/* And how its SSH server is recognised (SPEC )? */
bool peer_may_be_dialled(const struct manifest *m);

struct peers *peers_new(void); /* NULL when memory is out */
void peers_free(struct peers **ps);
size_t peers_count(const struct peers *ps);
/* By number; NULL if there is none. 1 ... peers_count(). */
struct peer *peers_at(const struct peers *ps, unsigned number);
struct peer *peers_find(const struct peers *ps, const char *name);
/* The same, made if new; NULL when memory is out, the name is no node's
 * name, or there are too many. */
struct peer *peers_get(struct peers *ps, const char *name);

/* Set known and dialable by this view (NULL: nobody is known). */
void peers_view(struct peers *ps, const struct network *net);

/* The share of home's bytes that `from` (a number) brought. */
uint64_t peer_share(const struct peer *home, unsigned from);
/* Account a bundle that came (sign 1) or went (-1). */
void peer_account(struct peer *home, unsigned from, uint64_t size, int sign);

/* Is there a reason to dial it? (That it may be dialled is another.) */
bool peer_has_work(const struct peer *p);

#endif
