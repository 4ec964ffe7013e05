/* SPDX-License-Identifier: MIT */
/*
 * relay - asks agamid-relayd over its socket.
 */
#ifndef AGAMID_CLI_RELAY_H
#define AGAMID_CLI_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

#define RELAY_ANSWER_MAX (64U << 20)

/*
 * Send one command and collect the whole answer, without its last line
 * "."; at most 10 seconds between its parts. AG_ENOENT: relayd does
 * not run (nobody listens); AG_EIO, AG_EPERM, with the reason.
 */
int relay_ask(const struct conf *conf, const char *command, struct buf *answer,
    struct error *error_r);

/* The same with another deadline, in milliseconds, for each part. */
int relay_ask_within(const struct conf *conf, const char *command,
    int deadline_ms, struct buf *answer, struct error *error_r);

/* The same where an answer error="..." is a failure: AG_EINVAL with it. */
int relay_order(const struct conf *conf, const char *command,
    struct buf *answer, struct error *error_r);

/* The lines of an answer, one after the other: blank-separated key=value;
 * a value with a blank in it stands in double quotes. A pure parser; out
 * is cut to fit, and "" if the line has no such key (false). */
bool relay_value(
    const char *line, size_t len, const char *key, char *out, size_t size);
/* A value that is a number; 0 if there is none. */
uint64_t relay_number(const char *line, size_t len, const char *key);

#endif
