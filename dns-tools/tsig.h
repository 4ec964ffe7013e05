/* SPDX-License-Identifier: MIT */
/*
 * tsig - a key that a name server knows too (RFC 8945). Read from
 *
 *	key "NAME" { algorithm hmac-sha256; secret "BASE64"; };   (BIND, NSD)
 *	key:                                                      (Knot)
 *	  - id: NAME
 *	    algorithm: hmac-sha256
 *	    secret: BASE64
 *	hmac-sha256:NAME:BASE64                                   (-y)
 *
 * the first that is found.
 */
#ifndef AGAMID_ZONE_TSIG_H
#define AGAMID_ZONE_TSIG_H

#include "util/error.h"

#define TSIG_FILE_MAX 65536

struct tsig_key {
	char name[256]; /* with a dot at its end */
	char algorithm[32]; /* "hmac-sha256." */
	char secret[256]; /* base64 */
};

/* Pure. AG_EINVAL; the reason has nothing of the secret in it. */
int tsig_parse(const char *text, struct tsig_key *key, struct error *error_r);
/* A file; AG_EPERM where everybody may read it. */
int tsig_read(const char *path, struct tsig_key *key, struct error *error_r);

#endif
