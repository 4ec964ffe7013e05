/* SPDX-License-Identifier: MIT */
/*
 * lmtp_home - agamid-seal's door to this node's own mail store: between
 * Postfix and Dovecot, behind the filters (doc/spec/dovecot.md, chapter 8).
 *
 * What is for a mailbox that is sealed always is sealed to its key and
 * marked, and then given to the store; what is PGP/MIME already, and other
 * mailboxes' mail, passes as it is. The store's answers are the answers. A
 * mail that can't be sealed, marked or stored now gets a 4xx.
 */
#ifndef AGAMID_MILTER_LMTP_HOME_H
#define AGAMID_MILTER_LMTP_HOME_H

#include "milter/lmtp_session.h"

extern const struct lmtp_door lmtp_home;

#endif
