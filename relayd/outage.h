/* SPDX-License-Identifier: MIT */
/*
 * outage - when a home counts as away for so long that somebody is to be
 * told, and who tells (doc/spec/node.md, chapter 24). Pure.
 */
#ifndef AGAMID_RELAYD_OUTAGE_H
#define AGAMID_RELAYD_OUTAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTAGE_LOOK_MS (60 * 1000) /* how often it is looked */
#define OUTAGE_FIRST_MS (6 * 3600 * 1000LL) /* heard nothing for so long */
#define OUTAGE_SECOND_DAYS 2 /* seen since then */
#define OUTAGE_THIRD_DAYS 7

struct outage {
	int64_t silent; /* ms: heard nothing, while others were heard */
	/* Kept over a restart: */
	unsigned stage; /* 0: it is not away; else what was told last */
	int64_t since; /* seconds since 1970; 0 with stage 0 */
	uint32_t day; /* when stage 1 was reached, in days seen */
};

struct outage_facts {
	bool heard; /* a sign of life, or it said that it would be away */
	bool online; /* this node hears others */
	int64_t elapsed; /* ms since the last look */
	uint32_t day; /* days seen */
	int64_t now; /* seconds since 1970 */
};

/*
 * Look once more. True if stage, since or day changed: a home is back
 * (stage 0), or the next stage has come. At most one a look.
 */
bool outage_look(struct outage *o, const struct outage_facts *f);

/*
 * Which of these nodes tells of this home (rendezvous hashing): all who see
 * the same nodes choose the same one. Its index; count must not be 0.
 */
size_t outage_choose(const char *home, const char *const *nodes, size_t count);

#endif
