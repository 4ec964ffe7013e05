/* SPDX-License-Identifier: MIT */
/*
 * run - another program by its argument vector, never through a shell,
 * with a deadline.
 */
#ifndef AGAMID_RUN_H
#define AGAMID_RUN_H

#include "util/buf.h"
#include "util/error.h"

/*
 * Run argv[0], looked for in PATH and then in the system's sbin
 * directories, in the C locale, with input (may be NULL: none) as its
 * standard input. What it prints goes to output (both streams; what does
 * not fit is dropped; may be NULL).
 *
 * Its exit status; AG_ENOENT if there is no such program, AG_EIO if it
 * could not be run, was killed by a signal or took longer than seconds
 * (it is killed then), each with the reason.
 */
int run_program(const char *const *argv, const char *input, struct buf *output,
    unsigned seconds, struct error *error_r);

#endif
