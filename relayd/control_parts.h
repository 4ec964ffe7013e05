/* SPDX-License-Identifier: MIT */
/*
 * control_parts - the control commands that answer much: control.c calls
 * them. They queue their answers, all but its last message.
 */
#ifndef AGAMID_RELAYD_CONTROL_PARTS_H
#define AGAMID_RELAYD_CONTROL_PARTS_H

#include "relayd/relayd.h"

struct client;

/* control_status.c */
void control_status(struct relayd *r, struct client *c);

/* control_bundles.c; the first also sends the last message, later. */
void control_queue(struct relayd *r, struct client *c);
void control_trace(struct relayd *r, struct client *c, const char *id);
void control_events(struct relayd *r, struct client *c);
void control_expired(struct relayd *r, struct client *c);

#endif
