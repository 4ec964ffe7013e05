/* SPDX-License-Identifier: MIT */
/*
 * log - one line an event, to standard error.
 *
 * A line is "<ident>: <event> key=value key=value ...". Under systemd
 * (JOURNAL_STREAM is set) it begins with a priority "<N>"; otherwise with
 * the time in UTC and the level. Every byte that is not printable ASCII,
 * and a backslash, is written \xHH, so that nothing from outside can
 * forge a line. A line is cut at LOG_LINE_MAX bytes.
 *
 * SECURITY: never log a body, a subject, a key or a password.
 * Thread-safe; a line is one write(2).
 */
#ifndef AGAMID_LOG_H
#define AGAMID_LOG_H

#define LOG_LINE_MAX 1024

enum log_level { LOG_LVL_DEBUG, LOG_LVL_INFO, LOG_LVL_WARN, LOG_LVL_ERROR };

/* A test's sink: gets each line of every level, escaped, as "<ident>:
 * <event> ...", without time and newline. */
typedef void log_sink_fn(enum log_level level, const char *line, void *ctx);

/* ident is borrowed and must live as long as the process; what is below
 * least is not written. Both at start-up, before there are threads. */
void log_open(const char *ident, enum log_level least);
/* Lines go there, and not to standard error; NULL: back again. */
void log_set_sink(log_sink_fn *sink, void *ctx);

/* "%m" is the error in errno, as syslog(3) has it. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Log as an error and exit(1). Only at start-up, or in a process that
 * serves one job; never for what a peer sent. */
void log_fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
