/* SPDX-License-Identifier: MIT */
/* test_sock - lib/util/sock.c: messages, descriptors, who is there. */
#include "help.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "util/sock.h"

static void
pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static unsigned
open_descriptors(void)
{
	return help_entries("/proc/self/fd");
}

static void
test_listen_and_connect(void **state)
{
	const char *path = help_path("s");
	int listener, client, server, fd;
	struct error error;
	struct stat st;
	char data[16];

	(void)state;
	listener = sock_listen(path, SOCK_SEQPACKET, 0606, &error);
	assert_true(listener >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0606);
	assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
	client = sock_connect(path, SOCK_SEQPACKET, &error);
	assert_true(client >= 0);
	assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(sock_send(client, "hello", 5, -1), 0);
	assert_int_equal(sock_recv(server, data, sizeof(data), &fd), 5);
	assert_string_equal(data, "hello");
	assert_int_equal(fd, -1);
	close(client);
	assert_int_equal(sock_recv(server, data, sizeof(data), &fd), 0);
	assert_int_equal(sock_send(server, "x", 1, -1), AG_EIO);
	close(server);
	close(listener);
}

static void
test_old_socket_is_replaced(void **state)
{
	const char *path = help_path("s");
	struct error error;
	int a, b;

	(void)state;
	a = sock_listen(path, SOCK_STREAM, 0600, &error);
	assert_true(a >= 0);
	b = sock_listen(path, SOCK_STREAM, 0600, &error);
	assert_true(b >= 0);
	close(a);
	close(b);
	/* The file of a process that is gone: nobody answers. */
	assert_int_equal(sock_connect(path, SOCK_STREAM, &error), AG_EIO);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, "Connection refused"));
	unlink(path);
	help_write(path, "precious", 8);
	assert_int_equal(sock_listen(path, SOCK_STREAM, 0600, &error), AG_EIO);
	assert_non_null(strstr(error.text, "no socket"));
	assert_string_equal(help_read(path, NULL), "precious");
}

static void
test_long_paths(void **state)
{
	char path[200];
	struct error error;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(sock_listen(path, SOCK_STREAM, 0600, &error), AG_EIO);
	assert_non_null(strstr(error.text, "too long"));
	assert_int_equal(sock_connect(path, SOCK_STREAM, &error), AG_EIO);
}

static void
test_peer_is_known(void **state)
{
	const struct passwd *me = getpwuid(geteuid());
	uid_t uid;
	int fds[2];

	(void)state;
	assert_non_null(me);
	pair(fds);
	assert_int_equal(sock_peer_uid(fds[0], &uid), 0);
	assert_int_equal(uid, geteuid());
	assert_true(sock_peer_is(fds[0], me->pw_name));
	assert_true(sock_peer_is(fds[0], "no-such-user")); /* it's us */
	close(fds[0]);
	assert_false(sock_peer_is(fds[0], me->pw_name));
	close(fds[1]);
	assert_int_equal(sock_peer_uid(-1, &uid), AG_EIO);
}

/* As another user, where we can become one: as root. */
static int
connect_as_other(const char *path)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct error error;
	char data[8];
	int fd, got, none;

	if (geteuid() == 0 && (nobody == NULL || setuid(nobody->pw_uid) < 0))
		return 1;
	fd = sock_connect(path, SOCK_SEQPACKET, &error);
	if (fd < 0 || sock_send(fd, "x", 1, -1) < 0)
		return 2;
	/* Until the other side closes. */
	got = (int)sock_recv(fd, data, sizeof(data), &none);
	close(fd);
	return got == 0 ? 0 : 3;
}

static void
judge_other(int listener)
{
	const bool us = geteuid() != 0;
	int server = accept(listener, NULL, NULL);
	char data[8];
	int fd;

	assert_true(server >= 0);
	assert_int_equal(sock_recv(server, data, sizeof(data), &fd), 1);
	assert_int_equal(sock_peer_is(server, "nobody"), true);
	assert_int_equal(sock_peer_is(server, "mail"), us);
	assert_int_equal(sock_peer_is(server, "no-such-user"), us);
	close(server);
}

