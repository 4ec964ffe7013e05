/* SPDX-License-Identifier: MIT */
/* date - dates as mail has them (RFC 5322 section 3.3). Pure. */
#ifndef AGAMID_DATE_H
#define AGAMID_DATE_H

#include <stddef.h>
#include <stdint.h>

#define MAIL_DATE_MAX 64

/* "Sun, 22 Nov 2026 08:00:00 +0000" of seconds since 1970. 0; AG_EINVAL:
 * there is no such time; AG_ETOOBIG (never for MAIL_DATE_MAX). */
int mail_date(int64_t t, char *out, size_t outsize);

#endif
