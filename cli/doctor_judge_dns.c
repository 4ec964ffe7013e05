/* SPDX-License-Identifier: MIT */
/*
 * doctor_judge_dns - judges of what DNS says. Pure. See doctor_dns.h.
 */
#include "cli/doctor_dns.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define ZONE "agamid-zone diff; then publish the zone"
#define TTL_MAX 300

static const struct dns_mx *
find_self(const struct dns_mx_facts *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		if (f->mx[i].is_self)
			return &f->mx[i];
	}
	return NULL;
}

static void
judge_one_mx(
    const struct dns_mx *mx, const struct dns_mx *self, struct verdict *v)
{
	if (mx->is_alias)
		verdict_fail(v, ZONE,
		    "%s is an alias (CNAME): some senders do not deliver "
		    "(RFC 2181 section 10.3)",
		    mx->host);
	if (!mx->is_alias && !mx->has_address)
		verdict_fail(v, ZONE, "%s has no address", mx->host);
	if (mx->is_peer && !mx->may_hold)
		verdict_fail(v, ZONE,
		    "%s may not hold our mail, and refuses it", mx->host);
	if (!mx->is_self && !mx->is_peer)
		verdict_warn(v, ZONE,
		    "%s is no host of this network: mail there is not sealed",
		    mx->host);
	if (self != NULL && !mx->is_self && mx->preference <= self->preference)
		verdict_warn(v, ZONE,
		    "%s is asked before, or as soon as, our own host",
		    mx->host);
}

void
judge_mx(const struct dns_mx_facts *f, struct verdict *v)
{
	const struct dns_mx *self = find_self(f);
	unsigned backups = 0;
	size_t i;

	verdict_begin(v,
	    "the MX of %s are %s and up to %u friends that may "
	    "hold its mail",
	    f->domain, f->self_host, f->wanted);
	if (f->count == 0) {
		verdict_fail(v, ZONE, "there is no MX record");
		return;
	}
	if (self == NULL && f->dialled)
		verdict_fail(v, ZONE, "%s is not among them", f->self_host);
	for (i = 0; i < f->count; i++) {
		judge_one_mx(&f->mx[i], self, v);
		backups += f->mx[i].is_peer && f->mx[i].may_hold;
	}
	if (backups == 0 && f->possible > 0 && f->wanted > 0)
		verdict_warn(v, ZONE, "no friend is among them");
	if (backups > f->wanted)
		verdict_warn(v, ZONE, "%u friends are among them", backups);
	verdict_found(
	    v, "%zu MX records, %u of them friends", f->count, backups);
}

/* Two texts of one address? */
static bool
same_address(const char *a, const char *b)
{
	unsigned char x[16], y[16];

	if (inet_pton(AF_INET, a, x) == 1)
		return inet_pton(AF_INET, b, y) == 1 && memcmp(x, y, 4) == 0;
	return inet_pton(AF_INET6, a, x) == 1 &&
	    inet_pton(AF_INET6, b, y) == 1 && memcmp(x, y, 16) == 0;
}

void
judge_addresses(const struct dns_address_facts *f, struct verdict *v)
{
	const char *fix = f->own
	    ? "agamid manifest edit, agamid manifest publish; " ZONE
	    : "tell its operator";
	const char *wrong = NULL, *what = "";
	size_t i, k;

	verdict_begin(
	    v, "%s has the addresses of %s's manifest", f->host, f->name);
	if (f->seen_count == 0) {
		wrong = "";
		what = "it has none";
	}
	for (i = 0; wrong == NULL && i < f->wanted_count; i++) {
		for (k = 0; k < f->seen_count; k++) {
			if (same_address(f->wanted[i], f->seen[k]))
				break;
		}
		if (k == f->seen_count) {
			wrong = f->wanted[i];
			what = "it lacks ";
		}
	}
	for (k = 0; wrong == NULL && f->wanted != NULL && k < f->seen_count;
	     k++) {
		for (i = 0; i < f->wanted_count; i++) {
			if (same_address(f->wanted[i], f->seen[k]))
				break;
		}
		if (i == f->wanted_count) {
			wrong = f->seen[k];
			what = "the manifest does not have ";
		}
	}
	if (wrong != NULL && f->own)
		verdict_fail(v, fix, "%s%s", what, wrong);
	else if (wrong != NULL)
		verdict_warn(v, fix, "%s%s", what, wrong);
	else
		verdict_found(v, "%zu of %zu", f->seen_count, f->seen_count);
}

void
judge_reverse(
    const char *address, const char *name, const char *host, struct verdict *v)
{
	const char *fix = "have your provider set the name of the address";

	verdict_begin(v, "%s has the name %s", address, host);
	if (*name == '\0')
		verdict_warn(v, fix,
		    "it has none; some servers refuse mail "
		    "from it");
	else if (strcasecmp(name, host) != 0)
		verdict_warn(v, fix, "it has the name %s", name);
}

void
judge_ttl(const char *host, unsigned ttl, struct verdict *v)
{
	verdict_begin(v,
	    "%s is kept for at most %d s by others, for its "
	    "address changes",
	    host, TTL_MAX);
	if (ttl > TTL_MAX)
		verdict_warn(v, ZONE, "for %u s", ttl);
	else
		verdict_found(v, "%u s", ttl);
}
