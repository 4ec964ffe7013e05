/* SPDX-License-Identifier: MIT */
/*
 * match - a mailbox pattern: `\A(?:P)\z`, case-insensitive PCRE2, on the
 * local part, with match and depth limits (doc/spec/manifest.md).
 */
#ifndef AGAMID_MATCH_H
#define AGAMID_MATCH_H

#include "util/buf.h"
#include "util/error.h"

#define MATCH_PATTERN_MAX 512

struct match;

enum match_result { MATCH_NO, MATCH_YES, MATCH_LIMIT };

/*
 * One leading ^ and one trailing $ are dropped. Other anchors, look-around,
 * back-references, recursion, verbs, callouts, options, '@', '/', control
 * characters and line breaks are AG_EINVAL with the reason and where.
 * AG_ENOMEM.
 */
int match_compile(
    const char *pattern, struct match **m_r, struct error *error_r);
void match_free(struct match **m);
/* Thread-safe. Bytes, caseless in ASCII, as Postfix's pcre: tables are.
 * A local part is at most 512 bytes; longer: MATCH_NO. MATCH_LIMIT (not
 * known: to be answered by a temporary error) comes within milliseconds. */
enum match_result match_test(const struct match *m, const char *local);
/* The pattern as it stands in a Postfix pcre: table, without delimiters
 * and anchors: safe there because match_compile() accepted it. */
const char *match_pattern(const struct match *m);

#endif
