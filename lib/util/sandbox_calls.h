/* SPDX-License-Identifier: MIT */
/*
 * sandbox_calls - the sandbox's list of system calls; for sandbox.c.
 */
#ifndef AGAMID_SANDBOX_CALLS_H
#define AGAMID_SANDBOX_CALLS_H

#include "util/error.h"

/* Allow the calls that every role needs, and those of may (enum
 * sandbox_may); for all threads. Needs no_new_privs. */
int sandbox_calls_enter(unsigned may, struct error *error_r);

#endif
