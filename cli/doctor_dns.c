/* SPDX-License-Identifier: MIT */
/*
 * doctor_dns - asks the system's name server (resolv.conf(5)). The answers
 * are judged in doctor_judge_dns.c.
 *
 * One that does not answer is asked once; all else is then left out. A
 * question waits for a second at most.
 */
#include "cli/doctor_dns.h"

#include <ldns/ldns.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "manifests/manifest.h"
#include "util/text.h"

#define QUESTION_MS 1000
#define LEFT_MS 1500 /* with less time nothing more is asked */

struct asker {
	struct doctor *d;
	ldns_resolver *resolver;
};

/* The answer to one question; NULL: none came. ldns_pkt_free() it. */
static ldns_pkt *
ask(const struct asker *a, const char *name, ldns_rr_type type)
{
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	ldns_pkt *answer = NULL;

	if (owner == NULL || doctor_wait(a->d, LEFT_MS) < LEFT_MS ||
	    ldns_resolver_query_status(&answer, a->resolver, owner, type,
		LDNS_RR_CLASS_IN, LDNS_RD) != LDNS_STATUS_OK)
		answer = NULL;
	if (answer != NULL &&
	    ldns_pkt_get_rcode(answer) != LDNS_RCODE_NOERROR &&
	    ldns_pkt_get_rcode(answer) != LDNS_RCODE_NXDOMAIN) {
		ldns_pkt_free(answer);
		answer = NULL;
	}
	ldns_rdf_deep_free(owner);
	return answer;
}

/* A field as text: lower case, without a last dot. */
static void
text_of(const ldns_rdf *field, char *out, size_t size)
{
	char *text = ldns_rdf2str(field);
	size_t len;

	snprintf(out, size, "%s", text == NULL ? "" : text);
	len = strlen(out);
	if (len > 0 && out[len - 1] == '.')
		out[len - 1] = '\0';
	text_lower(out);
	free(text);
}

/* Does the answer begin with an alias? */
static bool
has_type(const ldns_pkt *answer, ldns_rr_type type)
{
	const ldns_rr_list *all = ldns_pkt_answer(answer);
	size_t i;

	for (i = 0; i < ldns_rr_list_rr_count(all); i++) {
		if (ldns_rr_get_type(ldns_rr_list_rr(all, i)) == type)
			return true;
	}
	return false;
}

/* ---- addresses ---- */

static bool
add_addresses(const struct asker *a, ldns_rr_type type,
    struct dns_address_facts *f, unsigned *ttl)
{
	ldns_pkt *answer = ask(a, f->host, type);
	const ldns_rr_list *all;
	const ldns_rr *rr;
	size_t i;

	if (answer == NULL)
		return false;
	all = ldns_pkt_answer(answer);
	for (i = 0; i < ldns_rr_list_rr_count(all); i++) {
		rr = ldns_rr_list_rr(all, i);
		if (ldns_rr_get_type(rr) != type ||
		    f->seen_count == DNS_LIST_MAX)
			continue;
		text_of(ldns_rr_rdf(rr, 0), f->seen[f->seen_count++],
		    sizeof(f->seen[0]));
		if (ldns_rr_ttl(rr) > *ttl)
			*ttl = ldns_rr_ttl(rr);
	}
	ldns_pkt_free(answer);
	return true;
}

/* Nothing came, or there was no time left to ask. */
static void
unanswered(const struct asker *a, const char *id, const char *subject,
    const char *expected)
{
	struct verdict v;
	char *fix = xasprintf("agamid doctor %s", id);

	verdict_begin(&v, "%s", expected);
	verdict_warn(&v, fix,
	    "not known: the name server did not answer in "
	    "time");
	doctor_add(a->d, id, subject, &v);
	free(fix);
}

static void
check_addresses(const struct asker *a, const struct manifest *m, bool own)
{
	const char *id = own ? "dns.address" : "dns.peer-address";
	struct dns_address_facts f = {.name = m->name,
	    .host = m->host,
	    .own = own,
	    .wanted = m->addresses,
	    .wanted_count = m->address_count};
	struct verdict v;
	unsigned ttl = 0;

	if (m->address_count == 0 && m->dynamic == NULL)
		return; /* nobody dials it */
	if (!add_addresses(a, LDNS_RR_TYPE_A, &f, &ttl) ||
	    !add_addresses(a, LDNS_RR_TYPE_AAAA, &f, &ttl)) {
		unanswered(a, id, m->host, "the addresses of the manifest");
		return;
	}
	if (m->address_count == 0)
		f.wanted = NULL;
	judge_addresses(&f, &v);
	doctor_add(a->d, id, m->host, &v);
	if (own && m->dynamic != NULL && f.seen_count > 0) {
		judge_ttl(m->host, ttl, &v);
		doctor_add(a->d, "dns.ttl", m->host, &v);
	}
}

/* ---- MX ---- */

/* Whose host is it? */
static void
recognise(const struct roster *r, struct dns_mx *mx)
{
	size_t i;

	mx->is_self = strcmp(mx->host, r->self->host) == 0;
	for (i = 0; i < r->peer_count; i++) {
		if (strcmp(mx->host, r->peers[i]->host) != 0)
			continue;
		mx->is_peer = true;
		mx->may_hold = manifest_may_hold(r->peers[i], r->self);
	}
}

