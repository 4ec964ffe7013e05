/* SPDX-License-Identifier: MIT */
/*
 * mark - X-Agamid-Sealed, for a mail that stays sealed to its mailbox's
 * own key: what lets the Dovecot plugin open it (mail/sealed.h).
 *
 * Only what the acceptor itself sealed is marked: its boundary holds the
 * bundle's nonce, which nobody knew when the mail was sent. So a PGP/MIME
 * mail of a stranger's is never marked, whoever it is encrypted to.
 */
#ifndef AGAMID_DELIVER_MARK_H
#define AGAMID_DELIVER_MARK_H

#include "deliver/open.h"
#include "deliver/secrets.h"
#include "mail/ticket.h"
#include "manifests/manifest.h"
#include "util/buf.h"

/* Append the field to out where the mail is so sealed; 0 as well where it
 * is not. self: our own manifest. */
int mark_write(const struct opened *o, const struct ticket *t,
    const struct manifest *self, const struct secrets *s, struct buf *out);

#endif
