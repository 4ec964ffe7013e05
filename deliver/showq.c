/* SPDX-License-Identifier: MIT */
/*
 * showq - what Postfix's queue holds. See showq.h.
 */
#include "deliver/showq.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/sock.h"

#define SECONDS 5
#define NULL_SENDER "MAILER-DAEMON" /* as showq(8) calls it */

void
showq_init(struct showq *q, const char *path, int64_t from, int64_t to)
{
	memset(q, 0, sizeof(*q));
	q->sender = path;
	q->from = from;
	q->to = to;
	q->time = -1;
}

/* Is the value the path's address? */
static bool
is_sender(const struct showq *q)
{
	size_t len = strlen(q->sender);

	if (strcmp(q->sender, "<>") == 0)
		return strcmp(q->value, NULL_SENDER) == 0;
	return len > 2 && strlen(q->value) == len - 2 &&
	    memcmp(q->value, q->sender + 1, len - 2) == 0;
}

static void
end_value(struct showq *q)
{
	if (strcmp(q->name, "time") == 0) {
		q->time = strtoll(q->value, NULL, 10);
	} else if (strcmp(q->name, "sender") == 0) {
		q->found = q->found ||
		    (q->time >= q->from && q->time <= q->to && is_sender(q));
		q->time = -1;
	}
}

/* What is too long is cut, and is none that we look for. */
static void
put_byte(struct showq *q, char c)
{
	char *text = q->in_value ? q->value : q->name;
	size_t max = q->in_value ? sizeof(q->value) : sizeof(q->name);

	if (q->len < max - 1)
		text[q->len] = c;
	else
		text[max - 1] = '\0';
	if (c != '\0') {
		q->len += q->len < max - 1 ? 1 : 0;
		return;
	}
	if (q->in_value)
		end_value(q);
	/* An empty name ends a mail. */
	q->in_value = !q->in_value && q->len > 0;
	q->len = 0;
}

void
showq_put(struct showq *q, const char *data, size_t len)
{
	for (; len > 0; data++, len--)
		put_byte(q, *data);
}

int
showq_holds(const char *socket, const char *path, int64_t from, int64_t to)
{
	const struct timeval limit = {.tv_sec = SECONDS};
	time_t until = time(NULL) + SECONDS;
	struct showq q;
	char data[4096];
	ssize_t n;
	int fd;

	fd = sock_connect(socket, SOCK_STREAM, NULL);
	if (fd < 0)
		return AG_EIO;
	showq_init(&q, path, from, to);
	n = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (n >= 0 && (n = recv(fd, data, sizeof(data), 0)) > 0) {
		showq_put(&q, data, (size_t)n);
		if (q.found || time(NULL) > until)
			break;
	}
	close(fd);
	if (q.found)
		return 1;
	return n == 0 ? 0 : AG_EIO;
}
