/* SPDX-License-Identifier: MIT */
/*
 * key_body - a mailbox's own public key in the manifest's YAML (body.h).
 * Pure. That mailbox's lines are written anew; all others stay.
 */
#ifndef AGAMID_KEY_BODY_H
#define AGAMID_KEY_BODY_H

#include "util/buf.h"

/*
 * body with the entry of this mailbox: its pattern (NULL: none), and its
 * armored key (NULL: none). AG_ENOENT: body does not have such a mailbox on
 * a line of its own below node.mailboxes.
 */
int key_body_set(const struct buf *body, const char *mailbox,
    const char *matches, const char *key, struct buf *out);

#endif
