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

/* The result of a connect(2) that was begun. */
static int
wait_connected(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0, n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		errno = ETIMEDOUT;
		return AG_EIO;
	}
	if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return AG_EIO;
	errno = error;
	return error == 0 ? 0 : AG_EIO;
}

static int
connect_address(
    const struct addrinfo *ai, int timeout_ms, struct error *error_r)
{
	int fd, on = 1;

	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "socket");
	if ((connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 &&
		errno != EINPROGRESS) ||
	    wait_connected(fd, timeout_ms) < 0) {
		error_set_errno(error_r, AG_EIO, "connect");
		close(fd);
		return AG_EIO;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

int
tcp_connect(
    const char *address, unsigned port, int timeout_ms, struct error *error_r)
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
	rc = connect_address(ai, timeout_ms, error_r);
	freeaddrinfo(ai);
	return rc;
}
