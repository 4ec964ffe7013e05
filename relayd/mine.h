/* SPDX-License-Identifier: MIT */
/*
 * mine - own mail in held/SELF/, in queues by what is to be done about it.
 * What is done is delivery.c's.
 */
#ifndef AGAMID_RELAYD_MINE_H
#define AGAMID_RELAYD_MINE_H

#include <sys/queue.h>
#include <stdint.h>

#include "mail/bundle.h"

enum mine_state {
	MINE_WAITING, /* to be handed over as soon as may be */
	MINE_BUSY, /* agamid-deliver has it */
	MINE_LATER, /* to be handed over at `at` */
	MINE_OVER, /* its fate is settled; it lacks the receipt */
	MINE_STATES
};

enum sign_state { SIGN_NO, SIGN_WANTED, SIGN_ASKED, SIGN_STATES };

struct mine {
	TAILQ_ENTRY(mine) next; /* in by_state[state] */
	TAILQ_ENTRY(mine) next_sign; /* in by_sign[sign] */
	char id[BUNDLE_ID_LEN + 1];
	enum mine_state state;
	int64_t at; /* ms: when it is tried again */
	enum sign_state sign;
	int64_t sign_at; /* ms: when a receipt is asked for */
};

TAILQ_HEAD(mines, mine);

/* All zero is not empty: mine_init(). */
struct mine_queues {
	struct mines by_state[MINE_STATES]; /* MINE_LATER: by time */
	struct mines by_sign[SIGN_STATES]; /* SIGN_NO: not used */
	unsigned count, busy, wanted; /* all; MINE_BUSY; SIGN_WANTED */
};

void mine_init(struct mine_queues *q);
/* Forget all; the files stay. */
void mine_forget(struct mine_queues *q);

/* A new one, waiting; NULL when memory is out. */
struct mine *mine_add(struct mine_queues *q, const char *id);
void mine_drop(struct mine_queues *q, struct mine *m);
struct mine *mine_find(
    const struct mine_queues *q, enum mine_state state, const char *id);
unsigned mine_count(const struct mine_queues *q, enum mine_state state);
void mine_set_state(
    struct mine_queues *q, struct mine *m, enum mine_state state);
/* at: ms; when a receipt is to be asked for (SIGN_WANTED). */
void mine_set_sign(
    struct mine_queues *q, struct mine *m, enum sign_state sign, int64_t at);

#endif
