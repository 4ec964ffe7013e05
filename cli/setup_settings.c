/* SPDX-License-Identifier: MIT */
/*
 * setup_settings - what main.cf and master.cf are to say, made of what
 * they say. Pure. See setup_postfix.h; SPEC N-16, N-22.
 *
 * Lists are added to, never replaced. Our transport table comes first in
 * its list, for it holds the peers' domains only and nothing may be before
 * it; our aliases come last, so that the operator's own win.
 */
#include "cli/setup_postfix.h"

#include <stdlib.h>
#include <string.h>

#include "cli/derive.h"
#include "cli/setup_list.h"
#include "manifests/manifest.h"
#include "util/text.h"

#define PERMITS "permit_mynetworks, permit_sasl_authenticated"
#define PERMITS_BOTH (PERMITS_NETWORKS | PERMITS_SASL)

/* ---- main.cf ---- */

static void
want(const struct pf *pf, struct setup_edits *e, const char *name, char *value)
{
	char *was = pf_value(&pf->set, name);

	setup_edit_add(e, name, was, value);
	free(was);
	free(value);
}

/* NAME = what is there, with TYPE:DERIVED/PATH added by add(). */
static void
want_table(const struct pf *pf, struct setup_edits *e, const char *name,
    const char *type, const char *path,
    char *(*add)(const char *list, const char *run))
{
	char *table = xasprintf("%s:%s/%s", type, pf->derived, path);
	char *old = pf_written(pf, name);

	want(pf, e, name, add(old, table));
	free(old);
	free(table);
}

/* At least this number, where 0 means no limit. */
static void
want_size(const struct pf *pf, struct setup_edits *e, const char *name,
    uint64_t least)
{
	char *full = pf_value(&pf->full, name);
	uint64_t n;

	if (full != NULL && text_uint(full, UINT64_MAX, &n) == 0 && n != 0 &&
	    n < least)
		want(pf, e, name, xasprintf("%llu", (unsigned long long)least));
	free(full);
}

static void
want_zero(const struct pf *pf, struct setup_edits *e, const char *name)
{
	char *full = pf_value(&pf->full, name);

	if (full == NULL || (strcmp(full, "0") != 0 && strcmp(full, "0s") != 0))
		want(pf, e, name, xstrdup("0"));
	free(full);
}

/* A manifest's address that this machine does not have is a router's. */
static void
want_proxy_interfaces(const struct pf *pf, const struct manifest *self,
    const char *local, struct setup_edits *e)
{
	char *list = pf_written(pf, "proxy_interfaces"), *longer, *line;
	bool changed = false;
	size_t i;

	for (i = 0; i < self->address_count; i++) {
		line = xasprintf("\n%s\n", self->addresses[i]);
		if (strstr(local, line) == NULL) {
			longer = list_append(list, self->addresses[i]);
			free(list);
			list = longer;
			changed = true;
		}
		free(line);
	}
	if (changed)
		want(pf, e, "proxy_interfaces", xstrdup(list));
	free(list);
}

/* The list that asks only of strangers: it permits both kinds of others
 * before; an empty one will. */
static const char *
check_list(const char *rcpt, const char *relay)
{
	if (list_permits(rcpt) == PERMITS_BOTH || list_is_empty(rcpt))
		return PF_RCPT_LIST;
	if (list_permits(relay) != 0 &&
	    (list_permits(relay) == PERMITS_BOTH || list_permits(rcpt) == 0))
		return PF_RELAY_LIST;
	return list_permits(rcpt) != 0 ? PF_RCPT_LIST : NULL;
}

static char *
peers_check(const struct pf *pf)
{
	return xasprintf(
	    "check_recipient_access texthash:%s/" DERIVED_PEERS, pf->derived);
}

/* The restrictions with our two checks in them. */
static char *
add_checks(const struct pf *pf, const char *list)
{
	char *check = peers_check(pf);
	char *run = xasprintf("%s, " PF_OWN_CHECK, check), *out, *bare;

	if (list_is_empty(list)) {
		out = xasprintf(PERMITS ", %s", run);
	} else if (list_has(list, run)) {
		out = xstrdup(list);
	} else {
		bare = list_remove(list, PF_OWN_CHECK);
		out = list_remove(bare, check);
		free(bare);
		bare = out;
		out = list_add_behind_permits(bare, run);
		free(bare);
	}
	free(run);
	free(check);
	return out;
}