static void
test_other_users_are_told_apart(void **state)
{
	const char *path = help_path("s");
	int listener, status;
	pid_t pid;

	(void)state;
	assert_int_equal(chmod(help_dir(), 0755), 0);
	listener = sock_listen(path, SOCK_SEQPACKET, 0666, NULL);
	assert_true(listener >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		_exit(connect_as_other(path));
	}
	judge_other(listener);
	close(listener);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_descriptor_travels(void **state)
{
	int fds[2], file, fd;
	char data[8];

	(void)state;
	help_write(help_path("f"), "inside", 6);
	file = open(help_path("f"), O_RDONLY | O_CLOEXEC);
	pair(fds);
	assert_int_equal(sock_send(fds[0], "take", 4, file), 0);
	close(file);
	assert_int_equal(sock_recv(fds[1], data, sizeof(data), &fd), 4);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, data, sizeof(data)), 6);
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

static void
test_sizes(void **state)
{
	static char big[SOCK_MESSAGE_MAX + 2];
	static char in[SOCK_MESSAGE_MAX + 2];
	int fds[2], fd;
	char small[4];

	(void)state;
	memset(big, 'x', sizeof(big));
	pair(fds);
	assert_int_equal(sock_send(fds[0], big, 0, -1), AG_EIO);
	assert_int_equal(
	    sock_send(fds[0], big, SOCK_MESSAGE_MAX + 1, -1), AG_EIO);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(sock_send(fds[0], big, SOCK_MESSAGE_MAX, -1), 0);
	assert_int_equal(
	    sock_recv(fds[1], in, SOCK_MESSAGE_MAX + 1, &fd), SOCK_MESSAGE_MAX);
	assert_int_equal(in[SOCK_MESSAGE_MAX], '\0');
	/* Three bytes and the NUL fit; four are cut, which is told. */
	assert_int_equal(sock_send(fds[0], "abc", 3, -1), 0);
	assert_int_equal(sock_recv(fds[1], small, sizeof(small), &fd), 3);
	assert_string_equal(small, "abc");
	assert_int_equal(sock_send(fds[0], "abcd", 4, fds[0]), 0);
	assert_int_equal(
	    sock_recv(fds[1], small, sizeof(small), &fd), AG_ETOOBIG);
	assert_int_equal(fd, -1);
	close(fds[0]);
	close(fds[1]);
}

/* What sock_send() never does: several descriptors in one message. */
static void
send_many(int to, int file, size_t count)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (char[]){"x"}, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *cmsg;
	size_t i;

	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (i = 0; i < count; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &file, sizeof(int));
	assert_int_equal(sendmsg(to, &msg, 0), 1);
}

static void
test_more_descriptors_than_agreed_are_closed(void **state)
{
	unsigned before;
	int fds[2], fd;
	char data[8];
	size_t count;

	(void)state;
	pair(fds);
	before = open_descriptors();
	for (count = 2; count <= 4; count++) {
		send_many(fds[0], fds[0], count);
		assert_int_equal(
		    sock_recv(fds[1], data, sizeof(data), &fd), AG_ETOOBIG);
		assert_int_equal(fd, -1);
		assert_int_equal(open_descriptors(), before);
	}
	close(fds[0]);
	close(fds[1]);
}

static void
test_non_blocking(void **state)
{
	static char data[SOCK_MESSAGE_MAX];
	int fds[2], fd, i, rc = 0;

	(void)state;
	pair(fds);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(sock_recv(fds[0], data, sizeof(data), &fd), AG_EAGAIN);
	memset(data, 'x', sizeof(data));
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = sock_send(fds[0], data, sizeof(data), -1);
	assert_int_equal(rc, AG_EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_listen_and_connect),
	    help_test(test_old_socket_is_replaced),
	    help_test(test_long_paths),
	    help_test(test_peer_is_known),
	    help_test(test_other_users_are_told_apart),
	    help_test(test_descriptor_travels),
	    help_test(test_sizes),
	    help_test(test_more_descriptors_than_agreed_are_closed),
	    help_test(test_non_blocking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
