/* SPDX-License-Identifier: MIT */
/*
 * state_signers - who signed the receipts that are kept, and when: so that
 * a home which lost its own finds them again (adopt.h). A table of
 * network.db beside those of state.h, made when it is missing, and filled
 * from the receipts themselves.
 */
#ifndef AGAMID_RELAYD_STATE_SIGNERS_H
#define AGAMID_RELAYD_STATE_SIGNERS_H

#include "relayd/state.h"

/* Make the table, and enter what was kept before there was one. */
int state_signers_open(struct state *s);
/* The receipt that is kept under this number. */
int state_signers_add(struct state *s, const struct receipt *rc, int64_t n);
/* The first of a home's receipts with a number above after, signed later
 * than since. 1, its number, its text appended; 0, AG_EIO. */
int state_signers_next(struct state *s, const char *home, int64_t since,
    int64_t after, int64_t *n_r, struct buf *text);
/* When a home's newest was signed; 0: there is none, or it can't be read. */
int64_t state_signers_newest(struct state *s, const char *home);

#endif
