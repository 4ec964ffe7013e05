/* SPDX-License-Identifier: MIT */
/*
 * state_confirmed - the table of when peers confirmed their manifests. See
 * state.h and confirm.h.
 */
#include "relayd/state_sql.h"

int
state_confirmed_set(struct state *s, const char *peer, int64_t when)
{
	return state_peer_put(s,
	    "INSERT INTO confirmed (peer, time) VALUES (?1, ?2)"
	    " ON CONFLICT (peer) DO UPDATE SET time = ?2",
	    peer, when);
}

int
state_each_confirmed(struct state *s, state_peer_fn *fn, void *ctx)
{
	return state_each_peer(s, "SELECT peer, time FROM confirmed", fn, ctx);
}
