/* SPDX-License-Identifier: MIT */
/*
 * census_parts - what census.c (what is held here, told and answered) and
 * census_ask.c (what peers hold, asked) share. Nobody else includes it.
 */
#ifndef AGAMID_RELAYD_CENSUS_PARTS_H
#define AGAMID_RELAYD_CENSUS_PARTS_H

#include "relayd/census.h"
#include "relayd/tally.h"

#define CENSUS_ANSWER_MS 60000 /* within which these must come */

/* Look in so many milliseconds, or sooner if that was meant before. */
void census_look_in(struct census *c, int64_t ms);
/* What is held here for a home, when it was last counted; NULL: nothing. */
const struct tally *census_own(const struct census *c, const struct peer *home);
/* Count one more question: may there be so many in this minute? */
bool census_may_ask(unsigned *asked, int64_t *since, unsigned max);

/* Settle one bucket with this peer: ask, or, where both have the same,
 * don't. */
void census_ask_more(struct census *c, struct link *ln);
/* What is held here for a home (a number) has changed: buckets that did are
 * to be settled anew with everybody. */
void census_unsettle(struct peers *peers, unsigned home,
    const struct tally *before, const struct tally *now);
void census_survey_free(struct peer *p);

#endif
