/* SPDX-License-Identifier: MIT */
/*
 * alert_text - what the alert address of a home reads: the question
 * whether it wants to, and later that the home is away. Pure.
 */
#ifndef AGAMID_DELIVER_ALERT_TEXT_H
#define AGAMID_DELIVER_ALERT_TEXT_H

#include <stdint.h>

#include "manifests/manifest.h"
#include "util/buf.h"

struct alert_facts {
	const struct manifest *self, *home;
	const char *token; /* for the question */
	const char *unique; /* hex digits, of this mail */
	unsigned stage; /* 1 to 3 */
	int64_t since; /* it is away: seconds since 1970 */
	int64_t now;
};

/* The whole mail, LF lines. 0, AG_EINVAL, AG_ETOOBIG, AG_ENOMEM. */
int alert_text_confirm(const struct alert_facts *f, struct buf *out);
int alert_text_away(const struct alert_facts *f, struct buf *out);

#endif
