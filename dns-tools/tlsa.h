/* SPDX-License-Identifier: MIT */
/*
 * tlsa - the list of hosts' TLS keys, for TLSA records: lines
 *
 *	NODE-OR-HOST sha256:HEX
 *
 * where HEX is the SHA-256 of the public key (SubjectPublicKeyInfo, DER).
 * Empty lines and those that begin with # are nothing. The same host may
 * have several, as while a key is changed.
 */
#ifndef AGAMID_ZONE_TLSA_H
#define AGAMID_ZONE_TLSA_H

#include "dns-tools/zone.h"

#define TLSA_MAX 100000

/* Pure. AG_EINVAL with the line. */
int tlsa_parse(const char *text, struct zone_tlsa **list_r, size_t *count_r,
    struct error *error_r);
void tlsa_free(const struct zone_tlsa **list, size_t count);
/* A file; ends the process where it is not good. */
void tlsa_read(
    const char *path, const struct zone_tlsa **list_r, size_t *count_r);

#endif
