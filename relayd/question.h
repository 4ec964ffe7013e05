/* SPDX-License-Identifier: MIT */
/*
 * question - what agamid-milter asks relayd on relay.sock before it
 * answers a client. User agamid-milter: connect (SEQPACKET), send one
 * question, read one line.
 *
 * copies ID WANT SECONDS
 *	Say when WANT nodes hold this bundle durably, this one included; or
 *	sooner, when no other that was drawn can be waited for; or after
 *	SECONDS (SPEC N-6):
 *	copies=2 wanted=2 late=no
 *			(wanted: what was waited for, at most WANT; late: the
 *			time was over)
 *
 * gate HOME KEY
 *	May a stranger's mail for this home be let in here (SPEC N-2)? KEY
 *	stands for home, sender and recipient (32 hexadecimal digits).
 *	gate=pass why=down|waited|unknown
 *	gate=defer why=up
 *
 * Anything else, or what fails:
 *	error="unknown question"
 *
 * The milter has nothing from here but these lines, and relayd nothing
 * from it but these words: neither sees a mail, an address or a name of
 * the other's.
 */
#ifndef AGAMID_RELAYD_QUESTION_H
#define AGAMID_RELAYD_QUESTION_H

#include "relayd/relayd.h"

struct client;

/* Answers now or later, and then lets the client go. True if data is one
 * of these questions; false: nothing was done. */
bool question_ask(struct relayd *r, struct client *c, const char *data);

#endif
