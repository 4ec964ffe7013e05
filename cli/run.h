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
 * Run argv[0], a path or looked for in PATH and then in the system's sbin
 * directories, in the C locale, with input (may be NULL: none) as its
 * standard input. Its standard output goes to output, its standard error
 * to complaints (what does not fit is dropped; either may be NULL).
 *
 * Its exit status; AG_ENOENT if there is no such program, AG_EIO if it
 * could not be run, was killed by a signal or took longer than seconds
 * (it is killed then), each with the reason.
 */
int run_program(const char *const *argv, const char *input, struct buf *output,
    struct buf *complaints, unsigned seconds, struct error *error_r);

/* The first line of what a program complained of, as an error. */
int run_complaint(
    const char *what, const struct buf *complaints, struct error *error_r);

#endif
