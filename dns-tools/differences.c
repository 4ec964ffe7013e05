/* SPDX-License-Identifier: MIT */
/*
 * differences - agamid-zone check, diff and update. See differences.h; the
 * rules are doc/spec/zone.md 6 and 7.
 */
#include "dns-tools/differences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/live.h"
#include "dns-tools/update.h"
#include "util/file.h"
#include "util/text.h"

#define TRIES 3 /* where somebody else changes the zone meanwhile */

/* ---- what is there ---- */

static void
drop_dnssec(struct records *rs)
{
	size_t i, n = 0;

	for (i = 0; i < rs->count; i++) {
		if (record_is_dnssec(&rs->list[i])) {
			free(rs->list[i].owner);
			free(rs->list[i].data);
		} else
			rs->list[n++] = rs->list[i];
	}
	rs->count = n;
}

static void
read_file(const struct options *o, const struct zone *z, struct differences *d)
{
	struct error e;
	struct buf text;

	buf_init(&text, ZONE_TEXT_MAX);
	if (file_read(o->file, &text, &e) != 0)
		die(EXIT_TROUBLE, "%s", e.text);
	if (records_parse(&d->have, buf_str(&text), text.len, zone_origin(z),
		&d->serial, &e) != 0)
		die(EXIT_TROUBLE, "%s: %s", o->file, e.text);
	buf_free(&text);
}

static bool
read_key(const struct options *o, struct tsig_key *key)
{
	struct error e;
	int rc = 0;

	if (o->key_file != NULL)
		rc = tsig_read(o->key_file, key, &e);
	else if (o->key_text != NULL)
		rc = tsig_parse(o->key_text, key, &e);
	if (rc != 0)
		die(EXIT_TROUBLE, "%s", e.text);
	return o->key_file != NULL || o->key_text != NULL;
}

/* The MX targets without addresses of their own among want: are there
 * some, and are they aliases? */
static void
add_targets(const struct options *o, const struct zone *z,
    const struct records *want, struct records *ask)
{
	const struct record *r;
	char *name;
	size_t i;

	for (i = 0; i < want->count; i++) {
		r = &want->list[i];
		if (records_copy(ask, r) != 0)
			die(EXIT_TROUBLE, "out of memory");
		if (r->type != LDNS_RR_TYPE_MX)
			continue;
		name = xstrdup(strchr(r->data, ' ') + 1);
		name[strlen(name) - 1] = '\0';
		if (o->server == NULL || zone_has(zone_origin(z), name)) {
			(void)records_add(
			    ask, name, 0, LDNS_RR_TYPE_A, "192.0.2.0", NULL);
			(void)records_add(ask, name, 0, LDNS_RR_TYPE_AAAA,
			    "2001:db8::", NULL);
		}
		free(name);
	}
	records_sort(ask);
}

/* A resolver's TTL runs down: what is not above is as it should be. */
static void
forgive_ttl(const struct records *want, struct records *have)
{
	struct record *r;
	size_t i, low, high, mid;

	for (i = 0; i < have->count; i++) {
		r = &have->list[i];
		low = 0;
		high = want->count;
		while (low < high) {
			mid = low + (high - low) / 2;
			if (record_compare(&want->list[mid], r) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < want->count &&
		    record_compare(&want->list[low], r) == 0 &&
		    r->ttl < want->list[low].ttl)
			r->ttl = want->list[low].ttl;
	}
}

/* SPEC Z-7.1 */
static void
read_live(const struct options *o, const struct zone *z, struct differences *d)
{
	struct tsig_key key;
	struct live l;
	struct records ask;
	struct error e;
	int rc = AG_EPERM;

	if (o->server != NULL &&
	    live_init(&l, o->server, o->port, read_key(o, &key) ? &key : NULL,
		&e) != 0)
		die(EXIT_TROUBLE, "%s", e.text);
	if (o->server != NULL) {
		rc =
		    live_transfer(&l, zone_origin(z), &d->have, &d->serial, &e);
		if (rc != 0 && (rc != AG_EPERM || o->verb == VERB_UPDATE))
			die(EXIT_TROUBLE, "%s", e.text);
		if (rc != 0)
			fprintf(stderr,
			    "agamid-zone: %s; what is there too much can't be "
			    "seen\n",
			    e.text);
	}
	if (rc != 0) {
		records_free(&d->have);
		records_init(&ask);
		add_targets(o, z, &d->want, &ask);
		if (live_ask(o->server != NULL ? &l : NULL, zone_origin(z),
			&ask, &d->have, &d->serial, &e) != 0)
			die(EXIT_TROUBLE, "%s", e.text);
		records_free(&ask);
		if (o->server == NULL)
			forgive_ttl(&d->want, &d->have);
	}
	explicit_bzero(&key, sizeof(key));
}

void
differences_find(
    const struct options *o, const struct zone *z, struct differences *d)
{
	const struct records *rs = zone_records(z);
	size_t i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < rs->count; i++) {
		if (records_copy(&d->want, &rs->list[i]) != 0)
			die(EXIT_TROUBLE, "out of memory");
	}
	records_sort(&d->want);
	if (o->live)
		read_live(o, z, d);
	else
		read_file(o, z, d);
	drop_dnssec(&d->have);
	records_sort(&d->have);
	if (compare_zones(&d->want, &d->have, &d->c) != 0)
		die(EXIT_TROUBLE, "out of memory");
}

