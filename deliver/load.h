/* SPDX-License-Identifier: MIT */
/*
 * load - may one more delivery begin now? Mail that waited for days can
 * wait until the machine has time: under load one runs at a time, with a
 * pause behind it that is as long as it took, but at most
 * LOAD_PAUSE_MAX_MS. Pure.
 */
#ifndef AGAMID_DELIVER_LOAD_H
#define AGAMID_DELIVER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_PER_CPU 4.0 /* above it the machine is under load */
#define LOAD_PAUSE_MAX_MS 1000

/* load: the load average of the last minute, negative if not known; took,
 * idle: milliseconds of the last delivery, and since it ended. */
bool load_allows(double load, unsigned cpus, unsigned running,
    unsigned parallel, int64_t took_ms, int64_t idle_ms);

#endif
