/* SPDX-License-Identifier: MIT */
/*
 * told - told.db: which notices this node has sent, to senders whose mail
 * expired and to those who want to be told that a home is away, so that
 * none goes out twice, nor more of them than may.
 *
 * agamid-deliver alone opens it. A call is one commit. Losing the
 * database loses no mail. Thread-safe.
 */
#ifndef AGAMID_DELIVER_TOLD_H
#define AGAMID_DELIVER_TOLD_H

#include <stdint.h>

#include "util/error.h"

struct told;

int told_open(const char *path, struct told **t_r, struct error *error_r);
void told_close(struct told **t);

/* Was this notice of this kind ("dsn", ...) sent? about: an ID or a name,
 * and what makes it one of its kind. 1, 0, AG_EIO. */
int told_is(struct told *t, const char *kind, const char *about);
int told_add(struct told *t, const char *kind, const char *about, int64_t now);
/* How many of this kind about something that begins so were sent after a
 * time; AG_EIO. */
int told_count(
    struct told *t, const char *kind, const char *prefix, int64_t after);

#endif
