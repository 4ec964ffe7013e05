/* SPDX-License-Identifier: MIT */
/*
 * exchange - manifests passed on in every session (doc/spec/relay.md,
 * chapter 11): each side says which serials are in force at it, and asks
 * for what is newer, or other under the same serial.
 *
 * What comes goes to the inbox, for `agamid apply`; it changes nothing
 * here before that has put it in force.
 */
#ifndef AGAMID_RELAYD_EXCHANGE_H
#define AGAMID_RELAYD_EXCHANGE_H

#include "relayd/broker.h"

struct exchange;

int exchange_new(
    struct relayd *r, struct exchange **x_r, struct error *error_r);
void exchange_free(struct exchange **x);

/* The hello has come: say what is in force here. */
void exchange_begin(struct link *ln);
/* Other manifests are in force here: say it on all sessions, and end those
 * with nodes that are no peers any more. */
void exchange_view(struct relayd *r);
/* serial, get, manifest. */
void exchange_told(struct link *ln, const struct proto_msg *m);
void exchange_asked(struct link *ln, const struct proto_msg *m);
void exchange_brought(struct link *ln, const struct proto_msg *m);
void exchange_link_gone(struct link *ln);

/* " NODE:SERIAL NODE:SERIAL": what this peer last said that it has. */
void exchange_put_serials(const struct peer *p, struct buf *line);

#endif
