/* SPDX-License-Identifier: MIT */
/*
 * errand - one request to agamid-deliver for a notice (deliver/request.h),
 * on a connection of its own.
 */
#ifndef AGAMID_RELAYD_ERRAND_H
#define AGAMID_RELAYD_ERRAND_H

#include "relayd/relayd.h"

struct errand;

/* word: "done", "refused", or "retry", as well where nobody answered; text
 * is why ("" for done). The errand is over, and freed after the call. */
typedef void errand_fn(
    struct relayd *r, const char *word, const char *text, void *ctx);

/* line is without its "\n"; fd (or -1) is taken over. NULL: agamid-deliver
 * is not there; fn is not called then. */
struct errand *errand_new(
    struct relayd *r, const char *line, int fd, errand_fn *fn, void *ctx);
/* fn is not called any more. */
void errand_free(struct errand **e);

#endif
