/* SPDX-License-Identifier: MIT */
/*
 * relay - asks agamid-relayd over its socket. See relay.h.
 *
 * SECURITY: relayd runs as another user, so its answer is bounded, and is
 * escaped where it is printed.
 */
#include "cli/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/file.h"
#include "util/sock.h"

#define DEADLINE_MS 10000

static bool
is_readable(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	int n;

	do
		n = poll(&p, 1, DEADLINE_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* 1 when the answer has ended. */
static int
receive(int fd, struct buf *answer, struct error *error_r)
{
	char data[SOCK_MESSAGE_MAX + 1];
	int passed = -1;
	ssize_t n;

	if (!is_readable(fd))
		return error_set(error_r, AG_EIO,
		    "agamid-relayd does not answer; see its log");
	n = sock_recv(fd, data, sizeof(data), &passed);
	if (passed >= 0)
		close(passed);
	if (n < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't read from agamid-relayd");
	if (n == 0)
		return error_set(error_r, AG_EIO,
		    "agamid-relayd broke off its answer; see its log");
	if (strcmp(data, ".\n") == 0)
		return 1;
	return buf_put(answer, data, (size_t)n);
}

int
relay_ask(const struct conf *conf, const char *command, struct buf *answer,
    struct error *error_r)
{
	char *path = file_join(conf->run_dir, "relayd/relay.sock");
	int fd, rc;

	fd = sock_connect(path, SOCK_SEQPACKET, NULL);
	free(path);
	if (fd < 0)
		return error_set(
		    error_r, AG_ENOENT, "agamid-relayd does not run");
	rc = sock_send(fd, command, strlen(command), -1);
	if (rc < 0)
		error_set_errno(
		    error_r, AG_EIO, "can't write to agamid-relayd");
	while (rc == 0)
		rc = receive(fd, answer, error_r);
	close(fd);
	return rc < 0 ? rc : 0;
}
