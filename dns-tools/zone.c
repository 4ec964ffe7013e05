/* SPDX-License-Identifier: MIT */
/*
 * zone - a DNS zone out of manifests. See zone.h; the rules are
 * doc/spec/zone.md. Here are SOA and NS, and what holds the rest together:
 * a node's records are zone_node.c and zone_keys.c, the text zone_print.c,
 * who is whose backup draw.c.
 *
 * SECURITY: names and addresses come from manifests; they were checked
 * when those were read (no blank, no dot at the end, no control character
 * can be in them), and ldns parses them again.
 */
#include "dns-tools/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/zone_parts.h"
#include "util/text.h"

#define SOA_REFRESH 3600
#define SOA_RETRY 900
#define SOA_EXPIRE 1209600
#define SOA_MINIMUM 3600

bool
zone_has(const char *origin, const char *name)
{
	size_t n = strlen(name), o = strlen(origin);

	if (o == 0 || strcmp(name, origin) == 0)
		return true;
	return n > o && name[n - o - 1] == '.' &&
	    strcmp(name + n - o, origin) == 0;
}

const char *
zone_unit(const struct record *r)
{
	static const char *const prefixes[] = {
	    ZONE_MARK, "_25._tcp.", "_mta-sts."};
	static const char keys[] = "._openpgpkey.";
	const char *p;
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(r->owner, prefixes[i], strlen(prefixes[i])) == 0)
			return r->owner + strlen(prefixes[i]);
	}
	p = strchr(r->owner, '.');
	if (p != NULL && strncmp(p, keys, strlen(keys)) == 0)
		return p + strlen(keys);
	return r->owner;
}

/* ---- the serial ---- */

/* SPEC Z-1.7 */
uint32_t
zone_serial_after(uint32_t before, uint32_t wanted)
{
	uint32_t ahead = wanted - before;

	if (wanted != 0 && ahead != 0 && ahead < 0x80000000U)
		return wanted;
	return before + 1 != 0 ? before + 1 : 1;
}

static int
find_serial(struct zone *z)
{
	uint64_t serial = z->o.serial;
	size_t i;

	for (i = 0; z->o.serial == 0 && i < z->count; i++) {
		if (z->nodes[i]->serial > serial)
			serial = z->nodes[i]->serial;
	}
	if (serial > UINT32_MAX && !z->o.records)
		return error_set(z->error_r, AG_EINVAL,
		    "the serial %" PRIu64 " doesn't fit a SOA (32 bits); say "
		    "--serial N",
		    serial);
	z->serial = (uint32_t)serial;
	return 0;
}

/* ---- SOA and NS ---- */

static int apex_add(struct zone *z, const char *owner, ldns_rr_type type,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int
apex_add(
    struct zone *z, const char *owner, ldns_rr_type type, const char *fmt, ...)
{
	char data[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(data, sizeof(data), fmt, ap);
	va_end(ap);
	return records_add(&z->apex, owner, z->o.ttl, type, data, z->error_r);
}

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

/* SPEC Z-1.6: a name server in the zone needs its address there. */
static int
add_ns(struct zone *z, const struct zone_ns *ns)
{
	const char *a;
	size_t i;
	int rc;

	rc = apex_add(z, z->origin, LDNS_RR_TYPE_NS, "%s.", ns->name);
	if (rc != 0 || !zone_has(z->origin, ns->name) ||
	    zone_host(z, ns->name) != NULL)
		return rc;
	if (ns->address_count == 0)
		return error_set(z->error_r, AG_EINVAL,
		    "the name server %s is in the zone, and no node's host "
		    "with addresses; say --ns %s=ADDRESS",
		    ns->name, ns->name);
	for (i = 0; rc == 0 && i < ns->address_count; i++) {
		a = ns->addresses[i];
		rc = apex_add(z, ns->name,
		    strchr(a, ':') != NULL ? LDNS_RR_TYPE_AAAA : LDNS_RR_TYPE_A,
		    "%s", a);
	}
	return rc;
}

static int
add_apex(struct zone *z)
{
	struct zone_ns first = {.name = default_ns(z)};
	const struct zone_ns *ns = z->o.ns;
	size_t i, count = z->o.ns_count;
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
	rc = apex_add(z, z->origin, LDNS_RR_TYPE_SOA,
	    "%s. hostmaster.%s%s 0 %d %d %d %d", ns[0].name, z->origin,
	    *z->origin != '\0' ? "." : "", SOA_REFRESH, SOA_RETRY, SOA_EXPIRE,
	    SOA_MINIMUM);
	for (i = 0; rc == 0 && i < count; i++)
		rc = add_ns(z, &ns[i]);
	return rc;
}

/* ---- the whole ---- */

static int
by_name(const void *a, const void *b)
{
	const struct manifest *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
collect_names(struct zone *z)
{
	const struct manifest *m;
	size_t i, j;
	int rc;

	if ((z->names = lookup_new()) == NULL)
		return AG_ENOMEM;
	for (i = 0; i < z->count; i++) {
		m = z->nodes[i];
		rc = lookup_add(z->names, m->host, m, NULL);
		for (j = 0; rc != AG_ENOMEM && j < m->domain_count; j++)
			rc = lookup_add(z->names, m->domains[j], m, NULL);
		if (rc == AG_ENOMEM)
			return rc;
	}
	return 0;
}

static int
zone_fill(struct zone *z)
{
	size_t i;
	int rc;

	if ((rc = find_serial(z)) != 0)
		return rc;
	z->draw = draw_new((const struct manifest *const *)z->nodes, z->count);
	if (z->draw == NULL || collect_names(z) != 0)
		return error_set(z->error_r, AG_ENOMEM, "out of memory");
	if (!z->o.records)
		rc = add_apex(z);
	for (i = 0; rc == 0 && i < z->count; i++)
		rc = zone_add_node(z, z->nodes[i]);
	if (rc == 0 && z->inside == 0)
		rc = error_set(z->error_r, AG_EINVAL,
		    "no host and no domain is in the zone %s.", z->origin);
	return rc;
}

struct zone *
zone_new(const struct manifest **nodes, size_t count,
    const struct zone_options *o, struct buf *notes, struct error *error_r)
{
	struct zone *z;

	if (count == 0) {
		error_set(error_r, AG_EINVAL, "no manifest");
		return NULL;
	}
	z = xcalloc(1, sizeof(*z));
	*z = (struct zone){.nodes = nodes,
	    .count = count,
	    .o = *o,
	    .notes = notes,
	    .error_r = error_r};
	qsort(nodes, count, sizeof(*nodes), by_name);
	z->origin = o->origin != NULL ? o->origin : nodes[0]->network;
	z->host_ttl = o->host_ttl != 0 ? o->host_ttl : ZONE_TTL_MOVING;
	if (z->host_ttl > o->ttl)
		z->host_ttl = o->ttl;
	records_init(&z->apex);
	records_init(&z->records);
	if (zone_fill(z) != 0)
		zone_free(&z);
	return z;
}

void
zone_free(struct zone **zp)
{
	struct zone *z = *zp;

	*zp = NULL;
	if (z == NULL)
		return;
	records_free(&z->apex);
	records_free(&z->records);
	draw_free(&z->draw);
	lookup_free(&z->names);
	free(z);
}

const char *
zone_origin(const struct zone *z)
{
	return z->origin;
}

const struct records *
zone_apex(const struct zone *z)
{
	return &z->apex;
}

const struct records *
zone_records(const struct zone *z)
{
	return &z->records;
}

uint32_t
zone_serial(const struct zone *z)
{
	return z->serial;
}
