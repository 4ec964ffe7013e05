/* SPDX-License-Identifier: MIT */
/*
 * arrival - bundles that are there as files: the milter's in new/, peers'
 * in incoming/PEER/. Checked, moved to held/, and whom it concerns told
 * (doc/spec/relay.md, R-5.2, R-9.3).
 */
#ifndef AGAMID_RELAYD_ARRIVAL_H
#define AGAMID_RELAYD_ARRIVAL_H

#include "relayd/broker.h"

int arrival_start(struct relayd *r, struct error *error_r);

/* A file is in new/; or: look at all that are. */
void arrival_take_new(struct relayd *r, const char *name);
void arrival_scan_new(struct relayd *r);
/* What lies in incoming/, of all peers: at start. */
void arrival_scan_incoming(struct relayd *r);
/* Remove what sessions left in tmp/ that died over it. */
void arrival_sweep(struct relayd *r);

/* A session says that it placed a bundle. */
void arrival_told(struct link *ln, const char *id, uint64_t size);
/* A session has gone: look what it placed and could not tell of. */
void arrival_link_gone(struct link *ln);

#endif
