/* SPDX-License-Identifier: MIT */
/*
 * openpgp_agent - the gpg-agent of a GnuPG home of ours: asking it a
 * thing, stopping it.
 *
 * gpg starts it when it needs a secret key. It is spoken to by its own
 * socket in that home (the Assuan protocol: lines), so that no other agent
 * can be meant. GPGME speaks Assuan too, but crashes where an agent dies
 * meanwhile (1.18). Only for the files openpgp*.c.
 */
#ifndef AGAMID_OPENPGP_AGENT_H
#define AGAMID_OPENPGP_AGENT_H

#include "util/buf.h"
#include "util/error.h"

#define AGENT_SOCKET "/S.gpg-agent" /* in the home */

/* Send one command; its answer's lines up to and with "OK" go to reply_r,
 * which has been initialised (may be NULL). AG_ENOENT: no agent there;
 * AG_EIO: it died, said ERR, or did not answer in time. */
int openpgp_agent_ask(const char *home, const char *command,
    struct buf *reply_r, struct error *error_r);

/* Ask for an end, and wait for it, a few seconds. */
void openpgp_agent_stop(const char *home);

/* Has none of the secret keys in this home a passphrase? 0, or AG_ECRYPTO;
 * what: whose keys these are, for the error. */
int openpgp_agent_check_clear(
    const char *home, const char *what, struct error *error_r);

#endif
