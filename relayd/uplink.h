/* SPDX-License-Identifier: MIT */
/*
 * uplink - has this machine's way to the network just come up, or changed?
 * Learnt from rtnetlink(7)'s datagrams; pure.
 */
#ifndef AGAMID_RELAYD_UPLINK_H
#define AGAMID_RELAYD_UPLINK_H

#include <stdbool.h>
#include <stddef.h>

#define UPLINK_MAX 128
enum uplink_kind { UPLINK_LINK, UPLINK_ADDRESS, UPLINK_ROUTE };

/* What is up now; all zero at first. */
struct uplink {
	struct uplink_thing {
		enum uplink_kind kind;
		unsigned link;
		unsigned char family, bytes[16];
	} things[UPLINK_MAX];
	unsigned count;
};

/*
 * What a datagram of the kernel's tells: true if it says that a link has
 * come up, or that an address or a default route can be used that could
 * not before.
 */
bool uplink_heard(struct uplink *up, const void *data, size_t len);

#endif
