/* SPDX-License-Identifier: MIT */
/*
 * state_alert - in network.db (state.h): which homes are away, and what
 * their owners were told.
 */
#ifndef AGAMID_RELAYD_STATE_ALERT_H
#define AGAMID_RELAYD_STATE_ALERT_H

#include "relayd/outage.h"
#include "relayd/state.h"

#define STATE_ALERT_SCHEMA                                \
	"CREATE TABLE IF NOT EXISTS alerts ("             \
	" home TEXT PRIMARY KEY, stage INTEGER NOT NULL," \
	" since INTEGER NOT NULL, day INTEGER NOT NULL)"  \
	" WITHOUT ROWID;"

/* Stage 0: it is forgotten. 0 or AG_EIO, which was logged. */
int state_alert_set(struct state *s, const char *home, const struct outage *o);
typedef void state_alert_fn(
    const char *home, const struct outage *o, void *ctx);
int state_each_alert(struct state *s, state_alert_fn *fn, void *ctx);

#endif