static void
look_at_target(const struct asker *a, struct dns_mx *mx)
{
	ldns_pkt *answer = ask(a, mx->host, LDNS_RR_TYPE_A);

	mx->has_address = answer == NULL; /* not known: not held against it */
	if (answer != NULL) {
		mx->is_alias = has_type(answer, LDNS_RR_TYPE_CNAME);
		mx->has_address = has_type(answer, LDNS_RR_TYPE_A);
		ldns_pkt_free(answer);
	}
	if (mx->has_address || mx->is_alias)
		return;
	answer = ask(a, mx->host, LDNS_RR_TYPE_AAAA);
	mx->has_address = answer == NULL || has_type(answer, LDNS_RR_TYPE_AAAA);
	ldns_pkt_free(answer);
}

static void
count_possible(const struct roster *r, struct dns_mx_facts *f)
{
	const struct manifest *m;
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		m = r->peers[i];
		if (manifest_may_hold(m, r->self) &&
		    (m->address_count > 0 || m->dynamic != NULL))
			f->possible++;
	}
}

static void
check_mx(const struct asker *a, const char *domain)
{
	const struct roster *r = &a->d->known.roster;
	struct dns_mx_facts f = {.domain = domain,
	    .self_host = r->self->host,
	    .wanted = r->self->backups_mx};
	ldns_pkt *answer = ask(a, domain, LDNS_RR_TYPE_MX);
	const ldns_rr_list *all;
	struct dns_mx *mx;
	struct verdict v;
	size_t i;

	if (answer == NULL) {
		unanswered(a, "dns.mx", domain, "the MX of the manifests");
		return;
	}
	f.dialled = r->self->address_count > 0 || r->self->dynamic != NULL;
	count_possible(r, &f);
	all = ldns_pkt_answer(answer);
	for (i = 0; i < ldns_rr_list_rr_count(all); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(all, i);

		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_MX ||
		    f.count == DNS_LIST_MAX)
			continue;
		mx = &f.mx[f.count++];
		mx->preference = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
		text_of(ldns_rr_rdf(rr, 1), mx->host, sizeof(mx->host));
		recognise(r, mx);
		look_at_target(a, mx);
	}
	ldns_pkt_free(answer);
	judge_mx(&f, &v);
	doctor_add(a->d, "dns.mx", domain, &v);
}

/* ---- reverse names ---- */

static void
check_reverse(const struct asker *a, const char *address)
{
	const char *host = a->d->known.roster.self->host;
	char name[DNS_NAME_MAX] = "", *dots;
	ldns_rdf *rdf, *reverse;
	ldns_pkt *answer;
	struct verdict v;

	rdf = ldns_rdf_new_frm_str(
	    strchr(address, ':') != NULL ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A,
	    address);
	reverse = rdf == NULL ? NULL : ldns_rdf_address_reverse(rdf);
	dots = reverse == NULL ? NULL : ldns_rdf2str(reverse);
	answer = dots == NULL ? NULL : ask(a, dots, LDNS_RR_TYPE_PTR);
	if (answer == NULL) {
		unanswered(a, "dns.reverse", address, "our host's name");
	} else {
		if (has_type(answer, LDNS_RR_TYPE_PTR)) {
			const ldns_rr_list *all = ldns_pkt_answer(answer);
			size_t n = ldns_rr_list_rr_count(all);

			text_of(ldns_rr_rdf(ldns_rr_list_rr(all, n - 1), 0),
			    name, sizeof(name));
		}
		judge_reverse(address, name, host, &v);
		doctor_add(a->d, "dns.reverse", address, &v);
	}
	ldns_pkt_free(answer);
	free(dots);
	ldns_rdf_deep_free(reverse);
	ldns_rdf_deep_free(rdf);
}

/* ---- all of it ---- */

static void
check_all(const struct asker *a)
{
	const struct roster *r = &a->d->known.roster;
	const struct manifest *self = r->self;
	size_t i;

	if (doctor_wants(a->d, "dns.address") || doctor_wants(a->d, "dns.ttl"))
		check_addresses(a, self, true);
	for (i = 0; i < self->domain_count; i++) {
		if (doctor_wants(a->d, "dns.mx"))
			check_mx(a, self->domains[i]);
	}
	for (i = 0; i < self->address_count; i++) {
		if (doctor_wants(a->d, "dns.reverse"))
			check_reverse(a, self->addresses[i]);
	}
	for (i = 0; i < r->peer_count; i++) {
		if (doctor_wants(a->d, "dns.peer-address"))
			check_addresses(a, r->peers[i], false);
	}
}

/* Does the name server answer at all? */
static bool
is_there(const struct asker *a)
{
	ldns_pkt *answer;

	answer = ask(a, a->d->known.roster.self->domains[0], LDNS_RR_TYPE_SOA);
	if (answer == NULL)
		return false;
	ldns_pkt_free(answer);
	return true;
}

void
doctor_dns(struct doctor *d)
{
	struct timeval limit = {QUESTION_MS / 1000, QUESTION_MS % 1000 * 1000};
	struct asker a = {d, NULL};
	struct verdict v;
	bool there = false;

	verdict_begin(&v, "a name server of resolv.conf answers");
	if (ldns_resolver_new_frm_file(&a.resolver, NULL) == LDNS_STATUS_OK) {
		ldns_resolver_set_timeout(a.resolver, limit);
		ldns_resolver_set_retry(a.resolver, 1);
		ldns_resolver_set_retrans(a.resolver, 0);
		ldns_resolver_set_random(a.resolver, false);
		there = is_there(&a);
	}
	if (!there)
		verdict_fail(&v, "resolvectl status; cat /etc/resolv.conf",
		    "none did; DNS was not looked at");
	doctor_add(d, "dns.resolver", NULL, &v);
	if (there)
		check_all(&a);
	ldns_resolver_deep_free(a.resolver);
}
