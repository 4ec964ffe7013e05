/* SPDX-License-Identifier: MIT */
/*
 * message - a message as it is handed on. See message.h.
 */
#include "deliver/message.h"

#include <string.h>

/* headers_put() adds so many at most. */
#define HEADERS_MORE 16

void
message_init(struct message *m, results_ours_fn *ours, const void *ctx)
{
	memset(m, 0, sizeof(*m));
	results_init(&m->results, ours, ctx);
	buf_init(&m->lined, 2 * MESSAGE_PIECE + LINES_CRS_MAX + 2);
	buf_init(&m->stripped, m->lined.max + HEADERS_MORE);
	buf_init(&m->out, m->stripped.max + RESULTS_HELD_MAX);
}

void
message_free(struct message *m)
{
	buf_wipe(&m->lined);
	buf_wipe(&m->stripped);
	buf_wipe(&m->out);
}

/* From lined to out. */
static int
message_filter(struct message *m, bool ends)
{
	int rc;

	buf_reset(&m->stripped);
	buf_reset(&m->out);
	rc = headers_put(
	    &m->headers, buf_str(&m->lined), m->lined.len, &m->stripped);
	if (rc == 0 && ends)
		rc = headers_end(&m->headers, &m->stripped);
	if (rc == 0)
		rc = results_put(&m->results, buf_str(&m->stripped),
		    m->stripped.len, &m->out);
	return rc == 0 && ends ? results_end(&m->results, &m->out) : rc;
}

int
message_put(
    struct message *m, const char *data, size_t len, struct error *error_r)
{
	int rc;

	buf_reset(&m->lined);
	rc = lines_put(&m->lines, data, len, &m->lined);
	if (rc == 0)
		rc = message_filter(m, false);
	if (rc < 0)
		error_set(error_r, rc, "message: %s", error_name(rc));
	return rc;
}

int
message_end(struct message *m, struct error *error_r)
{
	int rc;

	buf_reset(&m->lined);
	rc = lines_end(&m->lines, &m->lined);
	if (rc == 0)
		rc = message_filter(m, true);
	if (rc < 0)
		error_set(error_r, rc, "message: %s", error_name(rc));
	return rc;
}
