/* SPDX-License-Identifier: MIT */
/*
 * match_check - is this pattern within the part of PCRE2 that a manifest
 * may use? Only match.c asks.
 */
#ifndef AGAMID_MATCH_CHECK_H
#define AGAMID_MATCH_CHECK_H

#include <stddef.h>

#include "util/error.h"

#define MATCH_NEST_MAX 16 /* groups in groups */
#define MATCH_REPEAT_MAX 512 /* in {n,m} */

/*
 * Check the pattern s[0..len), which is what is left when one leading ^
 * and one trailing $ are gone. 0, or AG_EINVAL with the reason; places are
 * counted in bytes from 1, and shift is added to them (1 where a ^ was
 * dropped), so that they fit what was written.
 */
int match_check(const char *s, size_t len, size_t shift, struct error *error_r);

#endif
