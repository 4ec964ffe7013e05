/* SPDX-License-Identifier: MIT */
/*
 * log - one line an event, to standard error. See log.h.
 *
 * It keeps no file and knows no syslog: the supervisor takes standard
 * error. The settings are written by log_open() and log_set_sink(), at
 * start-up, before there are threads; afterwards they are only read.
 *
 * SECURITY: everything that a caller formats is escaped here, so that no
 * byte from outside can begin a line, end one or move a terminal's
 * cursor.
 */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/text.h"

static struct {
	const char *ident;
	enum log_level least;
	bool journal;
	log_sink_fn *sink;
	void *ctx;
} settings = {.ident = "agamid", .least = LOG_LVL_INFO};

static const struct {
	const char *name;
	int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LVL_DEBUG] = {"debug", 7},
    [LOG_LVL_INFO] = {"info", 6},
    [LOG_LVL_WARN] = {"warn", 4},
    [LOG_LVL_ERROR] = {"error", 3},
};

void
log_open(const char *ident, enum log_level least)
{
	settings.ident = ident;
	settings.least = least;
	settings.journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_set_sink(log_sink_fn *sink, void *ctx)
{
	settings.sink = sink;
	settings.ctx = ctx;
}

/* text behind out's first at bytes, escaped; whole escapes only. The
 * length of what is in out now. */
static size_t
log_escape(const char *text, char *out, size_t at, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p >= ' ' && *p <= '~' && *p != '\\') {
			if (size - at < 2)
				break;
			out[at++] = (char)*p;
			continue;
		}
		if (size - at < 5)
			break;
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = digits[*p >> 4];
		out[at++] = digits[*p & 15];
	}
	out[at] = '\0';
	return at;
}

static size_t
log_prefix(enum log_level level, char *out, size_t size)
{
	char now[21];
	int n;

	if (settings.sink != NULL) {
		n = snprintf(out, size, "%s: ", settings.ident);
	} else if (settings.journal) {
		n = snprintf(out, size, "<%d>%s: ", levels[level].priority,
		    settings.ident);
	} else {
		text_time(time(NULL), now);
		n = snprintf(out, size, "%s %s %s: ", now, levels[level].name,
		    settings.ident);
	}
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

static void log_line(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
log_line(enum log_level level, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX + 1];
	int saved = errno;
	size_t len;

	if (level < settings.least && settings.sink == NULL)
		return;
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		snprintf(text, sizeof(text), "unprintable log line");
	len = log_prefix(level, line, sizeof(line) - 1);
	len = log_escape(text, line, len, sizeof(line) - 1);
	if (settings.sink != NULL) {
		settings.sink(level, line, settings.ctx);
	} else {
		line[len++] = '\n';
		/* Where standard error is gone there is nobody to tell. */
		if (write(STDERR_FILENO, line, len) < 0)
			errno = saved;
	}
	errno = saved;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_DEBUG, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_WARN, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_ERROR, fmt, ap);
	va_end(ap);
	exit(1);
}
