/* SPDX-License-Identifier: MIT */
/*
 * events - what happened to a bundle on this node, noted as it happens.
 * See events.h.
 */
#include "relayd/events.h"

#include <time.h>

#include "relayd/relayd.h"

void
event_note(struct relayd *r, const char *id, enum event_kind kind,
    const char *who, const char *text)
{
	if (state_event_add(r->state, id, kind, who, text, r->day.day,
		(int64_t)time(NULL)) == 0)
		relayd_flush_soon(r);
}
