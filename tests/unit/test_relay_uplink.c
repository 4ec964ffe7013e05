/* SPDX-License-Identifier: MIT */
/*
 * test_relay_uplink - relayd/uplink.c: what of the kernel's datagrams is
 * news; and wake.c: what the clocks tell.
 */
#include "help.h"

#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "relayd/uplink.h"
#include "relayd/wake.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

union message {
	struct nlmsghdr h;
	char bytes[256];
};

static void
put(union message *m, unsigned short type, const void *data, size_t len)
{
	struct nlmsghdr *h = &m->h;

	memset(m, 0, sizeof(*m));
	h->nlmsg_type = type;
	h->nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(NLMSG_DATA(h), data, len);
}

static void
put_attr(union message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)(m->bytes + NLMSG_ALIGN(m->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->h.nlmsg_len =
	    (uint32_t)(NLMSG_ALIGN(m->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static bool
link_says(struct uplink *up, unsigned short type, int number, unsigned flags)
{
	const struct ifinfomsg info = {.ifi_index = number, .ifi_flags = flags};
	union message m;

	put(&m, type, &info, sizeof(info));
	return uplink_heard(up, &m, m.h.nlmsg_len);
}

static bool
address_says(struct uplink *up, unsigned short type, unsigned char flags,
    const unsigned char address[4])
{
	const struct ifaddrmsg info = {
	    .ifa_family = AF_INET, .ifa_index = 2, .ifa_flags = flags};
	union message m;

	put(&m, type, &info, sizeof(info));
	put_attr(&m, IFA_ADDRESS, address, 4);
	return uplink_heard(up, &m, m.h.nlmsg_len);
}

static bool
route_says(struct uplink *up, unsigned short type, unsigned char prefix,
    const unsigned char gateway[4])
{
	const struct rtmsg info = {.rtm_family = AF_INET,
	    .rtm_dst_len = prefix,
	    .rtm_type = RTN_UNICAST};
	const unsigned oif = 2;
	union message m;

	put(&m, type, &info, sizeof(info));
	put_attr(&m, RTA_OIF, &oif, sizeof(oif));
	put_attr(&m, RTA_GATEWAY, gateway, 4);
	return uplink_heard(up, &m, m.h.nlmsg_len);
}

static const unsigned char one[4] = {192, 0, 2, 1}, two[4] = {192, 0, 2, 2};

/* SPEC */
static void
links(void **state)
{
	const unsigned up_flags = IFF_UP | IFF_RUNNING;
	struct uplink up = {.count = 0};

	(void)state;
	assert_false(link_says(&up, RTM_NEWLINK, 2, IFF_UP)); /* no carrier */
	assert_true(link_says(&up, RTM_NEWLINK, 2, up_flags));
	assert_false(link_says(&up, RTM_NEWLINK, 2, up_flags)); /* again */
	assert_true(link_says(&up, RTM_NEWLINK, 3, up_flags));
	assert_false(link_says(&up, RTM_NEWLINK, 2, IFF_UP));
	assert_true(link_says(&up, RTM_NEWLINK, 2, up_flags));
	assert_false(link_says(&up, RTM_DELLINK, 2, up_flags));
	assert_true(link_says(&up, RTM_NEWLINK, 2, up_flags));
	assert_false(link_says(&up, RTM_NEWLINK, 1, up_flags | IFF_LOOPBACK));
}

/* SPEC */
static void
addresses(void **state)
{
	struct uplink up = {.count = 0};

	(void)state;
	assert_false(address_says(&up, RTM_NEWADDR, IFA_F_TENTATIVE, one));
	assert_true(address_says(&up, RTM_NEWADDR, 0, one));
	assert_false(address_says(&up, RTM_NEWADDR, 0, one)); /* renewed */
	assert_true(address_says(&up, RTM_NEWADDR, 0, two));
	assert_false(address_says(&up, RTM_DELADDR, 0, one));
	assert_true(address_says(&up, RTM_NEWADDR, 0, one));
	/* The same one over again, on a link that has lost its carrier. */
	assert_false(link_says(&up, RTM_NEWLINK, 2, IFF_UP));
	assert_false(address_says(&up, RTM_NEWADDR, 0, one));
}

/* SPEC */
static void
routes(void **state)
{
	struct uplink up = {.count = 0};

	(void)state;
	assert_false(route_says(&up, RTM_NEWROUTE, 24, one));
	assert_true(route_says(&up, RTM_NEWROUTE, 0, one));
	assert_false(route_says(&up, RTM_NEWROUTE, 0, one));
	assert_true(route_says(&up, RTM_NEWROUTE, 0, two));
	assert_false(route_says(&up, RTM_DELROUTE, 0, one));
	assert_true(route_says(&up, RTM_NEWROUTE, 0, one));
	/* With the link it went without a word. */
	assert_false(link_says(&up, RTM_NEWLINK, 2, IFF_UP));
	assert_true(route_says(&up, RTM_NEWROUTE, 0, one));
}

/* Cut short anywhere, and more than can be remembered. */
static void
bounds(void **state)
{
	struct uplink up = {.count = 0};
	const struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_index = 2};
	unsigned char address[4] = {10};
	union message m;
	size_t len;
	int i;

	(void)state;
	put(&m, RTM_NEWADDR, &info, sizeof(info));
	put_attr(&m, IFA_ADDRESS, address, sizeof(address));
	for (len = 0; len < m.h.nlmsg_len; len++)
		assert_false(uplink_heard(&up, &m, len));
	for (i = 0; i < 3 * UPLINK_MAX; i++) {
		address[2] = (unsigned char)(i >> 8);
		address[3] = (unsigned char)i;
		assert_true(address_says(&up, RTM_NEWADDR, 0, address));
		assert_true(up.count <= UPLINK_MAX);
	}
}

/* SPEC */
static void
clocks(void **state)
{
	static const struct {
		struct wake_clocks now; /* before: 1000000, 50000, 40000 */
		int64_t slept, set;
	} t[] = {
	    {{1000000, 50000, 40000}, 0, 0},
	    {{1060000, 110000, 100000}, 0, 0}, /* a minute */
	    {{1060900, 110000, 99500}, 0, 0}, /* not exactly */
	    {{4600000, 3650000, 40000}, 3600000, 0}, /* an hour's sleep */
	    {{1003600, 50000, 40000}, 0, 3600},
	    {{1000000 - 86400000LL, 50000, 40000}, 0, -86400000LL},
	    {{1061000, 111000, 60000}, 41000, 0},
	    {{1361000, 111000, 60000}, 41000, 300000}, /* both */
	};
	const struct wake_clocks before = {1000000, 50000, 40000};
	struct wake_news news;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		wake_compare(&before, &t[i].now, &news);
		assert_int_equal(news.slept, t[i].slept);
		assert_int_equal(news.set, t[i].set);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(links),
	    help_test(addresses),
	    help_test(routes),
	    help_test(bounds),
	    help_test(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
