/* SPDX-License-Identifier: MIT */
/*
 * tcp - a connection to one address. See tcp.h.
 */
#include "relayd/tcp.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static int
begin(const struct addrinfo *ai, struct error *error_r)
{
	int fd;

	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "socket");
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 &&
	    errno != EINPROGRESS) {
		error_set_errno(error_r, AG_EIO, "connect");
		close(fd);
		return AG_EIO;
	}
	return fd;
}

int
tcp_begin(const char *address, unsigned port, struct error *error_r)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
			*ai = NULL;
	char service[16];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(address, service, &hints, &ai);
	if (rc != 0)
		return error_set(error_r, AG_EINVAL, "%s", gai_strerror(rc));
	rc = begin(ai, error_r);
	freeaddrinfo(ai);
	return rc;
}

int
tcp_end(int fd, struct error *error_r)
{
	socklen_t len = sizeof(int);
	int error = 0, on = 1;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error != 0) {
		errno = error;
		return error_set_errno(error_r, AG_EIO, "connect");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return 0;
}

int
tcp_connect(
    const char *address, unsigned port, int timeout_ms, struct error *error_r)
{
	struct pollfd p = {.events = POLLOUT};
	int n, rc;

	p.fd = tcp_begin(address, port, error_r);
	if (p.fd < 0)
		return p.fd;
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	rc = n > 0 ? tcp_end(p.fd, error_r)
		   : error_set_errno(error_r, AG_EIO, "connect");
	if (rc < 0)
		close(p.fd);
	return rc < 0 ? rc : p.fd;
}