static void
want_checks(const struct pf *pf, struct setup_edits *e)
{
	char *rcpt = pf_written(pf, PF_RCPT_LIST),
	     *relay = pf_written(pf, PF_RELAY_LIST);
	const char *which = check_list(rcpt, relay);

	if (which != NULL)
		want(pf, e, which,
		    add_checks(
			pf, strcmp(which, PF_RCPT_LIST) == 0 ? rcpt : relay));
	free(relay);
	free(rcpt);
}

static void
want_classes(const struct pf *pf, struct setup_edits *e)
{
	char *old = pf_written(pf, "smtpd_restriction_classes");
	char *one = list_append(old, "agamid_policy");

	want(pf, e, "agamid_policy", xstrdup(PF_POLICY));
	want(pf, e, "agamid_own_recipients",
	    xasprintf("check_recipient_access pcre:%s/" DERIVED_OWN_RECIPIENTS,
		pf->derived));
	want(pf, e, "smtpd_restriction_classes",
	    list_append(one, "agamid_own_recipients"));
	free(one);
	free(old);
}

/* Ours first, in whatever way it was written before. */
static char *
add_milter(const char *list)
{
	char *rest = list_remove(list, PF_MILTER_SOCKET), *out;
	const char *at = rest;
	struct list_word w;
	char *word, *less;

	while (list_next(&at, &w)) {
		word = xasprintf("%.*s", (int)w.len, w.p);
		if (*word == '{' && strstr(word, PF_MILTER_SOCKET) != NULL &&
		    !list_has(word, PF_MILTER)) {
			less = list_remove(rest, word);
			free(rest);
			rest = less;
			at = rest;
		}
		free(word);
	}
	out = list_prepend(rest, PF_MILTER);
	free(rest);
	return out;
}

static void
want_milter(const struct pf *pf, struct setup_edits *e)
{
	char *old = pf_written(pf, "smtpd_milters");

	want(pf, e, "smtpd_milters", add_milter(old));
	free(old);
}

static void
want_main(const struct pf *pf, const struct manifest *self, const char *local,
    struct setup_edits *e)
{
	char *known = pf_written(pf, "relay_recipient_maps");

	want_milter(pf, e);
	want_table(pf, e, "relay_domains", "texthash", DERIVED_RELAY_DOMAINS,
	    list_append);
	want_table(pf, e, "transport_maps", "texthash", DERIVED_TRANSPORT,
	    list_prepend);
	want_table(pf, e, "virtual_alias_maps", "pcre", DERIVED_OWN_ALIASES,
	    list_append);
	if (!list_is_empty(known))
		want_table(pf, e, "relay_recipient_maps", "texthash",
		    DERIVED_RELAY_RECIPIENTS, list_append);
	if (pf->at_home)
		want_table(pf, e, "mailbox_transport_maps", "texthash",
		    DERIVED_HOME_USERS, list_prepend);
	want_classes(pf, e);
	want_checks(pf, e);
	want_zero(pf, e, "in_flow_delay");
	want_zero(pf, e, "lmtp_line_length_limit");
	want_size(pf, e, "message_size_limit", self->max_message_size);
	want_size(pf, e, "mailbox_size_limit", self->max_message_size);
	want_size(pf, e, "virtual_mailbox_limit", self->max_message_size);
	want_proxy_interfaces(pf, self, local, e);
	free(known);
}

/* ---- master.cf ---- */

/* The milters that the home's own mail passes: the operator's. */
static char *
other_milters(const struct pf *pf, const char *entry)
{
	char *all = pf_of_service(pf, entry, "smtpd_milters");
	char *ours = add_milter(all), *rest = list_remove(ours, PF_MILTER);

	free(ours);
	free(all);
	return rest;
}

