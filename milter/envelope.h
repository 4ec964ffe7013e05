/* SPDX-License-Identifier: MIT */
/*
 * envelope - MAIL and RCPT as libmilter gives them (a vector: the path,
 * then the ESMTP parameters, verbatim) into a bundle's envelope.
 *
 * Pure. A parameter that a bundle doesn't carry is left out: AUTH and XVERP
 * were for this server alone; what is twice or malformed, Postfix has let
 * pass without a use for it.
 */
#ifndef AGAMID_MILTER_ENVELOPE_H
#define AGAMID_MILTER_ENVELOPE_H

#include <stdbool.h>

#include "mail/bsmtp.h"

/* argv is ended by NULL. 0, AG_EINVAL, AG_ETOOBIG, AG_ENOMEM. */
int envelope_set_mail(struct bsmtp_envelope *e, char **argv);
int envelope_add_rcpt(struct bsmtp_envelope *e, char **argv);

/* Was SMTPUTF8 asked for? */
bool envelope_is_smtputf8(const struct bsmtp_envelope *e);

#endif
