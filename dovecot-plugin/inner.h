/* SPDX-License-Identifier: MIT */
/*
 * inner - an opened mail as one of Dovecot's own: the only mail of a
 * mailbox of its "raw" storage, over the memfd. Pigeonhole edits mail the
 * same way. All that Dovecot can say of a mail (parts, sizes, envelope,
 * body structure) it then says itself.
 */
#ifndef AGAMID_PLUGIN_INNER_H
#define AGAMID_PLUGIN_INNER_H

#include "dovecot-plugin/plugin.h"

/*
 * The mail to answer from. 1: *inner_r; 0: the mail as it is stored; -1:
 * error, which the mail's storage has.
 */
int inner_get(struct mail *mail, struct mail **inner_r);
/* The same, for a question about its headers. */
int inner_get_header(struct mail *mail, struct mail **inner_r);
/* What inner said, and its error to the outer storage. */
int inner_done(struct mail *mail, struct mail *inner, int ret);
void inner_close(struct agamid_mail *am);

#endif
