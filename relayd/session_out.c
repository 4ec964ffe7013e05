/* SPDX-License-Identifier: MIT */
/*
 * session_out - a session's output queue. See session_out.h.
 *
 * A bundle is read from its file as it is written, one chunk at a time:
 * its size costs no memory.
 */
#include "relayd/session_out.h"

#include <sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/error.h"
#include "util/fault.h"

/* Answers to PROTO_OPEN_MAX offers, each a receipt of full size, fit. */
#define TEXT_MAX (2 * 1024 * 1024)
#define CHUNK 32768
#define TURN_MAX (8 * CHUNK) /* written before the reader has its turn */

struct part {
	TAILQ_ENTRY(part) next;
	struct buf text; /* if fd is -1 */
	size_t at; /* written so far */
	int fd;
	uint64_t left; /* bytes not yet read from fd */
};

struct session_out {
	TAILQ_HEAD(parts, part) parts;
	size_t text; /* bytes in all */
	char chunk[CHUNK]; /* of the first part, if that is a file */
	size_t chunk_at, chunk_len;
};

struct session_out *
session_out_new(void)
{
	struct session_out *o = calloc(1, sizeof(*o));

	if (o != NULL)
		TAILQ_INIT(&o->parts);
	return o;
}

static void
drop_first(struct session_out *o)
{
	struct part *p = TAILQ_FIRST(&o->parts);

	TAILQ_REMOVE(&o->parts, p, next);
	o->text -= p->text.len;
	buf_free(&p->text);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	o->chunk_at = o->chunk_len = 0;
}

void
session_out_free(struct session_out **op)
{
	struct session_out *o = *op;

	if (o == NULL)
		return;
	while (!TAILQ_EMPTY(&o->parts))
		drop_first(o);
	free(o);
	*op = NULL;
}

static struct part *
append(struct session_out *o, int fd)
{
	struct part *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->fd = fd;
	buf_init(&p->text, TEXT_MAX);
	TAILQ_INSERT_TAIL(&o->parts, p, next);
	return p;
}

int
session_out_text(struct session_out *o, const char *text, size_t len)
{
	struct part *p = TAILQ_LAST(&o->parts, parts);
	int rc;

	if (len > TEXT_MAX - o->text)
		return AG_ETOOBIG;
	if (p == NULL || p->fd >= 0 || p->at > 0)
		p = append(o, -1);
	if (p == NULL)
		return AG_ENOMEM;
	rc = buf_put(&p->text, text, len);
	if (rc == 0)
		o->text += len;
	return rc;
}

int
session_out_file(struct session_out *o, int fd, uint64_t size)
{
	struct part *p = append(o, fd);

	if (p == NULL) {
		close(fd);
		return AG_ENOMEM;
	}
	p->left = size;
	return 0;
}

bool
session_out_empty(const struct session_out *o)
{
	return TAILQ_EMPTY(&o->parts);
}

/* The next bytes of a file part into the chunk. */
static int
fill(struct session_out *o, struct part *p)
{
	size_t want = p->left < CHUNK ? (size_t)p->left : CHUNK;
	ssize_t n;

	do
		n = read(p->fd, o->chunk, want);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return AG_EIO;
	o->chunk_at = 0;
	o->chunk_len = (size_t)n;
	p->left -= (size_t)n;
	return 0;
}

/* The bytes that come next; *len_r is 0 if p has no more. */
static int
peek(struct session_out *o, struct part *p, const char **data_r, size_t *len_r)
{
	int rc;

	if (p->fd < 0) {
		*data_r = p->text.data + p->at;
		*len_r = p->text.len - p->at;
		return 0;
	}
	if (o->chunk_at == o->chunk_len && p->left > 0) {
		rc = fill(o, p);
		if (rc < 0)
			return rc;
	}
	*data_r = o->chunk + o->chunk_at;
	*len_r = o->chunk_len - o->chunk_at;
	return 0;
}

int
session_out_write(struct session_out *o, int fd, size_t *wrote_r)
{
	struct part *p;
	const char *data;
	size_t len;
	ssize_t n;

	*wrote_r = 0;
	while (*wrote_r < TURN_MAX && (p = TAILQ_FIRST(&o->parts)) != NULL) {
		if (peek(o, p, &data, &len) < 0)
			return AG_EIO;
		if (len == 0) {
			drop_first(o);
			continue;
		}
		if (fault_point("relay.send"))
			return AG_EIO;
		n = write(fd, data, len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0)
			return AG_EIO;
		fault_after("relay.send");
		if (p->fd < 0)
			p->at += (size_t)n;
		else
			o->chunk_at += (size_t)n;
		*wrote_r += (size_t)n;
	}
	return 0;
}
