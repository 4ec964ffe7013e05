/* SPDX-License-Identifier: MIT */
/*
 * message - a message as it is handed on. See message.h.
 */
#include "deliver/message.h"

#include <string.h>

/* headers_put() adds so many at most. */
#define HEADERS_MORE 16

void
message_init(struct message *m)
{
	memset(m, 0, sizeof(*m));
	buf_init(&m->lined, 2 * MESSAGE_PIECE + LINES_CRS_MAX + 2);
	buf_init(&m->out, m->lined.max + HEADERS_MORE);
}

void
message_free(struct message *m)
{
	buf_wipe(&m->lined);
	buf_wipe(&m->out);
}

static int
message_filter(struct message *m, int rc, struct error *error_r)
{
	buf_reset(&m->out);
	if (rc == 0)
		rc = headers_put(
		    &m->headers, buf_str(&m->lined), m->lined.len, &m->out);
	if (rc < 0)
		return error_set(error_r, rc, "message: %s", error_name(rc));
	return 0;
}

int
message_put(
    struct message *m, const char *data, size_t len, struct error *error_r)
{
	buf_reset(&m->lined);
	return message_filter(
	    m, lines_put(&m->lines, data, len, &m->lined), error_r);
}

int
message_end(struct message *m, struct error *error_r)
{
	int rc;

	buf_reset(&m->lined);
	rc = message_filter(m, lines_end(&m->lines, &m->lined), error_r);
	if (rc == 0 && headers_end(&m->headers, &m->out) < 0)
		rc = error_set(error_r, AG_ENOMEM, "no memory");
	return rc;
}
