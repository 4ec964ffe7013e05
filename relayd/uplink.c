/* SPDX-License-Identifier: MIT */
/*
 * uplink - what rtnetlink says of links, addresses and routes. See
 * uplink.h.
 *
 * The kernel repeats itself: a link is announced again for many reasons,
 * an address whenever its lifetime is renewed. So what is up is
 * remembered, and only what was not up before counts.
 */
#include "relayd/uplink.h"

#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

static int
find(const struct uplink *up, const struct uplink_thing *t)
{
	unsigned i;

	for (i = 0; i < up->count; i++) {
		if (memcmp(&up->things[i], t, sizeof(*t)) == 0)
			return (int)i;
	}
	return -1;
}

/* True if it was not up before. */
static bool
went_up(struct uplink *up, const struct uplink_thing *t)
{
	if (find(up, t) >= 0)
		return false;
	if (up->count == UPLINK_MAX)
		up->count = 0; /* start over; at worst one call too many */
	up->things[up->count++] = *t;
	return true;
}

static void
went_down(struct uplink *up, const struct uplink_thing *t)
{
	int at = find(up, t);

	if (at >= 0)
		up->things[at] = up->things[--up->count];
}

/* With a link goes what it carried; of routes the kernel says nothing. */
static void
link_went_down(struct uplink *up, unsigned link)
{
	unsigned i = 0;

	while (i < up->count) {
		if (up->things[i].link == link &&
		    up->things[i].kind != UPLINK_ADDRESS)
			up->things[i] = up->things[--up->count];
		else
			i++;
	}
}

static bool
link_message(struct uplink *up, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const unsigned running = IFF_UP | IFF_RUNNING;
	struct uplink_thing t;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    (info->ifi_flags & IFF_LOOPBACK) != 0)
		return false;
	memset(&t, 0, sizeof(t));
	t.kind = UPLINK_LINK;
	t.link = (unsigned)info->ifi_index;
	if (h->nlmsg_type == RTM_NEWLINK &&
	    (info->ifi_flags & running) == running)
		return went_up(up, &t);
	link_went_down(up, t.link);
	return false;
}

/* The bytes of an attribute into t, if they may be an address. */
static void
take_bytes(struct uplink_thing *t, const struct rtattr *a)
{
	if (RTA_PAYLOAD(a) <= sizeof(t->bytes))
		memcpy(t->bytes, RTA_DATA(a), RTA_PAYLOAD(a));
}

static bool
address_message(struct uplink *up, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *info = NLMSG_DATA(h);
	const struct rtattr *a;
	struct uplink_thing t;
	int left;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return false;
	memset(&t, 0, sizeof(t));
	t.kind = UPLINK_ADDRESS;
	t.link = info->ifa_index;
	t.family = info->ifa_family;
	left = (int)IFA_PAYLOAD(h);
	for (a = IFA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFA_ADDRESS)
			take_bytes(&t, a);
	}
	/* A tentative one can't be used; it is announced again (RFC 4862
	 * section 5.4). */
	if (h->nlmsg_type == RTM_NEWADDR &&
	    (info->ifa_flags & IFA_F_TENTATIVE) == 0)
		return went_up(up, &t);
	went_down(up, &t);
	return false;
}

/* Of routes the default ones alone. */
static bool
route_message(struct uplink *up, const struct nlmsghdr *h)
{
	const struct rtmsg *info = NLMSG_DATA(h);
	const struct rtattr *a;
	struct uplink_thing t;
	int left;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    info->rtm_dst_len != 0 || info->rtm_type != RTN_UNICAST)
		return false;
	memset(&t, 0, sizeof(t));
	t.kind = UPLINK_ROUTE;
	t.family = info->rtm_family;
	left = (int)RTM_PAYLOAD(h);
	for (a = RTM_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof(t.link))
			memcpy(&t.link, RTA_DATA(a), sizeof(t.link));
		else if (a->rta_type == RTA_GATEWAY)
			take_bytes(&t, a);
	}
	if (h->nlmsg_type == RTM_NEWROUTE)
		return went_up(up, &t);
	went_down(up, &t);
	return false;
}

bool
uplink_heard(struct uplink *up, const void *data, size_t len)
{
	const struct nlmsghdr *h = data;
	unsigned left = (unsigned)len;
	bool news = false;

	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		switch (h->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
			news |= link_message(up, h);
			break;
		case RTM_NEWADDR:
		case RTM_DELADDR:
			news |= address_message(up, h);
			break;
		case RTM_NEWROUTE:
		case RTM_DELROUTE:
			news |= route_message(up, h);
			break;
		default:
			break;
		}
	}
	return news;
}
