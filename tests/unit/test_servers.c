/* SPDX-License-Identifier: MIT */
/*
 * test_servers - both programs' sockets as Postfix uses them: pieces of
 * any size, pipelining, lines without end, too many connections.
 */
#include "help.h"
#include "seal_help.h"

#include <sys/socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/listener.h"
#include "milter/lmtp_peers.h"
#include "milter/lmtp_server.h"
#include "milter/policy_server.h"
#include "util/sock.h"

#define WAIT_MS 20000

static int
dial(const char *path)
{
	struct error error = {""};
	int fd = sock_connect(path, SOCK_STREAM, &error);

	if (fd < 0)
		fail_msg("%s", error.text);
	return fd;
}

static void
put(int fd, const char *text)
{
	assert_int_equal(listener_write(fd, text, strlen(text), WAIT_MS), 0);
}

/* Read until what came ends in `last`, or the other side closes. */
static void
get(int fd, const char *last, char *in, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0, want = strlen(last);
	ssize_t n;

	for (;;) {
		in[len] = '\0';
		if (want > 0 && len >= want &&
		    strcmp(in + len - want, last) == 0)
			return;
		assert_true(len + 1 < size);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		n = read(fd, in + len, size - len - 1);
		if (n <= 0) {
			assert_int_equal(want, 0);
			return;
		}
		len += n;
	}
}

struct doors {
	struct seal_node node;
	struct lmtp_context lmtp;
	struct policy_server policy;
	const char *seal_sock, *policy_sock;
};

/* The servers' threads stay until the test program ends; so does this. */
static struct doors doors;

static int
setup(void **state)
{
	struct error error;

	help_begin(state);
	seal_begin(&doors.node, "");
	doors.lmtp.door = &lmtp_peers;
	doors.lmtp.source = doors.policy.source = doors.node.source;
	doors.lmtp.sealer = doors.policy.sealer = doors.node.sealer;
	doors.policy.sessions = sessions_new();
	doors.seal_sock = help_path("seal.sock");
	doors.policy_sock = help_path("policy.sock");
	assert_int_equal(
	    lmtp_server_start(&doors.lmtp, doors.seal_sock, &error), 0);
	assert_int_equal(
	    policy_server_start(&doors.policy, doors.policy_sock, &error), 0);
	return 0;
}

static int
teardown(void **state)
{
	seal_end(&doors.node);
	sessions_free(&doors.policy.sessions);
	return help_end(state);
}

#define doors_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const char dialogue[] = "LHLO x\r\n"
			       "MAIL FROM:<ann@sender.example>\r\n"
			       "RCPT TO:<bob@bob.example>\r\n"
			       "RCPT TO:<nobody@bob.example>\r\n"
			       "DATA\r\n"
			       "Subject: x\r\n"
			       "\r\n"
			       "..hello\r\n"
			       ".\r\n"
			       "QUIT\r\n";

static void
check_dialogue(int fd)
{
	struct seal_opened o;
	char in[4096];

	get(fd, "", in, sizeof(in));
	assert_int_equal(strncmp(in, "220 ", 4), 0);
	assert_non_null(strstr(in,
	    "\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
	    "550 5.1.1 "));
	assert_non_null(strstr(in, "\r\n354 "));
	assert_non_null(strstr(in, "\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"));
	close(fd);
	seal_open_for(&doors.node, "bob", &o);
	assert_string_equal(seal_message(&o), "Subject: x\r\n\r\n.hello\r\n");
	seal_opened_free(&o);
}

/* All at once (bolder than RFC 2920 allows, but it must not confuse). */
static void
test_lmtp_pipelined(void **state)
{
	int fd = dial(doors.seal_sock);

	(void)state;
	put(fd, dialogue);
	check_dialogue(fd);
}

static void
test_lmtp_bytewise(void **state)
{
	int fd = dial(doors.seal_sock);
	char one[2] = "";
	size_t i;

	(void)state;
	for (i = 0; i < strlen(dialogue); i++) {
		one[0] = dialogue[i];
		put(fd, one);
	}
	check_dialogue(fd);
}

static void
test_lmtp_line_without_end(void **state)
{
	static char line[4096];
	char in[4096];
	int fd = dial(doors.seal_sock);

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	put(fd, line);
	get(fd, "", in, sizeof(in));
	assert_non_null(strstr(in, "\r\n500 5.5.2 "));
	close(fd);
}

/* A line that is malformed is answered, and the next one is read. */
static void
test_lmtp_malformed_line(void **state)
{
	char in[4096];
	int fd = dial(doors.seal_sock);

	(void)state;
	get(fd, "Agamid\r\n", in, sizeof(in));
	put(fd, "NO\001OP\r\nNOOP\r\n");
	get(fd, "250 2.0.0 Ok\r\n", in, sizeof(in));
	assert_int_equal(strncmp(in, "500 ", 4), 0);
	close(fd);
}

static void
test_lmtp_too_many(void **state)
{
	int fds[40], fd;
	char in[256];
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++) {
		fds[i] = dial(doors.seal_sock);
		get(fds[i], "Agamid\r\n", in, sizeof(in));
	}
	help_expect_log("connection refused");
	fd = dial(doors.seal_sock);
	get(fd, "", in, sizeof(in));
	assert_int_equal(strncmp(in, "421 4.3.2 ", 10), 0);
	close(fd);
	for (i = 0; i < 40; i++)
		close(fds[i]);
}

static void
test_policy_requests(void **state)
{
	static const char requests[] = "request=smtpd_access_policy\n"
				       "protocol_state=RCPT\n"
				       "client_address=192.0.2.7\n"
				       "client_port=1\n"
				       "recipient=nobody@bob.example\n"
				       "\n"
				       "request=smtpd_access_policy\n"
				       "protocol_state=RCPT\n"
				       "client_address=192.0.2.7\n"
				       "client_port=1\n"
				       "recipient=bob@bob.example\n"
				       "\n";
	struct session *s =
	    session_open(doors.policy.sessions, "192.0.2.7", "1");
	int fd = dial(doors.policy_sock);
	char in[4096], one[2] = "";
	size_t i;

	(void)state;
	put(fd, requests);
	get(fd, "action=DUNNO\n\n", in, sizeof(in));
	assert_int_equal(strncmp(in, "action=550 5.1.1 ", 17), 0);
	for (i = 0; i < strlen(requests); i++) {
		one[0] = requests[i];
		put(fd, one);
	}
	get(fd, "action=DUNNO\n\n", in, sizeof(in));
	close(fd);
	session_close(&s);
}

/* It fails closed. */
static void
test_policy_malformed(void **state)
{
	static char big[POLICY_REQUEST_MAX + 1];
	char in[4096];
	int fd = dial(doors.policy_sock);

	(void)state;
	help_expect_log("malformed policy request");
	put(fd, "nonsense\n\n");
	get(fd, "", in, sizeof(in));
	assert_int_equal(strncmp(in, "action=451 ", 11), 0);
	close(fd);
	help_expect_log("malformed policy request");
	memset(big, 'x', sizeof(big) - 1);
	fd = dial(doors.policy_sock);
	put(fd, big);
	get(fd, "", in, sizeof(in));
	assert_int_equal(strncmp(in, "action=451 ", 11), 0);
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    doors_test(test_lmtp_pipelined),
	    doors_test(test_lmtp_bytewise),
	    doors_test(test_lmtp_line_without_end),
	    doors_test(test_lmtp_malformed_line),
	    doors_test(test_lmtp_too_many),
	    doors_test(test_policy_requests),
	    doors_test(test_policy_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
