/* SPDX-License-Identifier: MIT */
/*
 * watch - inotify and rtnetlink. See watch.h.
 *
 * Link, address and route come up one after the other: each is acted upon,
 * since nobody says which is the last.
 */
#include "relayd/watch.h"

#include <sys/inotify.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/arrival.h"
#include "relayd/dialler.h"
#include "relayd/uplink.h"

#define SETTLE_MS 50 /* for changes to come together */
#define NETLINK_MAX 32768
#define INOTIFY_MAX 16384

struct watch {
	struct relayd *r;
	int inotify, netlink;
	int new_wd, state_wd;
	struct event *files, *net, *settled;
	struct uplink up;
};

/* Netlink ------------------------------------------------------------------- */

static void
on_netlink(evutil_socket_t fd, short what, void *ctx)
{
	static union {
		struct nlmsghdr head;
		char bytes[NETLINK_MAX];
	} data;
	struct watch *w = ctx;
	struct timeval tv = {0, SETTLE_MS * 1000};
	struct sockaddr_nl from;
	socklen_t size = sizeof(from);
	ssize_t n;

	(void)what;
	n = recvfrom(fd, &data, sizeof(data), MSG_DONTWAIT,
	    (struct sockaddr *)&from, &size);
	if (n < 0 && errno != ENOBUFS)
		return;
	/* Messages were lost, or the kernel (and nobody else) says so. */
	if (n < 0 ||
	    (from.nl_pid == 0 && uplink_heard(&w->up, &data, (size_t)n))) {
		if (!evtimer_pending(w->settled, NULL))
			evtimer_add(w->settled, &tv);
	}
}

/* SPEC */
static void
on_settled(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;

	(void)fd;
	(void)what;
	log_info("the network came up; calling all peers");
	dialler_renew(w->r);
}

/* Files ---------------------------------------------------------------------- */

static void
file_event(struct watch *w, const struct inotify_event *e)
{
	if ((e->mask & IN_Q_OVERFLOW) != 0) {
		log_warn("inotify overflow; scanning");
		arrival_scan_new(w->r);
		(void)relayd_network(w->r);
	} else if (e->wd == w->new_wd && e->len > 0) {
		arrival_take_new(w->r, e->name);
	} else if (e->wd == w->state_wd && e->len > 0 &&
	    strcmp(e->name, "derived") == 0) {
		(void)relayd_network(w->r);
	}
}

static void
on_files(evutil_socket_t fd, short what, void *ctx)
{
	static char data[INOTIFY_MAX]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	struct watch *w = ctx;
	ssize_t n, at;

	(void)what;
	n = read(fd, data, sizeof(data));
	for (at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const void *)(data + at);
		file_event(w, e);
	}
}

static int
watch_dir(struct watch *w, const char *dir, struct error *error_r)
{
	int wd = inotify_add_watch(
	    w->inotify, dir, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);

	if (wd < 0)
		error_set_errno(error_r, AG_EIO, "can't watch %s", dir);
	return wd;
}

static int
open_files(struct watch *w, struct error *error_r)
{
	char *new_dir = file_join(w->r->conf->spool_dir, "new");

	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->inotify >= 0) {
		w->new_wd = watch_dir(w, new_dir, error_r);
		w->state_wd = watch_dir(w, w->r->conf->state_dir, error_r);
	} else {
		error_set_errno(error_r, AG_EIO, "inotify");
	}
	free(new_dir);
	return w->inotify < 0 || w->new_wd < 0 || w->state_wd < 0 ? AG_EIO : 0;
}

static int
open_netlink(struct watch *w, struct error *error_r)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
		RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};

	w->netlink = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->netlink < 0 ||
	    bind(w->netlink, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return error_set_errno(error_r, AG_EIO, "rtnetlink");
	return 0;
}

int
watch_new(struct relayd *r, struct watch **w_r, struct error *error_r)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	*w_r = NULL;
	w->r = r;
	w->inotify = w->netlink = w->new_wd = w->state_wd = -1;
	if (open_files(w, error_r) < 0 || open_netlink(w, error_r) < 0)
		goto fail;
	w->files =
	    event_new(r->base, w->inotify, EV_READ | EV_PERSIST, on_files, w);
	w->net =
	    event_new(r->base, w->netlink, EV_READ | EV_PERSIST, on_netlink, w);
	w->settled = evtimer_new(r->base, on_settled, w);
	if (w->files == NULL || w->net == NULL || w->settled == NULL ||
	    event_add(w->files, NULL) < 0 || event_add(w->net, NULL) < 0) {
		error_set(error_r, AG_ENOMEM, "can't watch files");
		goto fail;
	}
	*w_r = w;
	return 0;
fail:
	watch_free(&w);
	return AG_EIO;
}

void
watch_free(struct watch **wp)
{
	struct watch *w = *wp;

	if (w == NULL)
		return;
	if (w->files != NULL)
		event_free(w->files);
	if (w->net != NULL)
		event_free(w->net);
	if (w->settled != NULL)
		event_free(w->settled);
	if (w->inotify >= 0)
		close(w->inotify);
	if (w->netlink >= 0)
		close(w->netlink);
	free(w);
	*wp = NULL;
}
