/* SPDX-License-Identifier: MIT */
/*
 * doctor_lmtp - where Postfix hands mail to Dovecot: a socket or a port.
 */
#ifndef AGAMID_DOCTOR_LMTP_H
#define AGAMID_DOCTOR_LMTP_H

#include <stdbool.h>

struct lmtp_target {
	char path[512]; /* of the socket; "" for a port: */
	char host[256]; /* an address or a name */
	unsigned port;
};

/* The first "lmtp:..." among these values of Postfix's transport parameters
 * (postconf(5), transport(5)); false if there is none. Pure. */
bool lmtp_target_find(const char *transports, const char *queue_dir,
    struct lmtp_target *target_r);

#endif
