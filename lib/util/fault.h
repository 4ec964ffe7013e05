/* SPDX-License-Identifier: MIT */
/*
 * fault - named fault points for tests.
 *
 * Each durable step (write, fsync, rename, commit, send) passes one. In an
 * ordinary build a point is the constant false. Configured with
 * --enable-fault-points, the file named by the environment variable
 * AGAMID_FAULTS (/run/agamid-faults) is read at each point; a line
 * "[PROGRAM/]POINT ACTION [N]" acts the N-th time (default 1) that this
 * process (of this program) passes POINT, counted from when the line is
 * seen: ACTION is "error" (the step fails with EIO), "kill" (SIGKILL to
 * oneself before the step), "kill-after" is for points that call
 * fault_after(). A fired line is logged and remembered, and not fired again
 * in the same process.
 */
#ifndef AGAMID_FAULT_H
#define AGAMID_FAULT_H

#include <stdbool.h>

#ifdef ENABLE_FAULT_POINTS
/* The file. */
const char *fault_file(void);
/* True if the step is to fail; errno is EIO then. */
bool fault_point(const char *name);
/* After the step: may kill the process. */
void fault_after(const char *name);
#else
#define fault_point(name) false
#define fault_after(name) ((void)0)
#endif

#endif
