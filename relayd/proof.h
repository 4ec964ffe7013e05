/* SPDX-License-Identifier: MIT */
/*
 * proof - does a peer have what it says it has (doc/spec/relay.md, chapter
 * 17)? Now and then each is asked for the hash of a nonce and one bundle,
 * which it can't know without the whole of it; and each that asks is
 * answered.
 *
 * A bundle is read in pieces, between which the loop goes on.
 */
#ifndef AGAMID_RELAYD_PROOF_H
#define AGAMID_RELAYD_PROOF_H

#include "relayd/broker.h"

#define PROOF_NONCE 16 /* bytes */

int proofs_new(struct relayd *r, struct proofs **x_r, struct error *error_r);
void proofs_free(struct proofs **x);

void proof_link_up(struct link *ln);
void proof_link_gone(struct link *ln);

/* prove; proof, lack, delivered. */
void proof_asked(struct link *ln, const struct proto_msg *m);
void proof_answered(struct link *ln, const struct proto_msg *m);

#endif
