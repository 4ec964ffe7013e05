/* SPDX-License-Identifier: MIT */
/*
 * marker - asks agamid-deliver, who alone has the key, for the mark that
 * lets a mailbox's owner read what was sealed here (mail/sealed.h).
 */
#ifndef AGAMID_MILTER_MARKER_H
#define AGAMID_MILTER_MARKER_H

#include <stddef.h>
#include <stdint.h>

#include "mail/sealed.h"
#include "util/error.h"

/* The value of X-Agamid-Sealed for this sealed part, folded with CRLF. 0;
 * AG_ENOENT: this node has no key for marks; AG_EIO: no answer. */
int marker_ask(const char *run_dir, const char *mailbox,
    const uint8_t hash[SEALED_HASH_SIZE], char value_r[SEALED_MARK_MAX],
    struct error *error_r);

#endif
