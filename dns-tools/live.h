/* SPDX-License-Identifier: MIT */
/*
 * live - talking to name servers: transfers, questions, updates. All wire
 * forms are ldns's; every wait has an end.
 */
#ifndef AGAMID_ZONE_LIVE_H
#define AGAMID_ZONE_LIVE_H

#include <ldns/ldns.h>

#include "dns-tools/records.h"
#include "dns-tools/tsig.h"

struct live {
	struct sockaddr_storage to;
	socklen_t to_len;
	const struct tsig_key *key; /* or NULL */
};

/* address: IPv4 or IPv6 text. */
int live_init(struct live *l, const char *address, unsigned port,
    const struct tsig_key *key, struct error *error_r);

/*
 * The whole zone by AXFR (RFC 5936), its serial to *serial_r. AG_EPERM: the
 * server refuses; AG_ESIG: an answer is not signed with the key; AG_EIO,
 * AG_EINVAL, AG_ETOOBIG.
 */
int live_transfer(const struct live *l, const char *origin, struct records *rs,
    uint32_t *serial_r, struct error *error_r);

/*
 * Where there is no transfer: the sets of all names and types that are in
 * want, one question each, and their marks. l NULL: of the resolvers of
 * resolv.conf. SOA's serial to *serial_r. AG_EIO, AG_EPERM.
 */
int live_ask(const struct live *l, const char *origin,
    const struct records *want, struct records *have, uint32_t *serial_r,
    struct error *error_r);

/* Send an update (which is signed), and its answer's code to *rcode_r. */
int live_update(const struct live *l, ldns_pkt *update, ldns_pkt_rcode *rcode_r,
    struct error *error_r);

#endif
