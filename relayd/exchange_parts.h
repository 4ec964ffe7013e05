/* SPDX-License-Identifier: MIT */
/*
 * exchange_parts - what the two halves of exchange share: exchange.c, which
 * says and hears what is in force where, and exchange_ask.c, which asks
 * for what is wanted of that. Nobody else includes it.
 */
#ifndef AGAMID_RELAYD_EXCHANGE_PARTS_H
#define AGAMID_RELAYD_EXCHANGE_PARTS_H

#include <event2/event.h>

#include "relayd/exchange.h"

#define BROUGHT_MAX 8 /* remembered of a node's */

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

/* Of a peer and node; made when it is first asked for. */
struct papers *exchange_papers(struct peer *p);
/* What this peer said of that node's; NULL if nothing. */
struct told *exchange_told_find(struct papers *of, const struct peer *node);
bool exchange_is_issue(
    const struct issue *a, uint64_t serial, const char *hash);
bool exchange_is_same(const struct issue *a, const struct issue *b);

/* exchange_look() within so many seconds. */
void exchange_look_soon(struct exchange *x, unsigned seconds);

/* ---- exchange_ask.c ---- */

/* SPEC: newer than what is here, or other under the same serial. */
bool exchange_wants(const struct exchange *x, const struct told *t);
/* Nobody is asked for this node's any more. */
void exchange_release(struct exchange *x, struct papers *node);
/* The timer's: ask the best for each that is wanted (ctx: the exchange). */
void exchange_look(evutil_socket_t fd, short what, void *ctx);

#endif
