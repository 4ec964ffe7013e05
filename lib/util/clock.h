/* SPDX-License-Identifier: MIT */
/*
 * clock - milliseconds that no setting of the clock changes, from a point
 * of the kernel's own: for waits and deadlines, not for dates. They can't
 * fail.
 */
#ifndef AGAMID_CLOCK_H
#define AGAMID_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: stands still while the machine sleeps. */
int64_t clock_ms(void);
/* CLOCK_BOOTTIME: goes on then. */
int64_t clock_boot_ms(void);

#endif
