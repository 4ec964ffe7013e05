/* SPDX-License-Identifier: MIT */
/*
 * mine - own mail, queued. See mine.h.
 */
#include "relayd/mine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
mine_init(struct mine_queues *q)
{
	int i;

	memset(q, 0, sizeof(*q));
	for (i = 0; i < MINE_STATES; i++)
		TAILQ_INIT(&q->by_state[i]);
	for (i = 0; i < SIGN_STATES; i++)
		TAILQ_INIT(&q->by_sign[i]);
}

struct mine *
mine_add(struct mine_queues *q, const char *id)
{
	struct mine *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	snprintf(m->id, sizeof(m->id), "%s", id);
	TAILQ_INSERT_TAIL(&q->by_state[m->state], m, next);
	q->count++;
	return m;
}

struct mine *
mine_find(const struct mine_queues *q, enum mine_state state, const char *id)
{
	struct mine *m;

	TAILQ_FOREACH (m, &q->by_state[state], next) {
		if (strcmp(m->id, id) == 0)
			return m;
	}
	return NULL;
}

void
mine_set_state(struct mine_queues *q, struct mine *m, enum mine_state state)
{
	if (m->state == MINE_BUSY)
		q->busy--;
	if (state == MINE_BUSY)
		q->busy++;
	TAILQ_REMOVE(&q->by_state[m->state], m, next);
	m->state = state;
	TAILQ_INSERT_TAIL(&q->by_state[state], m, next);
}

void
mine_set_sign(
    struct mine_queues *q, struct mine *m, enum sign_state sign, int64_t at)
{
	struct mine *after;

	if (m->sign == SIGN_WANTED)
		q->wanted--;
	if (sign == SIGN_WANTED)
		q->wanted++;
	if (m->sign != SIGN_NO)
		TAILQ_REMOVE(&q->by_sign[m->sign], m, next_sign);
	m->sign = sign;
	m->sign_at = at;
	if (sign == SIGN_NO)
		return;
	/* By time, almost always at the end. */
	after = TAILQ_LAST(&q->by_sign[sign], mines);
	while (after != NULL && after->sign_at > at)
		after = TAILQ_PREV(after, mines, next_sign);
	if (after == NULL)
		TAILQ_INSERT_HEAD(&q->by_sign[sign], m, next_sign);
	else
		TAILQ_INSERT_AFTER(&q->by_sign[sign], after, m, next_sign);
}

void
mine_drop(struct mine_queues *q, struct mine *m)
{
	mine_set_sign(q, m, SIGN_NO, 0);
	if (m->state == MINE_BUSY)
		q->busy--;
	TAILQ_REMOVE(&q->by_state[m->state], m, next);
	q->count--;
	free(m);
}

unsigned
mine_count(const struct mine_queues *q, enum mine_state state)
{
	const struct mine *m;
	unsigned n = 0;

	TAILQ_FOREACH (m, &q->by_state[state], next)
		n++;
	return n;
}

void
mine_forget(struct mine_queues *q)
{
	int i;

	for (i = 0; i < MINE_STATES; i++) {
		while (!TAILQ_EMPTY(&q->by_state[i]))
			mine_drop(q, TAILQ_FIRST(&q->by_state[i]));
	}
}
