/* SPDX-License-Identifier: MIT */
/*
 * deliver - asks agamid-deliver over its socket. See deliver.h.
 *
 * SECURITY: agamid-deliver runs as another user, so its answer is bounded
 * by the message, and is escaped where it is printed.
 */
#include "cli/deliver.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/file.h"
#include "util/sock.h"

static bool
is_readable(int fd, unsigned seconds)
{
	struct pollfd p = {fd, POLLIN, 0};
	int n;

	do
		n = poll(&p, 1, (int)seconds * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int
receive(int fd, struct buf *answer, struct error *error_r)
{
	char data[SOCK_MESSAGE_MAX + 1];
	int passed = -1;
	ssize_t n;

	n = sock_recv(fd, data, sizeof(data), &passed);
	if (passed >= 0)
		close(passed);
	if (n <= 0)
		return error_set(error_r, AG_EPERM,
		    "agamid-deliver does not answer this; see its log");
	return buf_put(answer, data, (size_t)n);
}

int
deliver_ask(const struct conf *conf, const char *request, int pass_fd,
    unsigned seconds, struct buf *answer, struct error *error_r)
{
	char *path = file_join(conf->run_dir, "deliver/deliver.sock");
	int fd, rc;

	fd = sock_connect(path, SOCK_SEQPACKET, NULL);
	free(path);
	if (fd < 0)
		return error_set(
		    error_r, AG_ENOENT, "agamid-deliver does not run");
	rc = sock_send(fd, request, strlen(request), pass_fd);
	if (rc < 0)
		error_set_errno(
		    error_r, AG_EIO, "can't write to agamid-deliver");
	else if (!is_readable(fd, seconds))
		rc = error_set(error_r, AG_EIO,
		    "agamid-deliver does not answer; see its log");
	else
		rc = receive(fd, answer, error_r);
	close(fd);
	return rc < 0 ? rc : 0;
}
