/* SPDX-License-Identifier: MIT */
/*
 * zone_node - one node's records: addresses, MX, SPF, MTA-STS, the name
 * that follows its backups, and the marks. See zone_parts.h; the rules are
 * doc/spec/zone.md 2 to 6. Keys are zone_keys.c.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/zone_parts.h"
#include "util/text.h"

#define PREFERENCE_HOME 10
#define PREFERENCE_BACKUP 20
#define STS_MAX_AGE 604800
#define STRING_MAX 255 /* of a TXT */

void
unit_add(struct unit *u, const char *prefix, uint32_t ttl, ldns_rr_type type,
    const char *data)
{
	char owner[2 * NAME_MAX_LEN + 2];
	struct records *rs = &u->z->records;
	int n;

	if (u->rc != 0)
		return;
	n = snprintf(owner, sizeof(owner), "%s%s", prefix, u->name);
	if (n > NAME_MAX_LEN ||
	    (type == LDNS_RR_TYPE_TXT && strlen(data) > STRING_MAX)) {
		buf_printf(u->z->notes,
		    "%s: too long for a record at \"%s\", which is left out\n",
		    u->name, prefix);
		return;
	}
	u->rc = records_add(rs, owner, ttl, type, data, u->z->error_r);
	if (u->rc == 0)
		rs->list[rs->count - 1].node = u->m->name;
}

static void
unit_start(
    struct unit *u, struct zone *z, const struct manifest *m, const char *name)
{
	*u = (struct unit){
	    .z = z, .m = m, .name = name, .first = z->records.count};
}

/* SPEC Z-6.1: which types at this name are made from manifests. */
static int
unit_end(struct unit *u)
{
	static const struct {
		ldns_rr_type type;
		const char *name;
	} types[] = {{LDNS_RR_TYPE_A, "A"}, {LDNS_RR_TYPE_AAAA, "AAAA"},
	    {LDNS_RR_TYPE_MX, "MX"}, {LDNS_RR_TYPE_OPENPGPKEY, "OPENPGPKEY"},
	    {LDNS_RR_TYPE_SSHFP, "SSHFP"}, {LDNS_RR_TYPE_TLSA, "TLSA"},
	    {LDNS_RR_TYPE_TXT, "TXT"}};
	const struct records *rs = &u->z->records;
	struct buf mark;
	size_t i, j, n = 0;

	if (u->rc != 0 || !u->z->o.marks || rs->count == u->first)
		return u->rc;
	buf_init(&mark, STRING_MAX);
	buf_printf(&mark, "v=agamid1 node=%s owns=", u->m->name);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (j = u->first; j < rs->count; j++) {
			if (rs->list[j].type == types[i].type)
				break;
		}
		if (j < rs->count)
			buf_printf(
			    &mark, "%s%s", n++ > 0 ? "," : "", types[i].name);
	}
	unit_add(u, ZONE_MARK, u->z->o.ttl, LDNS_RR_TYPE_TXT, buf_str(&mark));
	buf_free(&mark);
	return u->rc;
}

/* ---- MX ---- */

/* What receives mail for the node's domains: host, dynamic, or NULL. */
static const char *
zone_target(const struct manifest *m)
{
	return m->address_count > 0 ? m->host : m->dynamic;
}

/* Has the node a domain in another zone? */
static bool
zone_needs_follower(const struct zone *z, const struct manifest *m)
{
	size_t i;

	for (i = 0; i < m->domain_count; i++) {
		if (!zone_has(z->origin, m->domains[i]))
			return true;
	}
	return false;
}

bool
zone_follower(
    const struct zone *z, const struct manifest *m, char name[NAME_MAX_LEN + 1])
{
	const struct manifest *backups[DRAW_MAX];
	int n;

	if (draw_backups(z->draw, m, backups) == 0)
		return false;
	n = snprintf(name, NAME_MAX_LEN + 1, "%s." ZONE_BACKUPS ".%s", m->name,
	    m->network);
	return n <= NAME_MAX_LEN && lookup_get(z->names, name) == NULL;
}

/* SPEC Z-2.3, Z-3.1 */
size_t
zone_mx(const struct zone *z, const struct manifest *m, const char *follower,
    struct zone_mx out[ZONE_MX_MAX])
{
	const struct manifest *backups[DRAW_MAX];
	size_t i, count, n = 0;

	if (zone_target(m) != NULL)
		out[n++] = (struct zone_mx){PREFERENCE_HOME, zone_target(m)};
	count = draw_backups(z->draw, m, backups);
	if (follower != NULL && count > 0) {
		out[n++] = (struct zone_mx){PREFERENCE_BACKUP, follower};
		return n;
	}
	for (i = 0; i < count; i++)
		out[n++] =
		    (struct zone_mx){PREFERENCE_BACKUP, backups[i]->host};
	return n;
}

/* RFC 8461 section 3.2 */
int
zone_sts(const struct zone *z, const struct zone_mx *mx, size_t count,
    struct buf *policy, char id[21])
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	size_t i;
	int rc;

	rc = buf_printf(policy, "version: STSv1\nmode: %s\n", z->o.mta_sts);
	for (i = 0; rc == 0 && i < count; i++)
		rc = buf_printf(policy, "mx: %s\n", mx[i].target);
	if (rc == 0)
		rc = buf_printf(policy, "max_age: %d\n", STS_MAX_AGE);
	crypto_hash_sha256(hash, (const uint8_t *)buf_str(policy), policy->len);
	text_hex(hash, 10, id);
	return rc;
}

