/* SPDX-License-Identifier: MIT */
/*
 * edit - the operator's editor on a text, again until it is good or he
 * gives up.
 */
#ifndef AGAMID_EDIT_H
#define AGAMID_EDIT_H

#include <stdbool.h>

#include "util/buf.h"

/* Is it good? It says itself why not. */
typedef bool edit_check(const struct buf *body, void *arg);

/*
 * $VISUAL, $EDITOR, editor or vi on body, which becomes what he left if
 * check finds it good. dir: a private directory. CLI_OK; CLI_FAILED, after
 * saying why: it is as it was, or he gave up. An exit code.
 */
int edit_body(const char *dir, struct buf *body, edit_check *check, void *arg);

#endif
