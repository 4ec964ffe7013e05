/* SPDX-License-Identifier: MIT */
/*
 * doctor_dns - what the world sees in DNS of us and our peers, and the
 * judges of it.
 */
#ifndef AGAMID_DOCTOR_DNS_H
#define AGAMID_DOCTOR_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/doctor.h"

#define DNS_NAME_MAX 256
#define DNS_LIST_MAX 32

struct dns_mx {
	char host[DNS_NAME_MAX]; /* lower case, without a last dot */
	unsigned preference;
	bool is_alias; /* it is a CNAME */
	bool has_address;
	/* From the manifests: */
	bool is_self, is_peer, may_hold;
};
struct dns_mx_facts {
	const char *domain, *self_host;
	bool dialled; /* our manifest says how to reach us */
	unsigned wanted; /* backups.mx */
	unsigned possible; /* peers that may hold, and can be dialled */
	struct dns_mx mx[DNS_LIST_MAX];
	size_t count;
};
void judge_mx(const struct dns_mx_facts *f, struct verdict *v);

struct dns_address_facts {
	const char *name, *host;
	bool own; /* our host; else a peer's */
	char *const *wanted; /* of the manifest; NULL: dynamic */
	size_t wanted_count;
	char seen[DNS_LIST_MAX][64];
	size_t seen_count;
};
void judge_addresses(const struct dns_address_facts *f, struct verdict *v);

/* The PTR of an address; name "": none. */
void judge_reverse(
    const char *address, const char *name, const char *host, struct verdict *v);
void judge_ttl(const char *host, unsigned ttl, struct verdict *v);

#endif
