/* SPDX-License-Identifier: MIT */
/*
 * zone - a DNS zone out of manifests. See zone.h; the rules are
 * doc/spec/manifest.md 8. Which hosts are a domain's MX is zone_mx.c.
 *
 * Every record goes through ldns, which refuses what is none and prints
 * what is in one form. Names are absolute, so that the text means the same
 * wherever it is included.
 *
 * SECURITY: names and addresses come from manifests; they were checked
 * when those were read (no blank, no dot at the end, no control character
 * can be in them), and ldns parses them again.
 */
#include "dns-tools/zone.h"

#include <inttypes.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define SOA_REFRESH 3600
#define SOA_RETRY 900
#define SOA_EXPIRE 1209600
#define SOA_MINIMUM 3600
#define RECORD_MAX 1024

struct zone {
	const struct manifest **nodes; /* by name */
	size_t count;
	const struct zone_options *o;
	const char *origin;
	struct buf *out, *notes;
	struct error *error_r;
	size_t names; /* hosts and domains in the zone */
};

bool
zone_has(const char *origin, const char *name)
{
	size_t n = strlen(name), o = strlen(origin);

	if (o == 0 || strcmp(name, origin) == 0)
		return true;
	return n > o && name[n - o - 1] == '.' &&
	    strcmp(name + n - o, origin) == 0;
}

/* ---- text ---- */

