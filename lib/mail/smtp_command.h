/* SPDX-License-Identifier: MIT */
/*
 * smtp_command - MAIL and RCPT for an SMTP or LMTP server, said anew from a
 * parsed envelope: with the parameters that this server offers, and no
 * others. Pure.
 */
#ifndef AGAMID_SMTP_COMMAND_H
#define AGAMID_SMTP_COMMAND_H

#include <stdint.h>

#include "mail/bsmtp.h"
#include "mail/smtp_reply.h"
#include "util/buf.h"

/* MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3), without line end. size: what
 * SIZE says, in place of the envelope's (RFC 1870). 0 or AG_ETOOBIG. */
int smtp_write_mail(const struct bsmtp_path *mail, uint64_t size,
    const struct smtp_offer *offer, struct buf *out);
int smtp_write_rcpt(const struct bsmtp_path *rcpt,
    const struct smtp_offer *offer, struct buf *out);

#endif