static void
unit_add_sts(struct unit *u, const struct zone_mx *mx, size_t count)
{
	struct buf policy;
	char id[21], data[64];

	if (u->z->o.mta_sts == NULL || count == 0)
		return;
	buf_init(&policy, 65536);
	if (zone_sts(u->z, mx, count, &policy, id) == 0) {
		snprintf(data, sizeof(data), "v=STSv1; id=%s;", id);
		unit_add(u, "_mta-sts.", u->z->o.ttl, LDNS_RR_TYPE_TXT, data);
	}
	buf_free(&policy);
}

static void
unit_add_mx(struct unit *u, uint32_t ttl)
{
	char follower[NAME_MAX_LEN + 1], data[NAME_MAX_LEN + 16];
	struct zone_mx mx[ZONE_MX_MAX];
	size_t i, count;
	bool follows;

	follows = u->z->o.snippet && zone_follower(u->z, u->m, follower);
	count = zone_mx(u->z, u->m, follows ? follower : NULL, mx);
	for (i = 0; i < count; i++) {
		snprintf(data, sizeof(data), "%u %s.", mx[i].preference,
		    mx[i].target);
		unit_add(u, "", ttl, LDNS_RR_TYPE_MX, data);
	}
	if (count == 0)
		buf_printf(u->z->notes,
		    "%s has no MX: nobody can dial %s, and it has no backup "
		    "with an address\n",
		    u->name, u->m->name);
	unit_add_sts(u, mx, count);
}

/* ---- a name's records ---- */

static void
unit_add_addresses(struct unit *u, const struct manifest *m)
{
	const char *a;
	size_t i;

	for (i = 0; i < m->address_count; i++) {
		a = m->addresses[i];
		unit_add(u, "", u->z->host_ttl,
		    strchr(a, ':') != NULL ? LDNS_RR_TYPE_AAAA : LDNS_RR_TYPE_A,
		    a);
	}
}

/* SPEC Z-4.4: mail of the domain comes from its home; a host's own name is
 * what bounces come from (HELO). A name that is both is the home. */
static void
unit_add_spf(struct unit *u, bool domain)
{
	const char *target = zone_target(u->m);
	char data[2 * STRING_MAX];

	if (u->z->o.spf == NULL || target == NULL)
		return;
	if (!domain || strcmp(target, u->name) == 0)
		snprintf(data, sizeof(data), "v=spf1 a %s", u->z->o.spf);
	else
		snprintf(
		    data, sizeof(data), "v=spf1 a:%s %s", target, u->z->o.spf);
	unit_add(u, "", u->z->o.ttl, LDNS_RR_TYPE_TXT, data);
}

/* SPEC Z-2.2, Z-2.5 */
static int
add_name(struct zone *z, const struct manifest *m, const char *name, bool host,
    bool domain)
{
	uint32_t ttl = z->o.ttl;
	struct unit u;

	if (!zone_has(z->origin, name))
		return 0;
	z->inside++;
	unit_start(&u, z, m, name);
	if (m->dynamic != NULL && ttl > ZONE_TTL_MOVING)
		ttl = ZONE_TTL_MOVING;
	if (host && m->address_count > 0) {
		unit_add_addresses(&u, m);
		unit_add_sshfp(&u);
		unit_add_tlsa(&u);
	}
	if (domain) {
		unit_add_mx(&u, ttl);
		unit_add_openpgpkey(&u);
	}
	if (domain || m->address_count > 0)
		unit_add_spf(&u, domain);
	return unit_end(&u);
}

/* SPEC Z-5.1 */
static int
add_follower(struct zone *z, const struct manifest *m)
{
	const struct manifest *backups[DRAW_MAX];
	char name[NAME_MAX_LEN + 1];
	struct unit u;
	size_t i, count = draw_backups(z->draw, m, backups);

	if (z->o.snippet || count == 0 || !zone_needs_follower(z, m) ||
	    !zone_has(z->origin, m->network))
		return 0;
	if (!zone_follower(z, m, name)) {
		buf_printf(z->notes,
		    "%s." ZONE_BACKUPS ".%s is a node's name, or too long: "
		    "nothing follows the backups of %s\n",
		    m->name, m->network, m->name);
		return 0;
	}
	unit_start(&u, z, m, name);
	for (i = 0; i < count; i++)
		unit_add_addresses(&u, backups[i]);
	return unit_end(&u);
}

int
zone_add_node(struct zone *z, const struct manifest *m)
{
	bool host = true;
	size_t i;
	int rc = 0;

	for (i = 0; i < m->domain_count; i++)
		host = host && strcmp(m->domains[i], m->host) != 0;
	if (host)
		rc = add_name(z, m, m->host, true, false);
	for (i = 0; rc == 0 && i < m->domain_count; i++)
		rc = add_name(z, m, m->domains[i],
		    strcmp(m->domains[i], m->host) == 0, true);
	if (rc == 0)
		rc = add_follower(z, m);
	return rc;
}
