/* SPDX-License-Identifier: MIT */
/*
 * smtp - an SMTP client on a connected stream socket. See smtp.h.
 *
 * It does not pipeline: a server that says more than it was asked for is
 * out of step, and the session ends.
 */
#include "mail/smtp.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"

#define WATCH_MS 500 /* between two looks at the socket's path */

struct smtp {
	int fd;
	const char *watch; /* its path; NULL: it isn't looked at */
	struct stat was; /* what stood there */
	struct buf in; /* what came of the next reply */
	struct smtp_reply reply;
};

struct smtp *
smtp_new(int fd)
{
	struct smtp *s = calloc(1, sizeof(*s));
	int flags = fcntl(fd, F_GETFL);

	if (s == NULL || flags < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(s);
		close(fd);
		return NULL;
	}
	s->fd = fd;
	buf_init(&s->in, SMTP_REPLY_MAX + SMTP_LINE_MAX);
	return s;
}

void
smtp_free(struct smtp **sp)
{
	struct smtp *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	close(s->fd);
	buf_free(&s->in);
	free(s);
}

void
smtp_watch(struct smtp *s, const char *path, const struct stat *was)
{
	s->watch = path;
	if (path != NULL)
		s->was = *was;
}

/* The old one's number is not given again while we are connected to it. */
static bool
smtp_is_replaced(const struct smtp *s)
{
	struct stat now;

	return s->watch != NULL && stat(s->watch, &now) == 0 &&
	    (now.st_ino != s->was.st_ino || now.st_dev != s->was.st_dev);
}

const struct smtp_reply *
smtp_last(const struct smtp *s)
{
	return &s->reply;
}

static int64_t
smtp_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the socket is ready for this, or the time has come. */
static int
smtp_poll(struct smtp *s, short events, int64_t until, struct error *error_r)
{
	struct pollfd p = {.fd = s->fd, .events = events};
	int64_t left;
	int n;

	do {
		left = until - smtp_now_ms();
		if (left <= 0)
			return error_set(
			    error_r, AG_EAGAIN, "no answer in time");
		if (s->watch != NULL && left > WATCH_MS)
			left = WATCH_MS;
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n == 0 && smtp_is_replaced(s))
			return error_set(
			    error_r, AG_EAGAIN, "the server was started anew");
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return error_set_errno(error_r, AG_EIO, "poll");
	return 0;
}

/* Some more bytes of a reply. */
static int
smtp_fill(struct smtp *s, int64_t until, struct error *error_r)
{
	char *p = buf_reserve(&s->in, SMTP_LINE_MAX);
	ssize_t n;
	int rc;

	if (p == NULL)
		return error_set(error_r, AG_ETOOBIG, "the reply is too long");
	for (;;) {
		n = recv(s->fd, p, SMTP_LINE_MAX, 0);
		if (n > 0) {
			buf_commit(&s->in, (size_t)n);
			return 0;
		}
		if (n == 0)
			return error_set(
			    error_r, AG_EIO, "the connection was closed");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return error_set_errno(error_r, AG_EIO, "can't read");
		rc = smtp_poll(s, POLLIN, until, error_r);
		if (rc < 0)
			return rc;
	}
}

int
smtp_wait(struct smtp *s, unsigned seconds, struct error *error_r)
{
	int64_t until = smtp_now_ms() + (int64_t)seconds * 1000;
	ssize_t n;
	int rc;

	for (;;) {
		n = smtp_reply_parse(buf_str(&s->in), s->in.len, &s->reply);
		if (n < 0)
			return error_set(error_r, (int)n, "not an SMTP reply");
		if (n > 0)
			break;
		rc = smtp_fill(s, until, error_r);
		if (rc < 0)
			return rc;
	}
	buf_consume(&s->in, (size_t)n);
	return 0;
}

int
smtp_send(struct smtp *s, const void *data, size_t len, unsigned seconds,
    struct error *error_r)
{
	const char *p = data;
	ssize_t n;
	int rc;

	while (len > 0) {
		n = send(s->fd, p, len, MSG_NOSIGNAL);
		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return error_set_errno(error_r, AG_EIO, "can't write");
		rc = smtp_poll(s, POLLOUT,
		    smtp_now_ms() + (int64_t)seconds * 1000, error_r);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
smtp_say(struct smtp *s, unsigned seconds, const char *command,
    struct error *error_r)
{
	struct buf line;
	int rc;

	if (strpbrk(command, "\r\n") != NULL)
		return error_set(
		    error_r, AG_EINVAL, "a command of more than one line");
	if (s->in.len > 0)
		return error_set(
		    error_r, AG_EINVAL, "the server spoke out of turn");
	buf_init(&line, SMTP_LINE_MAX);
	rc = buf_printf(&line, "%s\r\n", command);
	if (rc < 0)
		error_set(error_r, rc, "the command is too long");
	else
		rc = smtp_send(s, line.data, line.len, seconds, error_r);
	buf_free(&line);
	return rc < 0 ? rc : smtp_wait(s, seconds, error_r);
}
