/* SPDX-License-Identifier: MIT */
/*
 * notices - what came by exchange and is not in force: told to the
 * operator by `agamid status` and `apply` for as long as it matters, and
 * to relayd, so that it fetches nothing twice.
 */
#ifndef AGAMID_NOTICES_H
#define AGAMID_NOTICES_H

#include <stdint.h>

#include "cli/store.h"
#include "mail/conf.h"
#include "util/buf.h"

/*
 * A node's lines: for the operator to problems, "NAME SERIAL SHA256" of
 * each manifest that was judged and not taken to seen. What is not newer
 * than what is kept is told no more.
 */
void notices_add(const struct conf *conf, const char *name,
    const struct store_files *files, int64_t now, struct buf *problems,
    struct buf *seen);

#endif
