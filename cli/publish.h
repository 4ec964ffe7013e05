/* SPDX-License-Identifier: MIT */
/*
 * publish - a tree becomes the derived directory, atomically (SPEC N-15).
 *
 * It is written beside, as derived.N, checked there, and comes into force
 * by switching the symbolic link `derived`. What has not changed is a hard
 * link to the file in force; only new files are written and synced. The
 * directory before it is kept, older ones are removed. Nothing changed:
 * nothing is touched.
 *
 * Fault points: derive.write, derive.fsync, derive.dirsync, derive.switch.
 */
#ifndef AGAMID_PUBLISH_H
#define AGAMID_PUBLISH_H

#include <stdbool.h>

#include "cli/tree.h"
#include "mail/conf.h"
#include "util/error.h"

struct published {
	bool changed;
	bool postfix; /* a table that Postfix reads has changed */
	bool sshd; /* sshd's configuration has changed */
	char name[32]; /* "derived.7", in force now */
};

/* The checks on the new directory before the switch; negative: don't. */
typedef int publish_check(const struct conf *conf, const char *dir,
    const struct published *p, struct error *error_r);

/* t is sorted. */
int publish_tree(const struct conf *conf, const struct tree *t,
    publish_check *check, struct published *p_r, struct error *error_r);

#endif
