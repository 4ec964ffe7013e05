/* SPDX-License-Identifier: MIT */
/*
 * lmtp_server - reads commands and messages from Postfix, and writes the
 * replies. A connection is a thread; every wait has a deadline.
 *
 * Replies are gathered as long as commands lie in the buffer (RFC 2920).
 */
#include <stdlib.h>
#include <string.h>

#include "milter/listener.h"
#include "milter/lmtp_server.h"
#include "util/log.h"

#define CONNECTIONS_MAX 40
#define IN_SIZE 32768 /* at least LMTP_LINE_MAX */
#define READ_MS (330 * 1000) /* RFC 5321 section 4.5.3.2 */
#define WRITE_MS (60 * 1000)

struct connection {
	int fd;
	struct lmtp_session *session;
	struct buf reply;
	char in[IN_SIZE];
	size_t in_len;
	char text[IN_SIZE + 1]; /* in without its dots */
};

static int
flush(struct connection *c)
{
	int rc = AG_OK;

	if (c->reply.len > 0)
		rc = listener_write(
		    c->fd, c->reply.data, c->reply.len, WRITE_MS);
	buf_reset(&c->reply);
	return rc;
}

static void
consume(struct connection *c, size_t n)
{
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
}

/* More input; the replies go out first. */
static int
fill(struct connection *c)
{
	ssize_t n;
	int rc;

	if ((rc = flush(c)) != AG_OK)
		return rc;
	n = listener_read(
	    c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, READ_MS);
	if (n <= 0)
		return n == 0 ? AG_EIO : n;
	c->in_len += n;
	return AG_OK;
}

static int
read_message(struct connection *c)
{
	struct lmtp_data d = {0};
	bool end = false;
	size_t n, len;
	int rc = AG_OK;

	for (;;) {
		n = lmtp_data(&d, c->in, c->in_len, c->text, &len, &end);
		lmtp_session_data(c->session, c->text, len);
		consume(c, n);
		if (end)
			break;
		if ((rc = fill(c)) != AG_OK)
			break;
	}
	explicit_bzero(c->text, sizeof(c->text));
	explicit_bzero(c->in + c->in_len, sizeof(c->in) - c->in_len);
	if (rc == AG_OK)
		lmtp_session_data_end(c->session, &c->reply);
	return rc;
}

/* The next command in the buffer: 1 if there was one, 0 if more bytes are
 * needed; negative ends the connection. */
static int
next_command(struct connection *c)
{
	struct lmtp_command cmd;
	enum lmtp_next next;
	size_t skip;
	ssize_t n;

	n = lmtp_parse_command(c->in, c->in_len, &cmd, &skip);
	if (n == 0)
		return 0;
	if (n > 0)
		next = lmtp_session_command(c->session, &cmd, &c->reply);
	else
		next = lmtp_session_malformed(c->session, &c->reply);
	if (n == AG_ETOOBIG)
		return AG_ETOOBIG;
	consume(c, skip);
	if (next == LMTP_NEXT_DATA)
		return read_message(c) == AG_OK ? 1 : AG_EIO;
	return next == LMTP_NEXT_COMMAND ? 1 : AG_EIO;
}

static void
serve(int fd, void *ctx)
{
	struct connection *c = calloc(1, sizeof(*c));
	int n = 0;

	if (c == NULL)
		return;
	c->fd = fd;
	buf_init(&c->reply, LMTP_REPLY_MAX);
	c->session = lmtp_session_new(ctx, &c->reply);
	while (c->session != NULL && n >= 0) {
		n = next_command(c);
		if (n == 0)
			n = fill(c);
	}
	(void)flush(c);
	lmtp_session_free(&c->session);
	buf_free(&c->reply);
	explicit_bzero(c->in, sizeof(c->in));
	free(c);
}

int
lmtp_server_start(
    const struct lmtp_context *ctx, const char *path, struct error *error_r)
{
	const struct listener l = {
	    .path = path,
	    .max = CONNECTIONS_MAX,
	    .full = "421 4.3.2 Too many connections\r\n",
	    .serve = serve,
	    .ctx = (void *)(uintptr_t)ctx,
	};

	return listener_start(&l, error_r);
}
