/* SPDX-License-Identifier: MIT */
/*
 * draw - which nodes are the backup MX of which (doc/spec/zone.md 3).
 *
 * Pure: the same manifests give the same answer, in whatever order they
 * come. Any number of zones may be made of one draw.
 */
#ifndef AGAMID_DRAW_H
#define AGAMID_DRAW_H

#include <stddef.h>

#include "manifests/manifest.h"

#define DRAW_MAX 10 /* the most backups that a manifest can ask for */

struct draw;

/* For all nodes at once (borrowed, each name once). NULL: no memory. */
struct draw *draw_new(const struct manifest *const *nodes, size_t count);
void draw_free(struct draw **d);
/* The backups of the home, by host; their number. */
size_t draw_backups(const struct draw *d, const struct manifest *home,
    const struct manifest *out[DRAW_MAX]);

#endif
