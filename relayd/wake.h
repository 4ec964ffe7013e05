/* SPDX-License-Identifier: MIT */
/*
 * wake - this machine has slept, or somebody has set its clock.
 *
 * Told by the kernel at once (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET),
 * and looked at now and then all the same: a virtual machine that was
 * stopped is told nothing.
 */
#ifndef AGAMID_RELAYD_WAKE_H
#define AGAMID_RELAYD_WAKE_H

#include "relayd/relayd.h"

struct wake;

int wake_new(struct relayd *r, struct wake **w_r, struct error *error_r);
void wake_free(struct wake **w);

/* Compare the clocks with what they were, and act. */
void wake_look(struct relayd *r);

/* Milliseconds of CLOCK_REALTIME, CLOCK_BOOTTIME and CLOCK_MONOTONIC. */
struct wake_clocks {
	int64_t real, boot, mono;
};

/*
 * What has happened from one reading of the clocks to the next (pure).
 * slept: milliseconds for which the machine was suspended; set: by how much
 * its clock was set, forward or (negative) back. Each is 0 if it is less
 * than a second, which reading three clocks one by one may seem to be.
 */
struct wake_news {
	int64_t slept, set;
};
void wake_compare(const struct wake_clocks *before,
    const struct wake_clocks *now, struct wake_news *news_r);

#endif
