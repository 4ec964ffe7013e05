/* SPDX-License-Identifier: MIT */
/*
 * openpgp_agent - the gpg-agent of a GnuPG home of ours. See
 * openpgp_agent.h.
 *
 * The agent greets with a line "OK ..."; a command is a line; its answer
 * is lines that end with "OK" or "ERR code text".
 *
 * SECURITY: no secret goes over this connection. Answers are bounded, and
 * every wait has a deadline.
 */
#include "mail/openpgp_agent.h"

#include <sys/socket.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/sock.h"

#define ANSWER_MAX 65536
#define ANSWER_MS 10000 /* without a byte */
#define END_MS 5000
#define END_POLL_MS 5

static bool
begins(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && memcmp(line, word, n) == 0 &&
	    (len == n || line[n] == ' ');
}

/* Is the answer in b whole? 1: "OK" has come; AG_EIO: "ERR". */
static int
answer_state(const struct buf *b)
{
	struct cursor c;
	const char *line;
	size_t len;

	cursor_init(&c, b->data, b->len);
	while (cursor_line(&c, &line, &len)) {
		if (begins(line, len, "OK"))
			return 1;
		if (begins(line, len, "ERR"))
			return AG_EIO;
	}
	return 0;
}

/* Read one answer; there is nothing behind it before the next command. */
static int
read_answer(int fd, struct buf *b)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;
	char *p;
	int rc;

	while ((rc = answer_state(b)) == 0) {
		if (poll(&pfd, 1, ANSWER_MS) <= 0 ||
		    (p = buf_reserve(b, 1024)) == NULL ||
		    (n = read(fd, p, 1024)) <= 0)
			return AG_EIO;
		buf_commit(b, (size_t)n);
	}
	return rc < 0 ? rc : 0;
}

static int
send_line(int fd, const char *command)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s\n", command);

	return send(fd, line, (size_t)len, MSG_NOSIGNAL) == len ? 0 : AG_EIO;
}

int
openpgp_agent_ask(const char *home, const char *command, struct buf *reply_r,
    struct error *error_r)
{
	char *path = file_join(home, AGENT_SOCKET);
	struct buf b;
	int fd, rc;

	buf_init(&b, ANSWER_MAX);
	fd = access(path, F_OK) == 0 ? sock_connect(path, SOCK_STREAM, error_r)
				     : AG_ENOENT;
	if (fd < 0) {
		rc = error_set(
		    error_r, AG_ENOENT, "no gpg-agent is running in %s", home);
		goto out;
	}
	if ((rc = read_answer(fd, &b)) == 0 &&
	    (rc = send_line(fd, command)) == 0) {
		buf_reset(&b);
		rc = read_answer(fd, &b);
	}
	if (rc < 0)
		error_set(error_r, rc, "gpg-agent in %s does not answer", home);
	else if (reply_r != NULL)
		rc = buf_put(reply_r, b.data, b.len);
	close(fd);
out:
	buf_free(&b);
	free(path);
	return rc;
}

/* It removes its socket last of all. (A dead one leaves it.) */
void
openpgp_agent_stop(const char *home)
{
	char *path = file_join(home, AGENT_SOCKET);
	unsigned waited;

	if (openpgp_agent_ask(home, "KILLAGENT", NULL, NULL) == 0)
		for (waited = 0; waited < END_MS && access(path, F_OK) == 0;
		     waited += END_POLL_MS)
			poll(NULL, 0, END_POLL_MS);
	free(path);
}

/* S KEYINFO <grip> <type> <serial> <id> <cached> <protection> ... */
static bool
is_locked(const char *line, size_t len)
{
	char copy[256], protection[2];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	return sscanf(copy, "S KEYINFO %*s %*s %*s %*s %*s %1s", protection) ==
	    1 &&
	    protection[0] != 'C';
}

int
openpgp_agent_check_clear(
    const char *home, const char *what, struct error *error_r)
{
	struct cursor c;
	const char *line;
	struct buf b;
	size_t len;
	int rc;

	buf_init(&b, ANSWER_MAX);
	rc = openpgp_agent_ask(home, "KEYINFO --list", &b, error_r);
	if (rc == AG_ENOENT)
		rc = AG_EIO;
	cursor_init(&c, b.data, b.len);
	while (rc == 0 && cursor_line(&c, &line, &len))
		if (is_locked(line, len))
			rc = error_set(error_r, AG_ECRYPTO,
			    "%s: this key has a passphrase; nobody would be "
			    "there to type it. Take it off first",
			    what);
	buf_free(&b);
	return rc;
}
