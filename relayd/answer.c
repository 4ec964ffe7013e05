/* SPDX-License-Identifier: MIT */
/*
 * answer - lines of relayd's answers to control commands. See answer.h.
 *
 * SECURITY: texts in it may come from peers: whatever could end a line or
 * a value, or steer a terminal, is escaped here.
 */
#include "relayd/answer.h"

#include "relayd/client.h"

#define LINE_MAX_BYTES 8192

void
answer_init(struct buf *line)
{
	buf_init(line, LINE_MAX_BYTES);
}

void
answer_quoted(struct buf *line, const char *key, const char *value)
{
	const unsigned char *p;

	buf_printf(line, " %s=\"", key);
	for (p = (const unsigned char *)value; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
			buf_printf(line, "\\x%02x", *p);
		else
			buf_putc(line, (char)*p);
	}
	buf_putc(line, '"');
}

void
answer_send(struct client *c, struct buf *line)
{
	if (line->len > 0 && line->data[0] == ' ')
		buf_consume(line, 1);
	if (line->len > 0 && buf_putc(line, '\n') == 0)
		client_send(c, line->data, line->len, -1);
	buf_reset(line);
}

void
answer_error(struct client *c, const char *why)
{
	struct buf line;

	answer_init(&line);
	answer_quoted(&line, "error", why);
	answer_send(c, &line);
	buf_free(&line);
}

void
answer_end(struct client *c)
{
	client_send(c, ".\n", 2, -1);
}
