/* SPDX-License-Identifier: MIT */
/*
 * state_help - for tests of what relayd remembers: IDs, and its database
 * in the scratch directory.
 */
#ifndef AGAMID_TEST_STATE_HELP_H
#define AGAMID_TEST_STATE_HELP_H

#include <stdbool.h>

#include "relayd/state.h"

struct id {
	char text[BUNDLE_ID_LEN + 1];
};

/* The nth of as many IDs as are wanted, all alike but for some digits. */
struct id nth(unsigned n);
/* s (NULL: none) is closed, and the database opened; is it fresh, as it
 * should be? */
struct state *reopen(struct state *s, bool fresh);

#endif
