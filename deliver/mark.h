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

/*
 * The field's value, for what agamid-seal has sealed here to a mailbox of
 * ours: hash is of its sealed part, in hex. There is no bundle, so the hash
 * is the ID as well; no bundle has that ID. AG_ENOENT: there is no such
 * mailbox with a key, or no key for marks.
 */
int mark_at_home(const char *mailbox, const char *hash,
    const struct manifest *self, const struct secrets *s, struct buf *out);

#endif
