/* SPDX-License-Identifier: MIT */
/*
 * prober - the children that look at peers from outside (probe.h), one at
 * a time for a peer; whoever asks meanwhile hears of the same one.
 */
#ifndef AGAMID_RELAYD_PROBER_H
#define AGAMID_RELAYD_PROBER_H

#include "relayd/relayd.h"

enum probe_what { PROBE_SMTP, PROBE_EHLO, PROBE_STARTTLS, PROBE_SSH };
#define PROBE_WHATS 4
#define PROBE_TEXT_MAX 200

struct probe_report {
	unsigned known; /* how many have been heard of, in order */
	bool ok[PROBE_WHATS];
	char text[PROBE_WHATS][PROBE_TEXT_MAX];
};

/* "smtp", "ehlo" ... */
const char *probe_name(enum probe_what what);
/* A line of the child's, without its "\n", as the next of the report
 * (pure). 0 or AG_EINVAL. */
int probe_report_add(struct probe_report *rep, const char *line);
/* Is it the peer's own mail server that answers? Known as soon as the
 * first fail: yes 1, no 0, not known yet -1. */
int probe_report_up(const struct probe_report *rep);

struct probers;

struct probers *probers_new(struct relayd *r); /* NULL when memory is out */
void probers_free(struct probers **ps);

/* Hears of each line that is known; the last call has over set. What could
 * not be heard is not ok. */
typedef void prober_fn(struct relayd *r, struct peer *p,
    const struct probe_report *rep, bool over, void *ctx);

/* Have the peer looked at. fn hears of it (once, if the child can't be
 * started, and then before this returns). */
void prober_ask(struct relayd *r, struct peer *p, prober_fn *fn, void *ctx);
/* This one does not want to hear more. */
void prober_forget(struct relayd *r, prober_fn *fn, void *ctx);

#endif
