/* SPDX-License-Identifier: MIT */
/*
 * doctor_mail - a real mail by the injection listener into a mailbox, and
 * out of it again.
 */
#ifndef AGAMID_DOCTOR_MAIL_H
#define AGAMID_DOCTOR_MAIL_H

#include "cli/doctor.h"

/* The address that the canary is for: the one that was chosen, else --canary,
 * the first mailbox of the manifest, or postmaster. malloc'ed. */
char *mail_canary_address(const struct doctor *d);
/* Choose it: the first of the first eight mailboxes that Dovecot knows. Sets
 * canary_to and canary_user; both stay NULL if there is none. */
void mail_choose_canary(struct doctor *d);

#endif