static char *
inject_entry(const struct pf *pf, const char *stranger, const char *chroot)
{
	char *others = other_milters(pf, stranger), *head, *out;

	head = xasprintf(
	    "agamid-inject unix n - %s - 10 smtpd"
	    " -o syslog_name=postfix/agamid"
	    " -o cleanup_service_name=agamid-cleanup"
	    " -o smtpd_authorized_xclient_hosts=127.0.0.1"
	    " -o mynetworks= -o message_size_limit=0 -o smtputf8_enable=no"
	    " -o smtpd_sasl_auth_enable=no -o smtpd_tls_security_level=none"
	    " -o smtpd_client_restrictions= -o smtpd_helo_restrictions="
	    " -o smtpd_helo_required=no -o smtpd_sender_restrictions="
	    " -o smtpd_relay_restrictions=reject_unauth_destination"
	    " -o smtpd_recipient_restrictions=" PF_OWN_CHECK
	    " -o smtpd_data_restrictions= -o smtpd_end_of_data_restrictions="
	    " -o smtpd_proxy_filter= -o smtpd_milter_maps="
	    " -o smtpd_client_connection_count_limit=0"
	    " -o smtpd_client_connection_rate_limit=0"
	    " -o smtpd_client_message_rate_limit=0"
	    " -o smtpd_client_recipient_rate_limit=0"
	    " -o smtpd_error_sleep_time=0"
	    " -o smtpd_discard_ehlo_keywords="
	    " -o smtpd_discard_ehlo_keyword_address_maps="
	    " -o smtpd_upstream_proxy_protocol=",
	    chroot);
	out = entry_set_option(head, "smtpd_milters", others);
	free(head);
	free(others);
	return out;
}

static void
want_entry(
    const struct pf *pf, struct setup_edits *e, const char *name, char *entry)
{
	char *was = pf_entry(pf, name);

	if (was != NULL && entry_equals(was, entry)) {
		free(entry);
		entry = xstrdup(was);
	}
	setup_edit_add(e, name, was, entry);
	free(was);
	free(entry);
}

/* A service for strangers that has its own idea of a list gets our part
 * in that. */
static char *
override(const struct pf *pf, char *entry, const char *name,
    char *(*edit)(const struct pf *pf, const char *list))
{
	char *own = entry_option(entry, name), *value, *out;

	if (own == NULL)
		return entry;
	value = edit(pf, own);
	if (strcmp(value, own) == 0) {
		out = xstrdup(entry);
	} else {
		out = entry_set_option(entry, name, value);
	}
	free(value);
	free(own);
	free(entry);
	return out;
}

static char *
edit_milters(const struct pf *pf, const char *list)
{
	(void)pf;
	return add_milter(list);
}

static void
want_stranger(const struct pf *pf, struct setup_edits *e, const char *was)
{
	char *name = entry_name(was), *entry = xstrdup(was),
	     *rcpt = pf_of_service(pf, was, PF_RCPT_LIST),
	     *relay = pf_of_service(pf, was, PF_RELAY_LIST);
	const char *which = check_list(rcpt, relay);

	entry = override(pf, entry, "smtpd_milters", edit_milters);
	if (which != NULL)
		entry = override(pf, entry, which, add_checks);
	if (strcmp(entry, was) != 0)
		setup_edit_add(e, name, was, entry);
	free(relay);
	free(rcpt);
	free(entry);
	free(name);
}

static void
want_master(const struct pf *pf, struct setup_edits *e)
{
	char *stranger = pf_stranger_entry(pf, 0), *next,
	     *chroot =
		 stranger == NULL ? xstrdup("n") : entry_field(stranger, 4);
	unsigned i;

	want_entry(pf, e, PF_SEAL,
	    xstrdup("agamid-seal unix - - n - - lmtp"
		    " -o lmtp_send_xforward_command=yes"
		    " -o lmtp_line_length_limit=0"));
	want_entry(pf, e, PF_CLEANUP,
	    xasprintf("agamid-cleanup unix n - %s - 0 cleanup"
		      " -o message_size_limit=0 -o smtputf8_enable=no",
		chroot));
	want_entry(pf, e, PF_INJECT,
	    inject_entry(pf, stranger == NULL ? "" : stranger, chroot));
	for (i = 0; (next = pf_stranger_entry(pf, i)) != NULL; i++) {
		want_stranger(pf, e, next);
		free(next);
	}
	free(chroot);
	free(stranger);
}

void
pf_want(const struct pf *pf, const struct manifest *self, const char *local,
    struct setup_edits *main, struct setup_edits *master)
{
	want_main(pf, self, local, main);
	want_master(pf, master);
}
