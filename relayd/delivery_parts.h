/* SPDX-License-Identifier: MIT */
/*
 * delivery_parts - what the files of delivery share; for them alone.
 * delivery.c hands over and hears what became of it, delivery_sign.c gets
 * the receipts.
 */
#ifndef AGAMID_RELAYD_DELIVERY_PARTS_H
#define AGAMID_RELAYD_DELIVERY_PARTS_H

#include "relayd/delivery.h"
#include "relayd/mine.h"

struct delivery {
	struct relayd *r;
	struct client *client; /* NULL: not connected */
	struct mine_queues mine;
	int64_t connect_wait; /* ms */
	int64_t connect_at;
	struct event *timer;
};

/* It has its receipt: the file goes. */
void delivery_finish(struct delivery *d, struct mine *m);

/* It is at home as soon as agamid-deliver signs for it. */
void delivery_want_receipt(struct delivery *d, struct mine *m);
/* Is it time to ask for a receipt (now: ms)? Then do. */
bool delivery_sign_is_due(const struct delivery *d, int64_t now);
void delivery_ask_to_sign(struct delivery *d);
/* The answer: a receipt, or none. */
void delivery_take_receipt(struct delivery *d, const char *text, size_t len);
void delivery_signed_for(struct delivery *d);
/* There will be no answer. */
void delivery_sign_lost(struct delivery *d);

#endif
