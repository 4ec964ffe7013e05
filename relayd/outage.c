/* SPDX-License-Identifier: MIT */
/*
 * outage - is a home away, and who tells. See outage.h.
 */
#include "relayd/outage.h"

#include <sodium.h>
#include <string.h>

/* This process, or the machine, has slept: nobody could be heard. */
#define GAP_MS (2 * OUTAGE_LOOK_MS)

static bool
is_next(const struct outage *o, const struct outage_facts *f)
{
	uint32_t days = f->day > o->day ? f->day - o->day : 0;

	switch (o->stage) {
	case 0:
		return o->silent >= OUTAGE_FIRST_MS;
	case 1:
		return days >= OUTAGE_SECOND_DAYS;
	case 2:
		return days >= OUTAGE_THIRD_DAYS;
	default:
		return false;
	}
}

bool
outage_look(struct outage *o, const struct outage_facts *f)
{
	bool was_away = o->stage != 0;

	if (f->heard) {
		memset(o, 0, sizeof(*o));
		return was_away;
	}
	if (!f->online)
		return false;
	o->silent += f->elapsed < GAP_MS ? f->elapsed : 0;
	if (!is_next(o, f))
		return false;
	if (o->stage++ == 0) {
		o->since = f->now - o->silent / 1000;
		o->day = f->day;
	}
	return true;
}

static void
score(const char *home, const char *node, uint8_t out[16])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 16);
	crypto_generichash_update(&st, (const uint8_t *)home, strlen(home) + 1);
	crypto_generichash_update(&st, (const uint8_t *)node, strlen(node) + 1);
	crypto_generichash_final(&st, out, 16);
}

size_t
outage_choose(const char *home, const char *const *nodes, size_t count)
{
	uint8_t best[16], this[16];
	size_t i, chosen = 0;

	score(home, nodes[0], best);
	for (i = 1; i < count; i++) {
		score(home, nodes[i], this);
		if (memcmp(this, best, sizeof(best)) < 0) {
			memcpy(best, this, sizeof(best));
			chosen = i;
		}
	}
	return chosen;
}
