/* SPDX-License-Identifier: MIT */
/*
 * drill - a test mail by way of a friend: brought to his port 25 as by a
 * stranger, then looked for until it is home. What it leaves is receipted
 * and removed like any mail's; it reaches no mailbox (SPEC N-19.5).
 *
 * SECURITY: the friend's server may say anything: it is bounded, and
 * cleaned where it is shown.
 */
#ifndef AGAMID_CLI_DRILL_H
#define AGAMID_CLI_DRILL_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/conf.h"
#include "mail/drill.h"
#include "manifests/manifest.h"
#include "util/error.h"

#define DRILL_STEPS_MAX 16
#define DRILL_TEXT_MAX 256

struct drill_step {
	const char *name; /* connect, greeting, rcpt, data, home, ... */
	int64_t ms; /* since it began */
	char text[DRILL_TEXT_MAX];
};

struct drill {
	const struct conf *conf;
	const struct manifest *self, *peer;
	char to[320]; /* the recipient */
	char value[DRILL_VALUE_MAX + 1];
	unsigned seconds; /* for all of it */
	int64_t began; /* ms */
	struct drill_step steps[DRILL_STEPS_MAX];
	unsigned step_count;
	char id[BUNDLE_ID_LEN + 1]; /* when it is home */
	void (*waiting)(const struct drill *d, const char *for_what);
	void (*stepped)(const struct drill *d, const struct drill_step *s);
};

/* 0; else the reason why not: AG_EPERM (the friend refuses), AG_EAGAIN
 * (not within the time), AG_EIO. */
int drill_run(struct drill *d, struct error *error_r);

/* The mail, as lines with CRLF; date is RFC 5322's. Pure. */
int drill_message(const struct drill *d, const char *date, struct buf *out);

#endif
