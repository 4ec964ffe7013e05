/* SPDX-License-Identifier: MIT */
/*
 * policy - Postfix's policy delegation protocol (SMTPD_POLICY_README):
 * lines "name=value", then an empty line; the answer is "action=...".
 *
 * A pure parser: bytes in, struct out. Attributes that we don't use are
 * skipped; one of ours that comes twice or is too long is an error, and
 * so are control characters.
 */
#ifndef AGAMID_MILTER_POLICY_H
#define AGAMID_MILTER_POLICY_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/address.h"
#include "util/error.h"

#define POLICY_REQUEST_MAX 16384 /* bytes */

struct policy_request { /* "" (size: 0) where absent */
	char request[32]; /* smtpd_access_policy */
	char state[24]; /* protocol_state: RCPT */
	char protocol[16]; /* protocol_name: ESMTP */
	char client_address[64];
	char client_port[8];
	char client_name[256];
	char reverse_client_name[256];
	char sender[ADDRESS_MAX];
	char recipient[ADDRESS_MAX];
	char queue_id[32];
	uint64_t size;
};

/* Parse the request at the front of data. The bytes it took; 0 if its
 * end isn't there yet; AG_EINVAL, AG_ETOOBIG. */
ssize_t policy_parse(const void *data, size_t len, struct policy_request *r_r,
    struct error *error_r);

/* Postfix gives a recipient in its internal form, without quotes: what
 * stands before the last '@' is the local part. 0, AG_EINVAL. */
int policy_parse_recipient(const char *recipient, struct address *a_r);

#endif
