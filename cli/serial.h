/* SPDX-License-Identifier: MIT */
/*
 * serial - a manifest's serial number: YYYYMMDDNN of the day it is
 * signed, and always above every earlier one. Pure functions.
 */
#ifndef AGAMID_SERIAL_H
#define AGAMID_SERIAL_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

/* The first serial of the day of now (UTC), or newest + 1. */
uint64_t serial_next(int64_t now, uint64_t newest);

/*
 * Copy a manifest's body with its top-level `serial:` line set; other
 * bytes, a comment on that line too, stay. AG_ENOENT if there is none.
 */
int serial_set(const char *body, size_t len, uint64_t serial, struct buf *out);

#endif
