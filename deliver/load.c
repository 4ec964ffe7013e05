/* SPDX-License-Identifier: MIT */
/*
 * load - may one more delivery begin now? See load.h.
 */
#include "deliver/load.h"

bool
load_allows(double load, unsigned cpus, unsigned running, unsigned parallel,
    int64_t took_ms, int64_t idle_ms)
{
	if (load <= LOAD_PER_CPU * (cpus > 0 ? cpus : 1))
		return running < parallel;
	if (took_ms > LOAD_PAUSE_MAX_MS)
		took_ms = LOAD_PAUSE_MAX_MS;
	return running == 0 && idle_ms >= took_ms;
}
