/* SPDX-License-Identifier: MIT */
/*
 * fuzz_relay - relayd/proto.c: the bytes are what a peer sends. Every
 * message ends within them, is written back as the same bytes, and is the
 * same wherever the bytes are cut; the wire knows no verb of relayd's own
 * socket; what follows changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "relayd/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_written(const struct proto_msg *m, const uint8_t *data, size_t used)
{
	struct buf out;

	buf_init(&out, PROTO_MESSAGE_MAX);
	if (proto_write(m, &out) < 0 || out.len != used ||
	    memcmp(out.data, data, used) != 0)
		abort();
	buf_free(&out);
}

/* A verb that is not known can be named in the answer. */
static void
check_other(const struct proto_msg *m)
{
	struct proto_msg answer = {.verb = PROTO_UNKNOWN};
	struct buf out;

	memcpy(answer.word, m->word, sizeof(answer.word));
	buf_init(&out, PROTO_LINE_MAX);
	if (m->payload_len != 0 || proto_write(&answer, &out) < 0)
		abort();
	buf_free(&out);
}

static void
check_text(const char *s, size_t size)
{
	if (memchr(s, '\0', size) == NULL)
		abort();
	for (; *s != '\0'; s++) {
		if (*s < 0x20 || *s > 0x7e)
			abort();
	}
}

static void
check_fields(const struct proto_msg *m, bool wire)
{
	check_text(m->node, sizeof(m->node));
	check_text(m->network, sizeof(m->network));
	check_text(m->id, sizeof(m->id));
	check_text(m->word, sizeof(m->word));
	check_text(m->text, sizeof(m->text));
	check_text(m->hash, sizeof(m->hash));
	if (m->size > PROTO_SIZE_MAX || m->time < 0 ||
	    m->payload_len > PROTO_PAYLOAD_MAX ||
	    m->serial > MANIFEST_SERIAL_MAX ||
	    (wire && m->verb >= PROTO_SESSION))
		abort();
}

/* Cut before its end, at the line's end, and in between. */
static void
check_cuts(const uint8_t *data, size_t used, bool wire)
{
	const uint8_t *line = memchr(data, '\n', used);
	const size_t cuts[] = {0, 1, used / 2, (size_t)(line - data),
	    (size_t)(line - data) + 1, used - 1};
	struct proto_msg m;
	size_t i, n;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (cuts[i] < used &&
		    (proto_parse(data, cuts[i], wire, &m, &n) != AG_EAGAIN ||
			n != 0))
			abort();
	}
	if (proto_parse(data, used, wire, &m, &n) != 0 || n != used)
		abort();
}

static void
check_stream(const uint8_t *data, size_t len, bool wire)
{
	struct proto_msg m;
	size_t used;
	int rc;

	while ((rc = proto_parse(data, len, wire, &m, &used)) == 0) {
		if (used == 0 || used > len)
			abort();
		check_fields(&m, wire);
		check_cuts(data, used, wire);
		if (m.verb == PROTO_OTHER)
			check_other(&m);
		else
			check_written(&m, data, used);
		data += used;
		len -= used;
	}
	/* A session's buffer of PROTO_MESSAGE_MAX bytes never stalls. */
	if (used != 0 || (rc == AG_EAGAIN && len >= PROTO_MESSAGE_MAX) ||
	    (rc != AG_EAGAIN && rc != AG_EINVAL))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_stream(data, len, true);
	check_stream(data, len, false);
	return 0;
}
