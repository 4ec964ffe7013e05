/* SPDX-License-Identifier: MIT */
/*
 * trace - what became of one bundle, from the answers of agamid-relayd
 * (relayd/control.h: trace, events) and, on its home, agamid-deliver
 * (agamid-deliver(8): trace). Pure: answers in, text or JSON out.
 */
#ifndef AGAMID_TRACE_H
#define AGAMID_TRACE_H

#include <jansson.h>
#include <stdint.h>

#include "cli/screen.h"
#include "mail/ticket.h"
#include "util/buf.h"

#define TRACE_TEXT_MAX (4U << 20)

struct trace {
	char id[BUNDLE_ID_LEN + 1]; /* "" if there is none */
	const char *self; /* this node's name; borrowed */
	const struct buf *relay; /* relayd's answer; borrowed */
	const struct buf *deliver; /* agamid-deliver's, may be empty */
};

/* Which bundle does relayd's answer tell of? */
void trace_init(struct trace *t, const char *self, const struct buf *relay,
    const struct buf *deliver);

void trace_text(const struct trace *t, const struct screen *s, struct buf *out);
/* A new object; keys as in agamid-status(8). */
json_t *trace_json(const struct trace *t);
/* Is nothing known of it, here or by agamid-deliver? */
bool trace_is_empty(const struct trace *t);

/* Events of all bundles, relayd's answer to "events". */
void trace_events_text(
    const struct buf *relay, const struct screen *s, struct buf *out);

#endif
