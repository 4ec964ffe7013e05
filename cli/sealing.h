/* SPDX-License-Identifier: MIT */
/*
 * sealing - the directory of sealing keys, a part of the derived one: made
 * of the keys that have changed, and of links to the rest.
 */
#ifndef AGAMID_SEALING_H
#define AGAMID_SEALING_H

#include "cli/tree.h"
#include "util/error.h"

#define SEALING_KEYS "keys" /* which armored keys it is made of */

/* Write derived.N's sealing keys, durably; old is the derived directory in
 * force, or NULL. */
int sealing_write(const char *new, const char *old, const struct tree *t,
    struct error *error_r);

#endif