void
differences_free(struct differences *d)
{
	compare_free(&d->c);
	records_free(&d->want);
	records_free(&d->have);
}

/* ---- check ---- */

static void
print(const char *before, const struct record *r)
{
	struct buf line;

	buf_init(&line, 1U << 20);
	if (record_print(r, &line) == 0)
		printf("%s%s", before, buf_str(&line));
	buf_free(&line);
}

static int
check_print(enum change what, const struct record *r,
    const struct record *other, void *ctx)
{
	char *before;

	(void)ctx;
	if (what == CHANGE_TTL) {
		before = xasprintf("TTL, not %u: ", (unsigned)r->ttl);
		print(before, other);
		free(before);
	} else
		print(what == CHANGE_ADD ? "missing: " : "extra: ", r);
	return 0;
}

static bool
has_record(const struct records *rs, const char *owner, uint16_t type)
{
	size_t low = 0, high = rs->count, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(rs->list[mid].owner, owner);
		if (order == 0)
			order = (int)rs->list[mid].type - (int)type;
		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Is there anything at the name that a mark is missing of? */
static bool
has_owner(const struct records *rs, const char *owner)
{
	size_t low = 0, high = rs->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(rs->list[mid].owner, owner) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < rs->count && strcmp(rs->list[low].owner, owner) == 0;
}

/* SPEC Z-7.4: an MX's target is no alias, and has an address. */
static size_t
check_targets(
    const struct options *o, const struct zone *z, const struct differences *d)
{
	const struct record *r;
	size_t i, wrong = 0;
	char *name;

	for (i = 0; i < d->want.count; i++) {
		r = &d->want.list[i];
		if (r->type != LDNS_RR_TYPE_MX)
			continue;
		name = xstrdup(strchr(r->data, ' ') + 1);
		name[strlen(name) - 1] = '\0';
		if (has_record(&d->have, name, LDNS_RR_TYPE_CNAME)) {
			print("target is an alias: ", r);
			wrong++;
		} else if ((zone_has(zone_origin(z), name) ||
			       (o->live && o->server == NULL)) &&
		    !has_record(&d->have, name, LDNS_RR_TYPE_A) &&
		    !has_record(&d->have, name, LDNS_RR_TYPE_AAAA)) {
			print("target has no address: ", r);
			wrong++;
		}
		free(name);
	}
	return wrong;
}

static int
check(const struct options *o, const struct zone *z)
{
	struct differences d;
	size_t i, wrong = 0, marks = 0;

	differences_find(o, z, &d);
	for (i = 0; i < d.c.count; i++) {
		if (change_is_mark(&d.c.sets[i]) &&
		    d.c.sets[i].want_count > 0) {
			marks += has_owner(&d.have, d.c.sets[i].unit);
			continue;
		}
		wrong++;
		change_each(&d.c.sets[i], check_print, NULL);
	}
	wrong += check_targets(o, z, &d);
	if (marks > 0)
		fprintf(stderr,
		    "agamid-zone: %zu names are not marked as ours, or not "
		    "with all; what is there too much may not be seen "
		    "(agamid-zone update marks them)\n",
		    marks);
	if (wrong == 0)
		printf("%s. is as the manifests have it\n", zone_origin(z));
	differences_free(&d);
	return wrong == 0 ? 0 : EXIT_DIFFERENT;
}

/* ---- diff ---- */

static int
diff_print(enum change what, const struct record *r, const struct record *other,
    void *ctx)
{
	(void)ctx;
	if (what != CHANGE_ADD)
		print("-", what == CHANGE_TTL ? other : r);
	if (what != CHANGE_DELETE)
		print("+", r);
	return 0;
}

static int
print_differences(const struct differences *d, bool adopt)
{
	size_t i;

	for (i = 0; i < d->c.count; i++) {
		if (d->c.sets[i].foreign && !adopt)
			printf("; not made from manifests (--adopt): %s.\n",
			    d->c.sets[i].owner);
		change_each(&d->c.sets[i], diff_print, NULL);
	}
	return d->c.count == 0 ? 0 : EXIT_DIFFERENT;
}

static int
diff(const struct options *o, const struct zone *z)
{
	struct differences d;
	int status;

	differences_find(o, z, &d);
	status = print_differences(&d, o->adopt);
	differences_free(&d);
	return status;
}

/* ---- update ---- */

/* Send it all. AG_EAGAIN: somebody changed the zone meanwhile. */
static int
send_plan(const struct options *o, const struct update_plan *plan,
    struct error *error_r)
{
	struct tsig_key key;
	struct live l;
	ldns_pkt_rcode rcode = LDNS_RCODE_NOERROR;
	char *text;
	size_t i;
	int rc;

	rc = live_init(
	    &l, o->server, o->port, read_key(o, &key) ? &key : NULL, error_r);
	for (i = 0; rc == 0 && i < plan->count; i++) {
		rc = live_update(&l, plan->messages[i], &rcode, error_r);
		if (rc != 0 || rcode == LDNS_RCODE_NOERROR)
			continue;
		/* RFC 2136 section 3.2: a prerequisite doesn't hold. */
		if (rcode == LDNS_RCODE_YXDOMAIN ||
		    rcode == LDNS_RCODE_YXRRSET ||
		    rcode == LDNS_RCODE_NXRRSET || rcode == LDNS_RCODE_NXDOMAIN)
			rc = error_set(error_r, AG_EAGAIN,
			    "the zone was changed by somebody else meanwhile");
		else {
			text = ldns_pkt_rcode2str(rcode);
			rc = error_set(error_r, AG_EPERM,
			    "the name server answers %s to update %zu of %zu",
			    text != NULL ? text : "an error", i + 1,
			    plan->count);
			free(text);
		}
	}
	explicit_bzero(&key, sizeof(key));
	return rc;
}

static int
update_once(
    const struct options *o, const struct zone *z, struct error *error_r)
{
	struct update_plan plan;
	struct differences d;
	int rc;

	differences_find(o, z, &d);
	rc = update_plan_make(&d.c, zone_origin(z), o->adopt, &plan, error_r);
	if (rc == 0 && o->dry_run)
		print_differences(&d, o->adopt);
	else if (rc == 0 && (rc = send_plan(o, &plan, error_r)) == 0) {
		if (plan.count == 0)
			printf("%s. is as the manifests have it; nothing was "
			       "sent\n",
			    zone_origin(z));
		else
			printf("%s.: %zu records added, %zu deleted, in %zu "
			       "messages\n",
			    zone_origin(z), plan.added, plan.deleted,
			    plan.count);
	}
	update_plan_free(&plan);
	differences_free(&d);
	return rc;
}

/* SPEC Z-7.3 */
static int
update(const struct options *o, const struct zone *z)
{
	struct error e = {""};
	unsigned i;
	int rc = AG_EAGAIN;

	for (i = 0; i < TRIES && rc == AG_EAGAIN; i++)
		rc = update_once(o, z, &e);
	if (rc == 0)
		return 0;
	fprintf(stderr, "agamid-zone: %s\n", e.text);
	return EXIT_TROUBLE;
}

int
differences_run(const struct options *o, const struct zone *z)
{
	int status = o->verb == VERB_CHECK ? check(o, z)
	    : o->verb == VERB_DIFF	   ? diff(o, z)
					   : update(o, z);

	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_TROUBLE;
	return status;
}
