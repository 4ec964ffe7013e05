/* SPDX-License-Identifier: MIT */
/*
 * serial - a manifest's serial number. See serial.h.
 */
#include "cli/serial.h"

#include <string.h>
#include <time.h>

#include "util/error.h"

#define KEY "serial:"

uint64_t
serial_next(int64_t now, uint64_t newest)
{
	time_t t = (time_t)now;
	uint64_t first;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return newest + 1;
	first = ((uint64_t)tm.tm_year + 1900) * 1000000 +
	    ((uint64_t)tm.tm_mon + 1) * 10000 + (uint64_t)tm.tm_mday * 100 + 1;
	return first > newest ? first : newest + 1;
}

/* The line "serial: ..." as a place in body; false if there is none. */
static bool
find_line(const char *body, size_t len, size_t *at_r, size_t *end_r)
{
	const char *line;
	struct cursor c;
	size_t n;

	cursor_init(&c, body, len);
	while (cursor_line(&c, &line, &n)) {
		if (n < strlen(KEY) || memcmp(line, KEY, strlen(KEY)) != 0)
			continue;
		*at_r = (size_t)(line - body);
		*end_r = *at_r + n;
		return true;
	}
	return false;
}

int
serial_set(const char *body, size_t len, uint64_t serial, struct buf *out)
{
	size_t at, end, rest;
	int rc;

	if (!find_line(body, len, &at, &end))
		return AG_ENOENT;
	rest = at + strlen(KEY);
	while (rest < end && (body[rest] == ' ' || body[rest] == '\t'))
		rest++;
	while (rest < end && body[rest] != ' ' && body[rest] != '\t' &&
	    body[rest] != '#' && body[rest] != '\r')
		rest++;
	rc = buf_put(out, body, at);
	if (rc == 0)
		rc = buf_printf(out, KEY " %llu", (unsigned long long)serial);
	return rc == 0 ? buf_put(out, body + rest, len - rest) : rc;
}
