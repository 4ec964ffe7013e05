/* SPDX-License-Identifier: MIT */
/*
 * probe - looks at a node from outside, as a sender and a friend would:
 * its mail server on port 25, and its SSH server. What is looked at, and
 * the lines in which a child of relayd says what it saw:
 *
 *	smtp ok|fail TEXT	something answers 220 on port 25
 *	ehlo ok|fail TEXT	and takes EHLO, under the manifest's host name
 *	starttls ok|fail TEXT	and offers STARTTLS
 *	ssh ok|fail TEXT	an SSH server there shows the manifest's key
 *
 * TEXT is one line of printable ASCII. The lines come in this order, each
 * as soon as it is known; one that can't be known any more is a fail.
 */
#ifndef AGAMID_RELAYD_PROBE_H
#define AGAMID_RELAYD_PROBE_H

#include "mail/conf.h"

/* The child: print the lines to standard output. 0 if all but STARTTLS is
 * well, AG_EIO, AG_ENOENT. Takes at most PROBE_SECONDS. */
#define PROBE_SECONDS 10
int probe_run(const struct conf *conf, const char *name);

#endif
