/* SPDX-License-Identifier: MIT */
/*
 * watch - shows something again and again: in place on a terminal until q
 * or an interrupt, one behind the other in a pipe.
 */
#ifndef AGAMID_WATCH_H
#define AGAMID_WATCH_H

#include "cli/screen.h"
#include "util/buf.h"

/* Makes the text anew; an exit code, and not CLI_OK ends it. */
typedef int watch_fn(void *ctx, const struct screen *screen, struct buf *out);

/* Every so many seconds; an exit code. */
int watch_run(watch_fn *fn, void *ctx, unsigned seconds);

#endif
