/* SPDX-License-Identifier: MIT */
/*
 * doctor_mail - a real mail by the injection listener into a mailbox, and
 * out of it again.
 */
#ifndef AGAMID_DOCTOR_MAIL_H
#define AGAMID_DOCTOR_MAIL_H

#include "cli/doctor.h"

/* Where the canary goes: --canary, or the first mailbox of the manifest,
 * or postmaster. malloc'ed. */
char *mail_canary_address(const struct doctor *d);
/* The name that doveadm knows that address's mailbox by: the address, or
 * its local part. malloc'ed; NULL: none. */
char *mail_find_user(const struct doctor *d, const char *address);
/* The message. Pure; to and host are checked names. */
void mail_canary_text(const char *to, const char *host, const char *token,
    int64_t now, struct buf *text);

#endif
