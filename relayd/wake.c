/* SPDX-License-Identifier: MIT */
/*
 * wake - sleep and clocks. See wake.h.
 *
 * Neither makes a bundle older (pace.h counts days that were seen), nor
 * moves a retry, which is timed by a clock that is never set. But after a
 * sleep sessions may be dead without knowing, and addresses be others.
 */
#include "relayd/wake.h"

#include <sys/timerfd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/log.h"
#include "util/text.h"
#include "relayd/dialler.h"

#define LEAST_MS 1000
#define FAR_SECONDS 9000000000LL /* 2255 */

struct wake {
	struct relayd *r;
	int fd;
	struct event *event;
	struct wake_clocks seen;
};

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
read_clocks(struct wake_clocks *c)
{
	c->real = clock_ms(CLOCK_REALTIME);
	c->boot = clock_ms(CLOCK_BOOTTIME);
	c->mono = clock_ms(CLOCK_MONOTONIC);
}

void
wake_compare(const struct wake_clocks *before, const struct wake_clocks *now,
    struct wake_news *news_r)
{
	int64_t lived = now->boot - before->boot;

	news_r->slept = lived - (now->mono - before->mono);
	news_r->set = now->real - before->real - lived;
	if (news_r->slept < LEAST_MS)
		news_r->slept = 0;
	if (news_r->set > -LEAST_MS && news_r->set < LEAST_MS)
		news_r->set = 0;
}

void
wake_look(struct relayd *r)
{
	struct wake *w = r->wake;
	struct wake_clocks now;
	struct wake_news news;

	read_clocks(&now);
	wake_compare(&w->seen, &now, &news);
	w->seen = now;
	if (news.slept != 0)
		log_info("the machine has slept seconds=%lld",
		    (long long)news.slept / 1000);
	if (news.set != 0)
		log_warn("the clock was set seconds=%lld",
		    (long long)news.set / 1000);
	if (news.set != 0 || news.slept != 0)
		relayd_look_at_day(r);
	if (news.slept != 0)
		dialler_renew(r);
}

/* Never due: it is only for being cancelled. */
static int
arm(struct wake *w)
{
	const struct itimerspec far = {.it_value.tv_sec = FAR_SECONDS};

	return timerfd_settime(
	    w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

static void
on_cancelled(evutil_socket_t fd, short what, void *ctx)
{
	struct wake *w = ctx;
	uint64_t count;

	(void)what;
	/* ECANCELED; it would have been ready for ever else. */
	if (read(fd, &count, sizeof(count)) > 0 || arm(w) < 0)
		event_del(w->event);
	wake_look(w->r);
}

int
wake_new(struct relayd *r, struct wake **w_r, struct error *error_r)
{
	struct wake *w = xcalloc(1, sizeof(*w));

	*w_r = NULL;
	w->r = r;
	read_clocks(&w->seen);
	w->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->fd >= 0)
		w->event = event_new(
		    r->base, w->fd, EV_READ | EV_PERSIST, on_cancelled, w);
	if (w->event == NULL || arm(w) < 0 || event_add(w->event, NULL) < 0) {
		wake_free(&w);
		return error_set_errno(error_r, AG_EIO, "can't watch clocks");
	}
	*w_r = w;
	return 0;
}

void
wake_free(struct wake **wp)
{
	struct wake *w = *wp;

	if (w == NULL)
		return;
	if (w->event != NULL)
		event_free(w->event);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	*wp = NULL;
}
