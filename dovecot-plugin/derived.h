/* SPDX-License-Identifier: MIT */
/*
 * derived - what Dovecot keeps of what it made from mails: sort orders and
 * threads in a folder's index, and sizes that it counts. See derived.c.
 */
#ifndef AGAMID_PLUGIN_DERIVED_H
#define AGAMID_PLUGIN_DERIVED_H

#include "dovecot-plugin/plugin.h"

/* Is this transaction one in which Dovecot counts what is stored? Its mails
 * are not opened. */
bool derived_counts_stored(const struct mailbox_transaction_context *t);

void derived_set_vfuncs(struct mailbox_vfuncs *v);

#endif
