/* SPDX-License-Identifier: MIT */
/*
 * broker - relay.sock: the processes of sessions, and control clients.
 *
 * A client's first message says what it is: "session NODE dialled|accepted"
 * makes it a session (proto.h), anything else is a command (control.h).
 * Who may be which is decided by its user.
 */
#ifndef AGAMID_RELAYD_BROKER_H
#define AGAMID_RELAYD_BROKER_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "relayd/proto.h"
#include "relayd/relayd.h"

/* A bundle offered to the peer, and what became of it. */
enum offer_state { OFFER_MADE, OFFER_WANTED, OFFER_SENT };

struct offer {
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	enum offer_state state;
};

/* A peer may want more than was offered and is not settled: of those that
 * it answered with "wait". */
#define LINK_OFFERS_MAX (PROTO_UNSETTLED_MAX + PROTO_OPEN_MAX)
#define LINK_TOLD_MAX 8 /* receipts told, not yet noted */

/* relayd's end of a session. */
struct link {
	TAILQ_ENTRY(link) next;
	uint64_t number; /* never used again */
	struct relayd *r;
	struct client *client;
	struct peer *peer;
	bool dialled; /* by this node */
	bool up; /* the hello has come */
	bool leaving; /* told to end */
	bool doubted; /* the peer may not be there any more */
	bool spoke; /* the peer's relayd has, behind the hello (away.c) */
	unsigned version; /* of the protocol, spoken by both */
	int64_t worked; /* ms: when something last happened */

	/* offer.c: out */
	struct offer offers[LINK_OFFERS_MAX]; /* in the order made */
	bool asked; /* the peer said mine */
	unsigned offer_count;
	unsigned unanswered; /* of these, OFFER_MADE */
	unsigned flight; /* sent, not acknowledged */
	uint64_t flight_bytes;
	uint16_t round;
	size_t cursor; /* in the index, of what is held for the peer */
	char drawn_after[BUNDLE_ID_LEN + 1]; /* of what is drawn for it */
	bool drawn_done;
	struct pace again; /* when all is offered anew; next 0: it isn't */

	/* expect.c: in */
	unsigned wants; /* asked for, not yet here */

	/* exchange.c */
	unsigned gets; /* manifests asked for, not yet here */
	unsigned formers; /* former.c: older ones that the peer asked for */

	/* adopt.c: telling the peer its own receipts */
	bool adopting;
	int64_t adopt_since, adopt_after;

	/* rescue.c */
	unsigned heard_offers, rescue_heard;
	bool rescue_asks;
	/* census.c */
	uint64_t census; /* the generation that was told; 0: none */
	unsigned asked_of_us; /* buckets, since: */
	int64_t asked_since;

	/* gate.c */
	int64_t deferred_since; /* seconds: when the count began */
	unsigned deferred;

	/* loss.c */
	unsigned lapses_open; /* told, and not heard yet */
	char lapsed_after[BUNDLE_ID_LEN + 1];

	/* receipts.c */
	int64_t told[LINK_TOLD_MAX]; /* numbers in state.h; 0: none */
	unsigned told_count;
	int64_t told_after;
};

struct broker;

int broker_new(struct relayd *r, struct broker **b_r, struct error *error_r);
void broker_free(struct broker **b);

/* Somebody else has set a client's calls (client_set()): it says nothing
 * more and is to be let go here; or it has gone. */
void broker_take_back(struct broker *b, struct client *c);
void broker_lost_one(struct broker *b);

/* Walk the sessions; NULL begins, NULL ends. */
struct link *broker_next(struct broker *b, struct link *after);
struct link *broker_find(struct broker *b, uint64_t number);
/* SPEC: the one dialled by the greater name stays. */
bool broker_is_better(
    const struct relayd *r, const struct link *a, const struct link *b);
/* The session with this peer on which this side offers, one that is not in
 * doubt if there is one; NULL if none. */
struct link *broker_best(struct broker *b, const struct peer *p);

/* One message to the session's process. */
void link_send(struct link *ln, const struct proto_msg *m, int pass_fd);
void link_send_id(struct link *ln, enum proto_verb verb, const char *id);
void link_send_text(
    struct link *ln, enum proto_verb verb, const char *id, const char *text);
/* The same, after the next flush. */
void link_send_after(struct link *ln, enum proto_verb verb, const char *id);
/* Say bye, and count on it no more. */
void link_end(struct link *ln, const char *why);

/* What a session's process says (client.h). */
void link_heard(
    struct client *c, const char *data, size_t len, int fd, void *ctx);

/* Is the peer still there? Until it has answered, another session with it
 * is as good as the only one; if it doesn't, this one ends. */
void link_doubt(struct link *ln);
/* The same, of every session. */
void broker_doubt(struct broker *b);
/* Close sessions that were dialled and have nothing to do. */
void broker_tidy(struct broker *b);
/* Close one dialled session that is idle, to make room for another. */
void broker_yield(struct broker *b);
/* Something is new: offer it, tell it. */
void broker_kick(struct broker *b);
/* Offer and tell everything once more, in the sessions that there are. */
void broker_anew(struct broker *b);

/* Look soon whether a session's `again` has come. */
void broker_again(struct broker *b);

#endif
