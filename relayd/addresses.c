/* SPDX-License-Identifier: MIT */
/*
 * addresses - where a node is. See addresses.h.
 *
 * A house whose IPv6 leads nowhere is common: the connections are begun one
 * soon after the other, and taken as they come up.
 */
#include "relayd/addresses.h"

#include <sys/socket.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"
#include "relayd/tcp.h"

#define ADDRESSES_MAX 16
#define STAGGER_MS 250 /* RFC 8305 section 5 */

struct addresses {
	char text[ADDRESSES_MAX][NI_MAXHOST];
	unsigned count;
};

struct race {
	const struct addresses *all;
	unsigned port;
	int timeout_ms;
	address_fn *fn;
	void *ctx;
	unsigned next; /* not yet begun */
	int64_t next_at; /* ms */
	struct pollfd poll[ADDRESSES_MAX]; /* by address; fd -1: not begun, or
					      over */
	int64_t until[ADDRESSES_MAX]; /* ms */
};

/* Where it is --------------------------------------------------------------- */

/* What the dynamic name means now. */
static void
resolve(const struct manifest *m, struct addresses *a)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	int rc;

	rc = getaddrinfo(m->dynamic, NULL, &hints, &list);
	if (rc != 0) {
		log_info("can't resolve peer=%s name=%s error=\"%s\"", m->name,
		    m->dynamic, gai_strerror(rc));
		return;
	}
	for (ai = list; ai != NULL && a->count < ADDRESSES_MAX;
	     ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, a->text[a->count],
			NI_MAXHOST, NULL, 0, NI_NUMERICHOST) == 0)
			a->count++;
	}
	freeaddrinfo(list);
}

static void
collect(const struct manifest *m, struct addresses *a)
{
	size_t i;

	a->count = 0;
	for (i = 0; i < m->address_count && a->count < ADDRESSES_MAX; i++)
		snprintf(
		    a->text[a->count++], NI_MAXHOST, "%s", m->addresses[i]);
	if (m->dynamic != NULL)
		resolve(m, a);
}

/* Who answers first ---------------------------------------------------------- */

/* It is over with an address; was it what was looked for? */
static bool
over(struct race *r, unsigned i, int rc, const struct error *error)
{
	int fd = r->poll[i].fd;

	r->poll[i].fd = -1;
	if (rc == 0)
		return r->fn(r->all->text[i], fd, NULL, r->ctx);
	if (fd >= 0)
		close(fd);
	r->next_at = 0; /* the next one need not wait */
	return r->fn(r->all->text[i], -1, error->text, r->ctx);
}

static bool
begin_next(struct race *r, int64_t now)
{
	unsigned i = r->next++;
	struct error error = {""};

	r->next_at = now + STAGGER_MS;
	r->until[i] = now + r->timeout_ms;
	r->poll[i].fd = tcp_begin(r->all->text[i], r->port, &error);
	return r->poll[i].fd < 0 && over(r, i, AG_EIO, &error);
}

/* What has become of one that was begun. */
static bool
look_at(struct race *r, unsigned i, int64_t now)
{
	struct error error = {""};

	if (r->poll[i].fd < 0)
		return false;
	if (r->poll[i].revents != 0)
		return over(r, i, tcp_end(r->poll[i].fd, &error), &error);
	if (now < r->until[i])
		return false;
	errno = ETIMEDOUT;
	error_set_errno(&error, AG_EIO, "connect");
	return over(r, i, AG_EIO, &error);
}

/* How long nothing is to be done but to wait for those that were begun, in
 * ms; -1: none was, and none is left. */
static int
patience(const struct race *r, int64_t now)
{
	int64_t at = r->next < r->all->count ? r->next_at : INT64_MAX;
	unsigned i, begun = 0;

	for (i = 0; i < r->next; i++) {
		if (r->poll[i].fd < 0)
			continue;
		begun++;
		if (r->until[i] < at)
			at = r->until[i];
	}
	if (begun == 0)
		return r->next < r->all->count ? 0 : -1;
	if (at <= now)
		return 0;
	return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static bool
run(struct race *r)
{
	bool found = false;
	int64_t now;
	unsigned i;
	int wait;

	while (!found && (wait = patience(r, clock_ms())) >= 0) {
		if (poll(r->poll, r->next, wait) < 0 && errno != EINTR)
			break;
		now = clock_ms();
		for (i = 0; i < r->next && !found; i++)
			found = look_at(r, i, now);
		if (!found && r->next < r->all->count &&
		    (now >= r->next_at || patience(r, now) <= 0))
			found = begin_next(r, now);
	}
	return found;
}

bool
addresses_dial(const struct manifest *m, unsigned port, int timeout_ms,
    address_fn *fn, void *ctx)
{
	struct addresses all;
	struct race r = {.all = &all,
	    .port = port,
	    .timeout_ms = timeout_ms,
	    .fn = fn,
	    .ctx = ctx};
	bool found;
	unsigned i;

	collect(m, &all);
	for (i = 0; i < ADDRESSES_MAX; i++)
		r.poll[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
	found = run(&r);
	for (i = 0; i < r.next; i++) {
		if (r.poll[i].fd >= 0)
			close(r.poll[i].fd);
	}
	return found;
}
