/* SPDX-License-Identifier: MIT */
/*
 * schedule - which job runs when: in order, as many as may, fewer under
 * load; and which is run again before whoever asked hears of it.
 *
 * A job says how Postfix was to it. While Postfix is being started anew,
 * what it could not be given is tried each second, for AWAY_MS since it
 * went: a stop and a start of Postfix delays mail by a second, not by
 * deliver.retry. A job may also ask to be run again in a while (job.h).
 * Neither keeps a worker from other jobs.
 *
 * It knows no threads, clock or sockets: now is in milliseconds, monotonic.
 * Jobs are its caller's.
 */
#ifndef AGAMID_DELIVER_SCHEDULE_H
#define AGAMID_DELIVER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/job.h"

#define SCHEDULE_MAX 16 /* run at once */
#define AWAY_MS 10000
#define AWAY_TRY_MS 1000

struct schedule {
	struct job *queued; /* in order */
	struct job *running[SCHEDULE_MAX];
	unsigned running_count, parallel, cpus;
	int64_t last_end, last_took; /* of a job */
	int64_t away_since; /* Postfix; 0: it is there */
};

/* All zero but for these. */
void schedule_init(struct schedule *s, unsigned parallel, unsigned cpus);

/* Is a job of this ID queued, or running? */
bool schedule_has(const struct schedule *s, const char *id);
void schedule_add(struct schedule *s, struct job *j);

/* The next one that may run now, which is taken to run from now on; NULL:
 * none. load: the load average; negative: not known. */
struct job *schedule_next(struct schedule *s, double load, int64_t now);

/* It has run. True: what it says is what whoever asked is to hear; else it
 * is queued again. */
bool schedule_end(struct schedule *s, struct job *j, int64_t now);

/* How long to wait, in ms, before it is worth asking schedule_next() again,
 * if nothing comes meanwhile; -1: for ever. */
int schedule_wait(const struct schedule *s, int64_t now);

/* Any that is queued is taken out; NULL at last. */
struct job *schedule_drop(struct schedule *s);

#endif
