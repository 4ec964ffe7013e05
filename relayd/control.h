/* SPDX-License-Identifier: MIT */
/*
 * control - commands to relayd on relay.sock, from agamid(8): root or user
 * agamid. Connect (SEQPACKET), send one command, read messages until the
 * one that is "." (without it the answer is not whole). A message is one
 * line, with its "\n", of blank-separated key=value; a value with a blank
 * in it is in double quotes, and a quote or backslash in it is written
 * \xHH, as are bytes that are not printable ASCII. Keys may be added;
 * order is not promised.
 *
 * command		answer
 *
 * status		one line about the node:
 *	node=carol network=friends.example day=17 held=12 bytes=48000
 *	receipts=3 new=0 deliver=up waiting=0
 *			(held: all bundles in held/, bytes theirs; new: files
 *			in new/; deliver: up or down; waiting: own mail not yet
 *			delivered)
 *			then one line for each peer:
 *	peer=bob known=yes session=dialled|accepted|dialling|none held=12
 *	bytes=48000 drawn=0 receipts=0 failures=2 next=35 seen=1795000000
 *	error="can't be reached"
 *			(held, bytes: held for it; drawn: bundles it is still
 *			to get; receipts: those it is still to hear; next:
 *			seconds until it is dialled, 0: now or never; seen:
 *			last sign of life, seconds since 1970, 0: none since
 *			relayd began; error: of the last attempt)
 *
 * queue		one line for each bundle:
 *	id=9f... home=bob size=4096 day=17 from=carol own=yes short=no
 *	copies=2 holders=carol,dave drawn=erin
 *			(copies: nodes known to have it, this one included; own:
 *			accepted here; short: fewer holders than wanted could be
 *			drawn); own mail has, instead of the last five:
 *	state=waiting|delivering|retry|delivered
 *
 * flush [PEER]		dial that peer, or all, now, and ask for what is
 *			mine; try own mail now that is to be tried later:
 *	flushed=2
 *
 * reload		look at the manifests now (it does so by itself):
 *	network=friends.example peers=3
 *
 * Anything else, or what fails:
 *	error="unknown command"
 */
#ifndef AGAMID_RELAYD_CONTROL_H
#define AGAMID_RELAYD_CONTROL_H

#include "relayd/relayd.h"

struct client;

/* Answer one command. */
void control_command(struct relayd *r, struct client *c, const char *command);

#endif
