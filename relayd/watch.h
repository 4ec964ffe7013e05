/* SPDX-License-Identifier: MIT */
/*
 * watch - what wakes relayd besides its sockets: new bundles (inotify on
 * new/), a new derived directory, and the network coming up (rtnetlink).
 */
#ifndef AGAMID_RELAYD_WATCH_H
#define AGAMID_RELAYD_WATCH_H

#include "relayd/relayd.h"

int watch_new(struct relayd *r, struct watch **w_r, struct error *error_r);
void watch_free(struct watch **w);

/*
 * What a netlink datagram tells (pure; for tests): true if it says that a
 * link has come up or an address was added that was not there before.
 */
#define WATCH_SEEN_MAX 128
struct watch_seen {
	struct watch_thing {
		bool address; /* or a link */
		unsigned link;
		unsigned char family, bytes[16];
	} things[WATCH_SEEN_MAX]; /* that are up now */
	unsigned count;
};
bool watch_netlink(struct watch_seen *seen, const void *data, size_t len);

#endif
