/* SPDX-License-Identifier: MIT */
/*
 * zone_print - a zone as a master file. See zone.h.
 *
 * Names are absolute, so that the text means the same wherever it is
 * included. Comments tell what has no records and why, what belongs into
 * other zones, and what an xn-- name reads like.
 */
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/zone_parts.h"
#include "util/text.h"

/* What to read for a name with xn-- in it. */
static void
print_idn(const char *name, struct buf *out)
{
	char *text = NULL;

	if (strstr(name, "xn--") == NULL)
		return;
	if (idn2_to_unicode_8z8z(name, &text, 0) == IDN2_OK &&
	    text_is_line(text))
		buf_printf(out, "; %s is %s\n", name, text);
	else
		buf_printf(out, "; %s is no proper international name\n", name);
	idn2_free(text);
}

static void
print_lines(const char *text, const char *before, struct buf *out)
{
	size_t len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		buf_printf(out, "; %s%.*s\n", before, (int)len, text);
	}
}

static void
print_policy(const struct zone *z, const struct zone_mx *mx, size_t count,
    const char *domain, struct buf *out)
{
	struct buf policy;
	char id[21];

	if (z->o.mta_sts == NULL || count == 0)
		return;
	buf_init(&policy, 65536);
	if (zone_sts(z, mx, count, &policy, id) == 0) {
		buf_printf(out,
		    "; https://mta-sts.%s/.well-known/mta-sts.txt:\n", domain);
		print_lines(buf_str(&policy), "  ", out);
	}
	buf_free(&policy);
}

/* A domain of another zone: what to write there. SPEC Z-5.2 */
static void
print_snippet(const struct zone *z, const struct manifest *m,
    const char *domain, struct buf *out)
{
	char follower[NAME_MAX_LEN + 1];
	struct zone_mx mx[ZONE_MX_MAX];
	bool follows =
	    zone_has(z->origin, m->network) && zone_follower(z, m, follower);
	size_t i, count = zone_mx(z, m, follows ? follower : NULL, mx);

	if (count == 0)
		return;
	buf_printf(out, "; %s is in another zone. For there:\n", domain);
	for (i = 0; i < count; i++)
		buf_printf(out, ";   %s.\t%u\tIN\tMX\t%u %s.\n", domain,
		    (unsigned)(m->dynamic != NULL ? z->host_ttl : z->o.ttl),
		    mx[i].preference, mx[i].target);
}

static void
print_domain(const struct zone *z, const struct manifest *m, const char *domain,
    struct buf *out)
{
	struct zone_mx mx[ZONE_MX_MAX];
	size_t count;

	if (!zone_has(z->origin, domain)) {
		/* Only the network's own zone tells of others. */
		if (!z->o.records && strcmp(z->origin, m->network) == 0)
			print_snippet(z, m, domain, out);
		return;
	}
	print_idn(domain, out);
	count = zone_mx(z, m, NULL, mx);
	if (count == 0)
		buf_printf(out, "; %s: no MX\n", domain);
	print_policy(z, mx, count, domain, out);
}

static void
print_comments(const struct zone *z, const struct manifest *m, struct buf *out)
{
	size_t i;

	if (zone_has(z->origin, m->host)) {
		print_idn(m->host, out);
		if (m->address_count == 0 && m->dynamic != NULL)
			buf_printf(out,
			    "; %s: no address: its addresses change, those "
			    "of %s\n",
			    m->host, m->dynamic);
		else if (m->address_count == 0)
			buf_printf(out,
			    "; %s: no address: nobody can dial it\n", m->host);
	}
	for (i = 0; i < m->domain_count; i++)
		print_domain(z, m, m->domains[i], out);
}

static int
print_soa(const struct record *soa, uint32_t serial, struct buf *out)
{
	struct record with = *soa;
	char *p, *data = xcalloc(strlen(soa->data) + 16, 1);
	int names;
	int rc;

	/* The third field. */
	p = soa->data;
	for (names = 0; names < 2; names++)
		p += strcspn(p, " ") + 1;
	snprintf(data, strlen(soa->data) + 16, "%.*s%u%s", (int)(p - soa->data),
	    soa->data, (unsigned)serial, p + strcspn(p, " "));
	with.data = data;
	rc = record_print(&with, out);
	free(data);
	return rc;
}

static int
print_node(
    const struct zone *z, const struct manifest *m, size_t *at, struct buf *out)
{
	const struct records *rs = &z->records;
	struct buf comments;
	int rc = 0;

	buf_init(&comments, 4U << 20);
	print_comments(z, m, &comments);
	if (comments.len > 0 ||
	    (*at < rs->count && rs->list[*at].node == m->name))
		rc = buf_printf(out, "; %s\n%s", m->name, buf_str(&comments));
	for (; rc == 0 && *at < rs->count && rs->list[*at].node == m->name;
	     (*at)++)
		rc = record_print(&rs->list[*at], out);
	buf_free(&comments);
	return rc;
}

int
zone_print(const struct zone *z, uint32_t serial, struct buf *out)
{
	size_t i, at = 0;
	int rc;

	rc = buf_printf(out,
	    "; %s. made by agamid-zone from %zu manifest%s: edit those, not "
	    "this\n",
	    z->origin, z->count, z->count == 1 ? "" : "s");
	print_idn(z->origin, out);
	for (i = 0; rc == 0 && i < z->apex.count; i++)
		rc = z->apex.list[i].type == LDNS_RR_TYPE_SOA
		    ? print_soa(&z->apex.list[i], serial, out)
		    : record_print(&z->apex.list[i], out);
	for (i = 0; rc == 0 && i < z->count; i++)
		rc = print_node(z, z->nodes[i], &at, out);
	return rc;
}
