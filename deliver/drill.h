/* SPDX-License-Identifier: MIT */
/*
 * drill - the test mail of agamid-status(8)'s drill: known by a field
 *
 *	X-Agamid-Drill: ACCEPTOR TIME MAC
 *
 * in its header, whose MAC only this node can make. It is opened, checked
 * and receipted as any mail, and then not given to Postfix (SPEC N-19.5).
 *
 * SECURITY: the MAC names the acceptor, which sees the field: so it can
 * make vanish what it could have thrown away itself, and nobody else can.
 * Pure.
 */
#ifndef AGAMID_DELIVER_DRILL_H
#define AGAMID_DELIVER_DRILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deliver/headers.h"
#include "mail/drill.h"

struct drill_scan { /* all zeros to begin with */
	bool in_body, in_value;
	size_t matched; /* bytes of the field's name at this line's start */
	size_t line; /* bytes of this line */
	size_t len;
	char value[DRILL_VALUE_MAX + 1]; /* of the first such field */
	bool found, too_long;
};

/* The message in pieces of any size; value is "" if there is none. */
void drill_scan(struct drill_scan *s, const void *data, size_t len);
const char *drill_value(const struct drill_scan *s);

#endif
