/* SPDX-License-Identifier: MIT */
/*
 * doctor_talk - a short conversation with a server. See doctor_talk.h.
 */
#include "cli/doctor_talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "util/clock.h"

#define TALK_MAX 65536

static int
is_ready(const struct talk *t, short events)
{
	struct pollfd p = {t->fd, events, 0};
	int64_t left;
	int n;

	do {
		left = t->until - clock_ms();
		n = left <= 0 ? 0 : poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static int
start(struct talk *t, const char *name, const struct sockaddr *to,
    socklen_t len, int wait_ms, struct error *error_r)
{
	socklen_t size = sizeof(int);
	int err = 0;

	t->until = clock_ms() + wait_ms;
	t->fd = socket(
	    to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0)
		return error_set_errno(error_r, AG_EIO, "no socket");
	if (connect(t->fd, to, len) < 0)
		err = errno;
	if (err == EINPROGRESS || err == EAGAIN) {
		if (!is_ready(t, POLLOUT))
			return error_set(error_r, AG_EIO,
			    "%s does not answer within %d ms", name, wait_ms);
		if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
			err = errno;
	}
	errno = err;
	if (err == ECONNREFUSED || err == ENOENT)
		return error_set_errno(error_r, AG_ENOENT, "%s", name);
	return err == 0 ? 0 : error_set_errno(error_r, AG_EIO, "%s", name);
}

static void
begin(struct talk *t)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
	buf_init(&t->in, TALK_MAX);
	buf_init(&t->reply, TALK_MAX);
}

int
talk_unix(struct talk *t, const char *path, int wait_ms, struct error *error_r)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	begin(t);
	if (strlen(path) >= sizeof(sun.sun_path))
		return error_set(error_r, AG_ETOOBIG, "%s: too long", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	return start(
	    t, path, (struct sockaddr *)&sun, sizeof(sun), wait_ms, error_r);
}

int
talk_tcp(struct talk *t, const char *address, unsigned port, int wait_ms,
    struct error *error_r)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	char name[128];

	begin(t);
	snprintf(name, sizeof(name), "%s port %u", address, port);
	sin.sin_port = sin6.sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &sin.sin_addr) == 1)
		return start(t, name, (struct sockaddr *)&sin, sizeof(sin),
		    wait_ms, error_r);
	if (inet_pton(AF_INET6, address, &sin6.sin6_addr) == 1)
		return start(t, name, (struct sockaddr *)&sin6, sizeof(sin6),
		    wait_ms, error_r);
	return error_set(error_r, AG_EINVAL, "%s is no address", address);
}

void
talk_close(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	buf_free(&t->in);
	buf_free(&t->reply);
}

int
talk_send(struct talk *t, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(t->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno != EAGAIN || !is_ready(t, POLLOUT)))
			return AG_EIO;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int say(struct talk *t, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static int
say(struct talk *t, const char *fmt, va_list ap)
{
	struct buf line;
	int rc;

	buf_init(&line, TALK_MAX);
	rc = buf_vprintf(&line, fmt, ap);
	if (rc == 0)
		rc = buf_puts(&line, "\r\n");
	if (rc == 0)
		rc = talk_send(t, line.data, line.len);
	buf_wipe(&line);
	return rc;
}

int
talk_say(struct talk *t, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = say(t, fmt, ap);
	va_end(ap);
	return rc;
}

/* Some more bytes into t->in. */
static int
fill(struct talk *t)
{
	char data[4096];
	ssize_t n;

	do {
		if (!is_ready(t, POLLIN))
			return AG_EIO;
		n = recv(t->fd, data, sizeof(data), 0);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n <= 0)
		return AG_EIO;
	return buf_put(&t->in, data, (size_t)n);
}

/* The next line, added to reply. */
static int
add_line(struct talk *t, size_t *start_r)
{
	char *end;
	size_t len;

	while (t->in.len == 0 ||
	    (end = memchr(t->in.data, '\n', t->in.len)) == NULL) {
		if (fill(t) < 0)
			return AG_EIO;
	}
	len = (size_t)(end - t->in.data);
	*start_r = t->reply.len;
	if (buf_put(&t->reply, t->in.data, len) < 0)
		return AG_EIO;
	if (len > 0 && t->reply.data[t->reply.len - 1] == '\r')
		t->reply.data[--t->reply.len] = '\0';
	buf_consume(&t->in, len + 1);
	return 0;
}

int
talk_line(struct talk *t)
{
	size_t at;

	buf_reset(&t->reply);
	return add_line(t, &at);
}

int
talk_reply(struct talk *t)
{
	const char *line;
	size_t at;

	buf_reset(&t->reply);
	for (;;) {
		if (add_line(t, &at) < 0)
			return AG_EIO;
		line = buf_str(&t->reply) + at;
		if (strspn(line, "0123456789") != 3)
			return AG_EIO;
		if (line[3] != '-')
			return atoi(line);
		if (buf_putc(&t->reply, ' ') < 0)
			return AG_EIO;
	}
}

int
talk_ask(struct talk *t, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = say(t, fmt, ap);
	va_end(ap);
	return rc < 0 ? rc : talk_reply(t);
}

int
talk_read(struct talk *t, void *data, size_t len)
{
	while (t->in.len < len) {
		if (fill(t) < 0)
			return AG_EIO;
	}
	memcpy(data, t->in.data, len);
	buf_consume(&t->in, len);
	return 0;
}
