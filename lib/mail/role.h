/* SPDX-License-Identifier: MIT */
/*
 * role - what each of Agamid's processes may still do once it has started
 * (SPEC N-13.6): the places, sockets and calls of util/sandbox.h, one
 * small table a role.
 *
 * A process that is started by another has what its parent has at most:
 * who starts others for the network is therefore a process of its own.
 */
#ifndef AGAMID_ROLE_H
#define AGAMID_ROLE_H

#include "mail/conf.h"

enum role {
	ROLE_MILTER,
	ROLE_SEAL,
	ROLE_DELIVER,
	ROLE_RESCUE, /* it writes a Maildir */
	ROLE_SUBMIT, /* a child of deliver's without its secrets */
	ROLE_RELAYD,
	ROLE_STARTER, /* a child of relayd's; its children are */
	ROLE_DIAL, /* one that dials, until its session begins, and */
	ROLE_PROBE, /* one that looks */
	ROLE_SESSION, /* a relay session, whichever side has dialled */
	ROLE_COUNT
};

/*
 * Confine this process for good; before it starts threads, and after it
 * has read what it is not to read again (ROLE_SESSION: everything, its sockets are open). given: the
 * peer's name for ROLE_DIAL and ROLE_SESSION, the Maildir for ROLE_RESCUE,
 * else NULL. Fatal on failure; a
 * kernel without Landlock is none, daemons log it.
 */
void role_enter(enum role role, const struct conf *conf, const char *given);

/* "milter", "session", ...; NULL beyond the last. */
const char *role_name(enum role role);

#endif
