/* SPDX-License-Identifier: MIT */
/*
 * schedule - which job runs when. See schedule.h.
 */
#include "deliver/schedule.h"

#include <string.h>

#include "deliver/load.h"
#include "util/log.h"

#define LOAD_POLL_MS 50
/* One that has run for so long waits for somebody, and is no load. */
#define YOUNG_MS 10000

void
schedule_init(struct schedule *s, unsigned parallel, unsigned cpus)
{
	memset(s, 0, sizeof(*s));
	s->parallel = parallel < SCHEDULE_MAX ? parallel : SCHEDULE_MAX;
	s->cpus = cpus;
}

bool
schedule_has(const struct schedule *s, const char *id)
{
	const struct job *j;
	unsigned i;

	for (j = s->queued; j != NULL; j = j->next) {
		if (strcmp(j->id, id) == 0)
			return true;
	}
	for (i = 0; i < s->running_count; i++) {
		if (strcmp(s->running[i]->id, id) == 0)
			return true;
	}
	return false;
}

void
schedule_add(struct schedule *s, struct job *j)
{
	struct job **end = &s->queued;

	while (*end != NULL)
		end = &(*end)->next;
	j->next = NULL;
	*end = j;
}

/* ---- starting ---- */

static unsigned
count_young(const struct schedule *s, int64_t now)
{
	unsigned i, n = 0;

	for (i = 0; i < s->running_count; i++)
		n += now - s->running[i]->begun < YOUNG_MS ? 1 : 0;
	return n;
}

struct job *
schedule_next(struct schedule *s, double load, int64_t now)
{
	struct job *j, **at = &s->queued;

	if (s->running_count >= s->parallel ||
	    !load_allows(load, s->cpus, count_young(s, now), s->parallel,
		s->last_took, now - s->last_end))
		return NULL;
	while (*at != NULL && (*at)->due > now)
		at = &(*at)->next;
	j = *at;
	if (j == NULL)
		return NULL;
	*at = j->next;
	j->begun = now;
	s->running[s->running_count++] = j;
	return j;
}

int
schedule_wait(const struct schedule *s, int64_t now)
{
	const struct job *j;
	int64_t first = INT64_MAX;

	if (s->running_count >= s->parallel)
		return -1;
	for (j = s->queued; j != NULL; j = j->next) {
		if (j->due < first)
			first = j->due;
	}
	if (first == INT64_MAX)
		return -1;
	/* What is due is held back by load. */
	return first > now ? (int)(first - now) : LOAD_POLL_MS;
}

/* ---- ending ---- */

/* How Postfix was; true if it is worth waiting for. */
static bool
is_coming_back(struct schedule *s, const struct job *j, int64_t now)
{
	if (j->postfix == POSTFIX_THERE && s->away_since != 0) {
		log_info("Postfix takes mail again");
		s->away_since = 0;
	}
	if (j->postfix != POSTFIX_AWAY)
		return false;
	if (s->away_since == 0) {
		log_warn("Postfix takes no mail error=\"%s\"", j->text);
		s->away_since = now;
	}
	return now - s->away_since < AWAY_MS;
}

bool
schedule_end(struct schedule *s, struct job *j, int64_t now)
{
	unsigned i;

	for (i = 0; s->running[i] != j; i++)
		continue;
	s->running[i] = s->running[--s->running_count];
	s->last_end = now;
	s->last_took = now - j->begun;
	if (is_coming_back(s, j, now))
		j->due = now + AWAY_TRY_MS;
	else if (j->wait_ms > 0)
		j->due = now + j->wait_ms;
	else
		return true;
	schedule_add(s, j);
	return false;
}

struct job *
schedule_drop(struct schedule *s)
{
	struct job *j = s->queued;

	if (j != NULL)
		s->queued = j->next;
	return j;
}
