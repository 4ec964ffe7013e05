/* SPDX-License-Identifier: MIT */
/*
 * sock - UNIX sockets between Agamid's own processes, and towards
 * Postfix. See sock.h.
 *
 * No TCP here: only relayd's dialler and the MX probe speak over a
 * network, and they don't use this.
 *
 * SECURITY: who may ask for what is decided by SO_PEERCRED, not by a
 * socket's mode. Descriptors are received close-on-exec; more than the
 * one that was agreed on are closed at once.
 */
#include "util/sock.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define SOCK_BACKLOG 64
#define PASSWD_ENTRY_MAX 16384

/* A close-on-exec socket and the address that path makes. */
static int
sock_open(
    const char *path, int type, struct sockaddr_un *sa_r, struct error *error_r)
{
	int fd;

	memset(sa_r, 0, sizeof(*sa_r));
	sa_r->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa_r->sun_path)) {
		errno = ENAMETOOLONG;
		return error_set(error_r, AG_EIO,
		    "%s is too long for a socket's path (at most %zu bytes)",
		    path, sizeof(sa_r->sun_path) - 1);
	}
	memcpy(sa_r->sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "can't make a socket");
	return fd;
}

/* A socket that an earlier process left; never anything else. */
static int
sock_remove_old(const char *path, struct error *error_r)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_set_errno(
		    error_r, AG_EIO, "can't look at %s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		return error_set(
		    error_r, AG_EIO, "%s is there, but no socket", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set_errno(
		    error_r, AG_EIO, "can't remove the old %s", path);
	return 0;
}

int
sock_listen(const char *path, int type, mode_t mode, struct error *error_r)
{
	struct sockaddr_un sa;
	int fd, rc;

	fd = sock_open(path, type, &sa, error_r);
	if (fd < 0)
		return fd;
	rc = sock_remove_old(path, error_r);
	if (rc < 0)
		goto fail;
	/* Nobody can connect until listen(2): the mode is right by then. */
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, SOCK_BACKLOG) < 0) {
		rc = error_set_errno(
		    error_r, AG_EIO, "can't listen at %s", path);
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return rc;
}

int
sock_connect(const char *path, int type, struct error *error_r)
{
	struct sockaddr_un sa;
	int fd, rc;

	fd = sock_open(path, type, &sa, error_r);
	if (fd < 0)
		return fd;
	do
		rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	while (rc < 0 && errno == EINTR);
	if (rc < 0) {
		error_set_errno(error_r, AG_EIO, "can't connect to %s", path);
		close(fd);
		return AG_EIO;
	}
	return fd;
}

int
sock_peer_uid(int fd, uid_t *uid_r)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*uid_r = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return AG_EIO;
	*uid_r = cred.uid;
	return 0;
}

bool
sock_peer_is(int fd, const char *user)
{
	struct passwd pw, *found = NULL;
	char entry[PASSWD_ENTRY_MAX];
	uid_t uid;

	if (sock_peer_uid(fd, &uid) < 0 || uid == (uid_t)-1)
		return false;
	if (uid == 0 || uid == geteuid())
		return true;
	getpwnam_r(user, &pw, entry, sizeof(entry), &found);
	return found != NULL && pw.pw_uid == uid;
}

/* One descriptor's control message, aligned as the kernel wants it. */
union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static int
sock_errno(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? AG_EAGAIN : AG_EIO;
}

int
sock_send(int fd, const void *data, size_t len, int pass_fd)
{
	struct iovec iov = {
	    .iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	struct cmsghdr *cmsg;
	ssize_t n;

	/* An empty message would look like the end to the receiver. */
	if (len == 0 || len > SOCK_MESSAGE_MAX) {
		errno = EMSGSIZE;
		return AG_EIO;
	}
	if (pass_fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &pass_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? sock_errno() : 0;
}

/* The first descriptor that came goes to *fd_r; true if more came. */
static bool
sock_take_fds(struct msghdr *msg, int *fd_r)
{
	struct cmsghdr *cmsg;
	bool more = false;
	size_t i, count;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(int));
			if (*fd_r < 0) {
				*fd_r = fd;
			} else {
				close(fd);
				more = true;
			}
		}
	}
	return more;
}

ssize_t
sock_recv(int fd, char *data, size_t size, int *fd_r)
{
	struct iovec iov = {.iov_base = data, .iov_len = size - 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	bool more;
	ssize_t n;

	*fd_r = -1;
	data[0] = '\0';
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return sock_errno();
	data[n] = '\0';
	more = sock_take_fds(&msg, fd_r);
	if (more || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		if (*fd_r >= 0)
			close(*fd_r);
		*fd_r = -1;
		return AG_ETOOBIG;
	}
	return n;
}
