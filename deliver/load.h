/* SPDX-License-Identifier: MIT */
/*
 * load - may one more delivery begin now? Mail that waited for days can
 * wait until the machine has time: under load one runs at a time, with a
 * pause between them. Pure.
 */
#ifndef AGAMID_DELIVER_LOAD_H
#define AGAMID_DELIVER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_PER_CPU 4.0 /* above it the machine is under load */
#define LOAD_PAUSE_MS 1000

/* load: the load average of the last minute, negative if not known; idle:
 * milliseconds since the last delivery ended. */
bool load_allows(double load, unsigned cpus, unsigned running,
    unsigned parallel, int64_t idle_ms);

#endif
