/* SPDX-License-Identifier: MIT */
/*
 * prober - children that look at peers. See prober.h.
 *
 * A child's lines are read from a pipe; it has ended when that has. One
 * that does not end is killed by its own alarm (probe.c).
 */
#include "relayd/prober.h"

#include <sys/queue.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/log.h"
#include "relayd/child.h"

#define LINE_BYTES 512

struct asker {
	STAILQ_ENTRY(asker) next;
	prober_fn *fn; /* NULL: it wants to hear no more */
	void *ctx;
};

struct prober {
	LIST_ENTRY(prober) next;
	struct relayd *r;
	struct peer *peer;
	struct event *readable;
	int fd;
	char line[LINE_BYTES];
	size_t len;
	struct probe_report report;
	STAILQ_HEAD(, asker) askers;
};

struct probers {
	LIST_HEAD(, prober) list;
};

/* Pure ---------------------------------------------------------------- */

static const char *const names[PROBE_WHATS] = {
    [PROBE_SMTP] = "smtp",
    [PROBE_EHLO] = "ehlo",
    [PROBE_STARTTLS] = "starttls",
    [PROBE_SSH] = "ssh",
};

const char *
probe_name(enum probe_what what)
{
	return names[what];
}

int
probe_report_add(struct probe_report *rep, const char *line)
{
	char word[16], verdict[8];
	int used = 0;

	if (rep->known >= PROBE_WHATS ||
	    sscanf(line, "%15s %7s %n", word, verdict, &used) != 2 ||
	    used == 0 || strcmp(word, names[rep->known]) != 0 ||
	    (strcmp(verdict, "ok") != 0 && strcmp(verdict, "fail") != 0))
		return AG_EINVAL;
	rep->ok[rep->known] = strcmp(verdict, "ok") == 0;
	snprintf(rep->text[rep->known], PROBE_TEXT_MAX, "%s", line + used);
	rep->known++;
	return 0;
}

int
probe_report_up(const struct probe_report *rep)
{
	unsigned i;

	for (i = 0; i < rep->known; i++) {
		if (!rep->ok[i] && i != PROBE_STARTTLS)
			return 0;
	}
	return rep->known == PROBE_WHATS ? 1 : -1;
}

/* One child ----------------------------------------------------------- */

static void
tell(struct prober *pb, bool over)
{
	struct asker *a, *next;

	for (a = STAILQ_FIRST(&pb->askers); a != NULL; a = next) {
		next = STAILQ_NEXT(a, next);
		if (a->fn != NULL)
			a->fn(pb->r, pb->peer, &pb->report, over, a->ctx);
	}
}

static void
prober_free(struct prober *pb)
{
	struct asker *a;

	LIST_REMOVE(pb, next);
	while ((a = STAILQ_FIRST(&pb->askers)) != NULL) {
		STAILQ_REMOVE_HEAD(&pb->askers, next);
		free(a);
	}
	if (pb->readable != NULL)
		event_free(pb->readable);
	if (pb->fd >= 0)
		close(pb->fd);
	free(pb);
}

/* What was not heard of is a fail. */
static void
finish(struct prober *pb)
{
	pb->report.known = PROBE_WHATS;
	tell(pb, true);
	prober_free(pb);
}

/* The whole lines that are there; false: the child says nonsense. */
static bool
take_lines(struct prober *pb)
{
	char *end;
	size_t used;

	while ((end = memchr(pb->line, '\n', pb->len)) != NULL) {
		*end = '\0';
		if (probe_report_add(&pb->report, pb->line) < 0)
			return false;
		used = (size_t)(end - pb->line) + 1;
		memmove(pb->line, end + 1, pb->len - used);
		pb->len -= used;
		tell(pb, false);
	}
	return pb->len < sizeof(pb->line);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct prober *pb = ctx;
	ssize_t n;

	(void)what;
	n = read(fd, pb->line + pb->len, sizeof(pb->line) - pb->len);
	if (n > 0) {
		pb->len += (size_t)n;
		if (take_lines(pb))
			return;
	}
	finish(pb);
}

/* The child, writing into a pipe that pb->fd is the end of. */
static bool
start(struct prober *pb)
{
	int fds[2];
	uint32_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pb->fd = fds[0];
	child = child_start(pb->r, STARTER_PROBE, pb->peer->name, fds[1]);
	close(fds[1]);
	if (child == 0)
		return false;
	pb->readable = event_new(
	    pb->r->base, pb->fd, EV_READ | EV_PERSIST, on_readable, pb);
	return pb->readable != NULL && event_add(pb->readable, NULL) == 0;
}

/* All ----------------------------------------------------------------- */

static struct prober *
find(struct probers *ps, const struct peer *p)
{
	struct prober *pb;

	LIST_FOREACH (pb, &ps->list, next) {
		if (pb->peer == p)
			return pb;
	}
	return NULL;
}

void
prober_ask(struct relayd *r, struct peer *p, prober_fn *fn, void *ctx)
{
	static const struct probe_report none = {.known = PROBE_WHATS};
	struct prober *pb = find(r->probers, p);
	struct asker *a = calloc(1, sizeof(*a));
	bool fresh = pb == NULL;

	if (a != NULL && fresh && (pb = calloc(1, sizeof(*pb))) != NULL) {
		pb->r = r;
		pb->peer = p;
		pb->fd = -1;
		STAILQ_INIT(&pb->askers);
		LIST_INSERT_HEAD(&r->probers->list, pb, next);
		if (!start(pb)) {
			prober_free(pb);
			pb = NULL;
		}
	}
	if (a == NULL || pb == NULL) {
		log_error("can't probe peer=%s", p->name);
		free(a);
		fn(r, p, &none, true, ctx);
		return;
	}
	a->fn = fn;
	a->ctx = ctx;
	STAILQ_INSERT_TAIL(&pb->askers, a, next);
}

void
prober_forget(struct relayd *r, prober_fn *fn, void *ctx)
{
	struct prober *pb;
	struct asker *a;

	LIST_FOREACH (pb, &r->probers->list, next) {
		STAILQ_FOREACH (a, &pb->askers, next) {
			if (a->fn == fn && a->ctx == ctx)
				a->fn = NULL;
		}
	}
}

struct probers *
probers_new(struct relayd *r)
{
	(void)r;
	return calloc(1, sizeof(struct probers));
}

void
probers_free(struct probers **psp)
{
	struct probers *ps = *psp;
	struct prober *pb;

	if (ps == NULL)
		return;
	while ((pb = LIST_FIRST(&ps->list)) != NULL)
		prober_free(pb);
	free(ps);
	*psp = NULL;
}
