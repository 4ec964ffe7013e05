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
#include "util/text.h"

#define DEADLINE_MS 10000

static bool
is_readable(int fd, int deadline_ms)
{
	struct pollfd p = {fd, POLLIN, 0};
	int n;

	do
		n = poll(&p, 1, deadline_ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* 1 when the answer has ended. */
static int
receive(int fd, int deadline_ms, struct buf *answer, struct error *error_r)
{
	char data[SOCK_MESSAGE_MAX + 1];
	int passed = -1;
	ssize_t n;

	if (!is_readable(fd, deadline_ms))
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
relay_ask_within(const struct conf *conf, const char *command, int deadline_ms,
    struct buf *answer, struct error *error_r)
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
		rc = receive(fd, deadline_ms, answer, error_r);
	close(fd);
	return rc < 0 ? rc : 0;
}

int
relay_ask(const struct conf *conf, const char *command, struct buf *answer,
    struct error *error_r)
{
	return relay_ask_within(conf, command, DEADLINE_MS, answer, error_r);
}

/* One "key=value" at *p; false at the end. The value's bytes lie inside
 * the line. */
static bool
next_pair(const char **p, const char *end, const char **key, size_t *key_len,
    const char **value, size_t *value_len)
{
	const char *q = *p;

	while (q < end && *q == ' ')
		q++;
	for (*key = q; q < end && *q != '=' && *q != ' '; q++)
		continue;
	*key_len = (size_t)(q - *key);
	if (q == end || *q != '=')
		return false;
	if (++q < end && *q == '"') {
		for (*value = ++q; q < end && *q != '"'; q++)
			continue;
		*value_len = (size_t)(q - *value);
		*p = q < end ? q + 1 : q;
		return true;
	}
	for (*value = q; q < end && *q != ' '; q++)
		continue;
	*value_len = (size_t)(q - *value);
	*p = q;
	return true;
}

bool
relay_value(
    const char *line, size_t len, const char *key, char *out, size_t size)
{
	const char *p = line, *k, *v;
	size_t k_len, v_len;

	out[0] = '\0';
	while (next_pair(&p, line + len, &k, &k_len, &v, &v_len)) {
		if (k_len != strlen(key) || memcmp(k, key, k_len) != 0)
			continue;
		if (v_len >= size)
			v_len = size - 1;
		memcpy(out, v, v_len);
		out[v_len] = '\0';
		return true;
	}
	return false;
}

uint64_t
relay_number(const char *line, size_t len, const char *key)
{
	char text[32];
	uint64_t n;

	if (!relay_value(line, len, key, text, sizeof(text)) ||
	    text_uint(text, INT64_MAX, &n) < 0)
		return 0;
	return n;
}

int
relay_order(const struct conf *conf, const char *command, struct buf *answer,
    struct error *error_r)
{
	char text[ERROR_TEXT_MAX];
	int rc;

	rc = relay_ask(conf, command, answer, error_r);
	if (rc == 0 &&
	    relay_value(buf_str(answer), strcspn(buf_str(answer), "\n"),
		"error", text, sizeof(text)))
		return error_set(error_r, AG_EINVAL, "%s", text);
	return rc;
}
