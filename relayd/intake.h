/* SPDX-License-Identifier: MIT */
/*
 * intake - bundles that come: from the milter by new/, from peers by
 * offers and incoming/PEER/ (doc/spec/relay.md, chapter 5).
 */
#ifndef AGAMID_RELAYD_INTAKE_H
#define AGAMID_RELAYD_INTAKE_H

#include "relayd/broker.h"

int intake_new(struct relayd *r, struct intake **in_r, struct error *error_r);
void intake_free(struct intake **in);

/* A file is in new/; or: look at all that are. */
void intake_take_new(struct relayd *r, const char *name);
void intake_scan_new(struct relayd *r);
/* What lies in incoming/, of all peers: at start. */
void intake_scan_incoming(struct relayd *r);
/* Remove what sessions left in tmp/ that died over it. */
void intake_sweep(struct relayd *r);

/* A session is up: ask for what is mine, if the peer is to be asked. */
void intake_ask(struct link *ln);
void intake_offered(struct link *ln, const struct proto_msg *m);
void intake_arrived(struct link *ln, const char *id, uint64_t size);
/* The session's process refused it: ask another holder. */
void intake_failed(struct link *ln, const char *id);
/* agamid-deliver says that own mail's ticket is not of who sealed it; or
 * that it is what it seemed to be. */
void intake_invalid(struct relayd *r, struct held *h);
void intake_settled(struct relayd *r, const char *id);
/* The session ends: ask others for what it was to bring. */
void intake_pass_on(struct link *ln);
void intake_link_gone(struct link *ln);

#endif