static int zone_comment(struct zone *z, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
zone_comment(struct zone *z, const char *fmt, ...)
{
	char text[RECORD_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return buf_printf(z->out, "; %s\n", text);
}

/* One record; its data as in a master file. */
static int zone_record(struct zone *z, const char *owner, const char *type,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int
zone_record(
    struct zone *z, const char *owner, const char *type, const char *fmt, ...)
{
	char data[RECORD_MAX], line[RECORD_MAX + 300], *text;
	ldns_rr *rr = NULL;
	ldns_status status;
	va_list ap;
	int rc = AG_ENOMEM;

	va_start(ap, fmt);
	vsnprintf(data, sizeof(data), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s. %" PRIu32 " IN %s %s", owner,
	    z->o->ttl, type, data);
	status = ldns_rr_new_frm_str(&rr, line, z->o->ttl, NULL, NULL);
	if (status != LDNS_STATUS_OK)
		return error_set(z->error_r, AG_EINVAL, "no DNS record: %s: %s",
		    line, ldns_get_errorstr_by_id(status));
	text = ldns_rr2str(rr);
	if (text != NULL)
		rc = buf_puts(z->out, text);
	if (rc != 0)
		error_set(z->error_r, rc, "no room for the zone");
	free(text);
	ldns_rr_free(rr);
	return rc;
}

static int
zone_address(struct zone *z, const char *owner, const char *address)
{
	return zone_record(z, owner,
	    strchr(address, ':') != NULL ? "AAAA" : "A", "%s", address);
}

/* ---- SOA and NS ---- */

/* The node whose host this is, if it has addresses. */
static const struct manifest *
zone_host(const struct zone *z, const char *name)
{
	size_t i;

	for (i = 0; i < z->count; i++) {
		if (strcmp(z->nodes[i]->host, name) == 0 &&
		    z->nodes[i]->address_count > 0)
			return z->nodes[i];
	}
	return NULL;
}

/* A name server where none was named: a host of the zone, or any. */
static const char *
default_ns(const struct zone *z)
{
	const char *other = NULL;
	size_t i;

	for (i = 0; i < z->count; i++) {
		if (z->nodes[i]->address_count == 0)
			continue;
		if (zone_has(z->origin, z->nodes[i]->host))
			return z->nodes[i]->host;
		if (other == NULL)
			other = z->nodes[i]->host;
	}
	return other;
}

static int
write_soa(struct zone *z, const char *primary)
{
	uint64_t serial = z->o->serial;
	size_t i;

	for (i = 0; z->o->serial == 0 && i < z->count; i++) {
		if (z->nodes[i]->serial > serial)
			serial = z->nodes[i]->serial;
	}
	if (serial > UINT32_MAX)
		return error_set(z->error_r, AG_EINVAL,
		    "the serial %" PRIu64 " doesn't fit a SOA (32 bits); say "
		    "--serial N",
		    serial);
	return zone_record(z, z->origin, "SOA",
	    "%s. hostmaster.%s%s %" PRIu64 " %d %d %d %d", primary, z->origin,
	    *z->origin != '\0' ? "." : "", serial, SOA_REFRESH, SOA_RETRY,
	    SOA_EXPIRE, SOA_MINIMUM);
}

/* SPEC M-8.6: a name server in the zone needs its address there. */
static int
write_ns(struct zone *z, const struct zone_ns *ns)
{
	size_t i;
	int rc;

	if ((rc = zone_record(z, z->origin, "NS", "%s.", ns->name)) != 0)
		return rc;
	if (!zone_has(z->origin, ns->name))
		return 0;
	if (zone_host(z, ns->name) != NULL)
		return 0;
	if (ns->address_count == 0)
		return error_set(z->error_r, AG_EINVAL,
		    "the name server %s is in the zone, and no node's host "
		    "with addresses; say --ns %s=ADDRESS",
		    ns->name, ns->name);
	for (i = 0; i < ns->address_count; i++) {
		rc = zone_address(z, ns->name, ns->addresses[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
write_apex(struct zone *z)
{
	struct zone_ns first = {.name = default_ns(z)};
	const struct zone_ns *ns = z->o->ns;
	size_t i, count = z->o->ns_count;
	int rc;

	if (count == 0) {
		ns = &first;
		count = 1;
		if (first.name == NULL)
			return error_set(z->error_r, AG_EINVAL,
			    "no node has an address, so that none can be the "
			    "name server; say --ns NAME");
		buf_printf(z->notes,
		    "the name server is %s, since no --ns was given\n",
		    first.name);
	}
	if ((rc = write_soa(z, ns[0].name)) != 0)
		return rc;
	for (i = 0; i < count; i++) {
		if ((rc = write_ns(z, &ns[i])) != 0)
			return rc;
	}
	return 0;
}

/* ---- nodes ---- */

/* SPEC M-8.2 */
static int
write_host(struct zone *z, const struct manifest *m)
{
	size_t i;
	int rc = 0;

	if (!zone_has(z->origin, m->host))
		return 0;
	z->names++;
	for (i = 0; rc == 0 && i < m->address_count; i++)
		rc = zone_address(z, m->host, m->addresses[i]);
	if (rc != 0 || m->address_count > 0)
		return rc;
	if (m->dynamic != NULL)
		return zone_comment(z,
		    "%s: no records: its addresses change, those of %s",
		    m->host, m->dynamic);
	return zone_comment(z, "%s: no records: nobody can dial it", m->host);
}

static int
write_domain(struct zone *z, const struct manifest *m, const char *domain)
{
	struct zone_mx mx[ZONE_MX_MAX];
	size_t i, count;
	int rc = 0;

	if (!zone_has(z->origin, domain))
		return 0;
	z->names++;
	count = zone_mx(
	    (const struct manifest *const *)z->nodes, z->count, m, domain, mx);
	for (i = 0; rc == 0 && i < count; i++)
		rc = zone_record(
		    z, domain, "MX", "%u %s.", mx[i].preference, mx[i].target);
	if (rc != 0 || count > 0)
		return rc;
	buf_printf(z->notes,
	    "%s has no MX: nobody can dial %s, and it has no backup with an "
	    "address\n",
	    domain, m->name);
	return zone_comment(z, "%s: no MX", domain);
}

static int
write_node(struct zone *z, const struct manifest *m)
{
	size_t i, names = z->names, start = z->out->len;
	int rc;

	if ((rc = zone_comment(z, "%s", m->name)) != 0 ||
	    (rc = write_host(z, m)) != 0)
		return rc;
	for (i = 0; rc == 0 && i < m->domain_count; i++)
		rc = write_domain(z, m, m->domains[i]);
	if (rc == 0 && z->names == names) { /* nothing of it in the zone */
		z->out->len = start;
		z->out->data[start] = '\0';
	}
	return rc;
}

/* ---- the whole ---- */

static int
by_name(const void *a, const void *b)
{
	const struct manifest *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* SPEC M-8.1: without --zone everything must be in the network's zone. */
static int
check_outside(struct zone *z)
{
	const struct manifest *m;
	const char *outside = NULL;
	size_t i, j;

	for (i = 0; i < z->count && outside == NULL; i++) {
		m = z->nodes[i];
		if (!zone_has(z->origin, m->host))
			outside = m->host;
		for (j = 0; j < m->domain_count && outside == NULL; j++) {
			if (!zone_has(z->origin, m->domains[j]))
				outside = m->domains[j];
		}
	}
	if (outside == NULL)
		return 0;
	return error_set(z->error_r, AG_EINVAL,
	    "%s is not in the network's zone %s; say which zone to make: "
	    "--zone %s, or --zone %s",
	    outside, z->origin, z->origin, outside);
}

int
zone_write(const struct manifest **nodes, size_t count,
    const struct zone_options *o, struct buf *out, struct buf *notes,
    struct error *error_r)
{
	struct zone z = {.nodes = nodes,
	    .count = count,
	    .o = o,
	    .origin = o->origin,
	    .out = out,
	    .notes = notes,
	    .error_r = error_r};
	size_t i;
	int rc = 0;

	if (count == 0)
		return error_set(error_r, AG_EINVAL, "no manifest");
	qsort(nodes, count, sizeof(*nodes), by_name);
	if (z.origin == NULL) {
		z.origin = nodes[0]->network;
		if ((rc = check_outside(&z)) != 0)
			return rc;
	}
	zone_comment(&z,
	    "%s. made by agamid-zone from %zu manifest%s: edit those, not this",
	    z.origin, count, count == 1 ? "" : "s");
	if (!o->records)
		rc = write_apex(&z);
	for (i = 0; rc == 0 && i < count; i++)
		rc = write_node(&z, nodes[i]);
	if (rc == 0 && z.names == 0)
		rc = error_set(error_r, AG_EINVAL,
		    "no host and no domain is in the zone %s.", z.origin);
	return rc;
}
