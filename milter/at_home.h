/* SPDX-License-Identifier: MIT */
/*
 * at_home - whose mail is sealed at its own home, however it comes
 * (agamid.yaml(5), mailboxes.NAME.seal): the table that `agamid apply`
 * makes of it, "ADDRESS MAILBOX" a line.
 *
 * An address is what Postfix delivers to. Where it is a local user's, a
 * line has the local part alone as well, because Postfix knows that user
 * by each of its local domains.
 */
#ifndef AGAMID_MILTER_AT_HOME_H
#define AGAMID_MILTER_AT_HOME_H

#include <stdbool.h>

#include "mail/address.h"
#include "mail/sealed.h"
#include "util/buf.h"
#include "util/error.h"

#define AT_HOME_TABLE "at-home"
#define AT_HOME_MAX (1U << 20) /* bytes */

/* The table in the derived directory dir; none is an empty one. 0,
 * AG_EIO, AG_ETOOBIG. */
int at_home_load(const char *dir, struct buf *table, struct error *error_r);

/* The mailbox that this recipient is, "+extension" or not. Pure. */
bool at_home_find(const struct buf *table, const struct address *rcpt,
    char mailbox_r[SEALED_MAILBOX_MAX + 1]);

#endif
