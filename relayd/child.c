/* SPDX-License-Identifier: MIT */
/*
 * child - relayd's end of the socket to its starter. See child.h.
 */
#include "relayd/child.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "relayd/dialler.h"

struct children {
	struct relayd *r;
	int fd;
	struct event *readable;
	uint32_t numbers; /* the last that was given */
};

static int
order(struct relayd *r, const struct starter_order *o, int pass_fd)
{
	char line[STARTER_LINE_MAX];
	int rc = AG_EIO;

	if (r->children->fd >= 0)
		rc = sock_send(
		    r->children->fd, line, starter_write(o, line), pass_fd);
	if (rc < 0)
		log_error("can't reach the starter of children error=\"%s\"",
		    strerror(errno));
	return rc;
}

uint32_t
child_start(
    struct relayd *r, enum starter_verb what, const char *name, int out_fd)
{
	struct starter_order o = {.verb = what};

	o.number = ++r->children->numbers;
	if (o.number == 0)
		o.number = ++r->children->numbers;
	memcpy(o.name, name, strnlen(name, NODE_NAME_MAX));
	return order(r, &o, out_fd) == 0 ? o.number : 0;
}

void
child_end(struct relayd *r, uint32_t number)
{
	struct starter_order o = {.verb = STARTER_END, .number = number};

	(void)order(r, &o, -1);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct children *c = ctx;
	char line[STARTER_LINE_MAX];
	struct starter_order o;
	ssize_t n;
	int passed;

	(void)what;
	while ((n = sock_recv(fd, line, sizeof(line), &passed)) > 0) {
		if (passed >= 0)
			close(passed);
		if (starter_parse(line, &o) < 0 || o.verb != STARTER_ENDED)
			break;
		dialler_ended(c->r, o.number,
		    WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0);
	}
	if (n == AG_EAGAIN)
		return;
	/* A supervisor starts both anew. */
	log_error("the starter of children has gone");
	event_del(c->readable);
	relayd_fail(c->r);
}

int
children_new(
    struct relayd *r, int fd, struct children **c_r, struct error *error_r)
{
	struct children *c = xcalloc(1, sizeof(*c));

	*c_r = c;
	c->r = r;
	c->fd = fd;
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		c->readable = event_new(
		    r->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	if (c->readable == NULL || event_add(c->readable, NULL) < 0)
		return error_set(error_r, AG_ENOMEM, "can't watch children");
	return 0;
}

void
children_free(struct children **cp)
{
	struct children *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}
