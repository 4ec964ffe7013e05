/* SPDX-License-Identifier: MIT */
/*
 * answer - lines of relayd's answers to control commands, as control.h
 * says they look. A line is begun with answer_init(), filled with
 * buf_printf(" key=%s"), and sent.
 */
#ifndef AGAMID_RELAYD_ANSWER_H
#define AGAMID_RELAYD_ANSWER_H

#include "util/buf.h"

struct client;

void answer_init(struct buf *line);
/* " key=\"value\"", what is not printable in it escaped. */
void answer_quoted(struct buf *line, const char *key, const char *value);
/* Sends the line, if it isn't empty, without a blank in front, and empties
 * it. */
void answer_send(struct client *c, struct buf *line);
/* error="why" */
void answer_error(struct client *c, const char *why);
/* The last message of every answer. */
void answer_end(struct client *c);

#endif
