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
 *	receipts=3 new=0 deliver=up waiting=0 own=9 short=0 paused=0
 *	below=1 leaving=no room=8000000000 waits=12 wait-median=48 wait-p95=110
 *	lost=0 untold=0 clock=ok
 *			(held: all bundles in held/, bytes theirs; new: files
 *			in new/; deliver: up or down; waiting: own mail not yet
 *			delivered; own: accepted here; short: of these, those
 *			with fewer holders than wanted; below: of these, those
 *			on fewer nodes than wanted, whatever the reason; paused:
 *			until when this node said it is away, 0: it isn't; room: bytes free;
 *			waits: answers that waited for copies, the last 128 at
 *			most, and how long, in ms; lost: own mail that peers
 *			said expired there, and that has not come; untold: what
 *			expired here and its home has not heard of; clock:
 *			ok, or unsynchronised, if something would expire but
 *			for that)
 *			then one line for each peer:
 *	peer=bob known=yes session=dialled|accepted|dialling|none held=12
 *	bytes=48000 drawn=0 receipts=0 failures=2 next=35 seen=1795000000
 *	wants=0 short=0 age=3 away=0 told=yes silent=0 lost=0 unproven=0
 *	ours=3 ours-bytes=12000 error="can't be reached"
 *			(held, bytes: held for it; drawn: bundles it is still
 *			to get; receipts: those it is still to hear; next:
 *			seconds until it is dialled, 0: now or never; seen:
 *			last sign of life, seconds since 1970, 0: none since
 *			relayd began; wants: bundles it is asked for; short: as
 *			above, for this home; age: days seen of the oldest held
 *			for it; away: until when it said it is away, 0: it
 *			isn't; told: it knows whether we are; silent: days for
 *			which it was not heard while others were; lost, unproven:
 *			copies that it had and has not, or can't prove; ours,
 *			ours-bytes: what it says that it holds for us; error: of the
 *			last attempt)
 *			then one line for each number of nodes that bundles
 *			accepted here are on:
 *	nodes=3 bundles=9
 *
 * queue		one line for each bundle:
 *	id=9f... home=bob size=4096 day=17 from=carol own=yes short=no
 *	copies=2 holders=carol,dave drawn=erin missing=frank
 *			(copies: nodes known to have it, this one included; own:
 *			accepted here; short: fewer holders than wanted could be
 *			drawn; missing: those that have lost it, can't prove it
 *			or are silent); own mail has, instead of the last six:
 *	state=waiting|delivering|retry|delivered
 *
 * flush [PEER]		dial that peer, or all, now, and ask for what is
 *			mine; try own mail now that is to be tried later:
 *	flushed=2
 *
 * trace ID		one line about a bundle (ID: at least 6 digits of it),
 *			as of queue if it is here, else only its ID; and
 *	here=yes acceptor=carol time=1795000000 wanted=4 receipt=bob
 *	receipt-time=1795000100 receipt-key=dac073e0123bdea5
 *			then one for each event, in order (events.h):
 *	at=1795000000 what=accepted id=9f... who="carol" text="..."
 * events		the newest 200 events of all bundles
 *
 * expired		own mail that expired at a peer and has not come since:
 *	id=9f... peer=carol acceptor=alice size=4096 time=1795000000
 *	at=1795003600	(time: when it was sealed; at: when we were told)
 *
 * alert PEER		have that peer ask our alert address whether it may
 *			write there:
 *	asked=yes
 *
 * pause UNTIL		tell the peers that this node is away until then
 *			(seconds since 1970; 0: it is back), or resume:
 *	paused=1795003600
 * leave begin		hand on what is held for others, take nothing new;
 *			cancel: stay after all; look: only answer:
 *	leaving=yes held=12 handed=11 pending=1 alone=0 drawn=1 waiting=0
 *			(handed: another node has it; pending: one is to get
 *			it; alone: neither; drawn: copies still to be brought)
 *
 * reload		look at the manifests now (it does so by itself):
 *	network=friends.example peers=3
 *
 * serials		one line for each peer: what it last said that it has in
 *			force, in the last session with it
 *	peer=bob confirmed=1795000000 has="alice:2026112201 bob:2026112203"
 *			(confirmed: when it last said itself that the manifest of
 *			its own that is in force here is its newest; seconds since
 *			1970, 0: never)
 *
 * probe PEER		ask that peer, in the session with it, to look at this
 *			node's doors from outside; the answer takes at most 15
 *			seconds, a line for each:
 *	check=smtp|ehlo|starttls|ssh result=ok|fail text="192.0.2.1: 220 ..."
 *
 * rescue		of agamid-relayd --rescue: one line for each peer, and
 *			one about the mail
 *	peer=carol state=dialling|asking|done|failed error="can't be reached"
 *	coming=2 opening=1 failed=0 opened=40 signed=0 untold=0
 *			(coming: bundles that peers were asked for; opening:
 *			given to agamid-deliver; failed: not opened; opened: no
 *			receipt yet; signed: with one; untold: receipts that
 *			peers are still to note)
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
