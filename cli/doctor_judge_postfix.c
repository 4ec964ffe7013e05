/* SPDX-License-Identifier: MIT */
/*
 * doctor_judge_postfix - the judges of Postfix's settings (SPEC N-16,
 * N-21.1). Pure. See doctor_postconf.h.
 *
 * The line to type is postconf(1) where one setting is the matter and its
 * new value follows from the old; where several belong together it is
 * agamid setup, which shows what it changes first.
 */
#include "cli/doctor_postconf.h"

#include <string.h>
#include <strings.h>

#include "util/text.h"

#define SETUP "agamid setup"
#define MILTER_SOCKET "agamid/milter.sock"
#define POLICY_SOCKET "agamid/policy.sock"
#define ELEMENT_MAX 4096

typedef void judge(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v);

static void
judge_strangers(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	(void)w;
	verdict_begin(v, "master.cf has an smtpd for strangers on port 25");
	if (postconf_stranger(p, 0) == NULL)
		verdict_fail(v,
		    "postconf -M 'smtp/inet=smtp inet n - y - - "
		    "smtpd' && postfix reload",
		    "no smtpd of master.cf listens on port 25");
}

static void
judge_milter_first(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *service, *list;
	char first[ELEMENT_MAX];
	size_t i;

	(void)w;
	verdict_begin(v, "the first of smtpd_milters is Agamid's");
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		list = postconf_of(p, service, "smtpd_milters");
		if (postconf_lists(
			postconf_of(p, service, "receive_override_options"),
			"no_milters"))
			verdict_fail(v, "editor /etc/postfix/master.cf",
			    "%s has no_milters in receive_override_options",
			    service);
		else if (!postconf_mentions(list, MILTER_SOCKET))
			verdict_fail(v, SETUP,
			    "smtpd_milters of %s does not name " MILTER_SOCKET,
			    service);
		else if (postconf_element(&list, first, sizeof(first)) &&
		    strstr(first, MILTER_SOCKET) == NULL)
			verdict_fail(v, SETUP,
			    "of %s, %s comes before it, and sees in clear "
			    "what is to be sealed",
			    service, first);
	}
}

/* The value of "name=value" in an element of a list of milters. */
static bool
milter_option(const char *list, const char *name, char *out, size_t size)
{
	char element[ELEMENT_MAX], word[ELEMENT_MAX];
	const char *rest;
	size_t len = strlen(name);

	while (postconf_element(&list, element, sizeof(element))) {
		if (strstr(element, MILTER_SOCKET) == NULL)
			continue;
		rest = element;
		while (postconf_element(&rest, word, sizeof(word))) {
			if (strncmp(word, name, len) == 0 && word[len] == '=') {
				snprintf(out, size, "%.*s", (int)size - 1,
				    word + len + 1);
				return true;
			}
		}
	}
	return false;
}

static void
judge_milter_action(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *service, *list;
	char action[64];
	size_t i;

	(void)w;
	verdict_begin(v,
	    "default_action=accept for Agamid's milter, so that "
	    "own mail flows when it is stopped");
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		list = postconf_of(p, service, "smtpd_milters");
		if (!postconf_mentions(list, MILTER_SOCKET))
			continue; /* that is the other check's */
		if (!milter_option(
			list, "default_action", action, sizeof(action)))
			snprintf(action, sizeof(action), "%s",
			    postconf_of(p, service, "milter_default_action"));
		if (strcmp(action, "accept") != 0)
			verdict_fail(v, SETUP, "default_action=%s", action);
	}
}

static void
judge_policy_class(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *value = postconf_get(p, "agamid_policy");

	(void)w;
	verdict_begin(v,
	    "the restriction class agamid_policy asks "
	    "unix:" POLICY_SOCKET ", and says 451 while nobody answers");
	if (!postconf_lists(
		postconf_get(p, "smtpd_restriction_classes"), "agamid_policy"))
		verdict_fail(
		    v, SETUP, "smtpd_restriction_classes lacks agamid_policy");
	else if (strstr(value, "check_policy_service") == NULL ||
	    strstr(value, POLICY_SOCKET) == NULL)
		verdict_fail(v, SETUP, "agamid_policy = %s", value);
	else if (strstr(value, "default_action") != NULL &&
	    strstr(value, "451") == NULL && strstr(value, "450") == NULL)
		verdict_fail(v, SETUP,
		    "agamid_policy = %s: without an answer it would not "
		    "defer",
		    value);
}

/* Restrictions that let a stranger in before the check is reached. */
static bool
lets_strangers_in(const char *element)
{
	static const char *const own[] = {"permit_mynetworks",
	    "permit_sasl_authenticated", "permit_tls_clientcerts",
	    "permit_tls_all_clientcerts", "permit_inet_interfaces"};
	size_t i;

	if (strncasecmp(element, "permit", 6) != 0)
		return false;
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcasecmp(element, own[i]) == 0)
			return false;
	}
	return true;
}

/* The list that names a table: smtpd_recipient_restrictions, or
 * smtpd_relay_restrictions; NULL if neither does. */
static const char *
list_with(const struct postconf *p, const char *service, const char *table)
{
	static const char *const names[] = {
	    "smtpd_recipient_restrictions", "smtpd_relay_restrictions"};
	size_t i;

	for (i = 0; i < 2; i++) {
		if (postconf_mentions(postconf_of(p, service, names[i]), table))
			return names[i];
	}
	return NULL;
}

static void
judge_one_policy(const struct postconf *p, const char *service,
    const char *table, struct verdict *v)
{
	const char *name = list_with(p, service, table), *list;
	bool networks = false, users;
	char element[ELEMENT_MAX];

	if (name == NULL) {
		verdict_fail(
		    v, SETUP, "no restrictions of %s name it", service);
		return;
	}
	list = postconf_of(p, service, name);
	users = strcmp(postconf_of(p, service, "smtpd_sasl_auth_enable"),
		    "yes") != 0;
	while (postconf_element(&list, element, sizeof(element)) &&
	    strstr(element, table) == NULL) {
		networks |= strcasecmp(element, "permit_mynetworks") == 0;
		users |= strcasecmp(element, "permit_sasl_authenticated") == 0;
		if (lets_strangers_in(element))
			verdict_fail(v, SETUP,
			    "%s of %s says %s before the check", name, service,
			    element);
	}
	if (!networks || !users)
		verdict_fail(v, SETUP,
		    "in %s of %s the check comes before %s: own users would "
		    "be asked",
		    name, service,
		    networks ? "permit_sasl_authenticated"
			     : "permit_mynetworks");
}

static void
judge_policy_asked(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	char table[ELEMENT_MAX];
	const char *service;
	size_t i;

	snprintf(table, sizeof(table), "%s/postfix/peers", w->derived);
	verdict_begin(v,
	    "strangers' recipients are looked up in texthash:%s, "
	    "behind the permits for own users",
	    table);
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++)
		judge_one_policy(p, service, table, v);
}

static void
judge_own_recipients(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	char table[ELEMENT_MAX];
	const char *service;
	size_t i;

	snprintf(
	    table, sizeof(table), "%s/postfix/own_recipients.pcre", w->derived);
	verdict_begin(v,
	    "addresses that no mailbox of the manifest matches "
	    "are refused by pcre:%s",
	    table);
	if (!w->has_mailboxes) {
		verdict_found(v,
		    "the manifest lists no mailboxes: Postfix's "
		    "own tables decide");
		return;
	}
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		if (list_with(p, service, table) == NULL)
			verdict_fail(
			    v, SETUP, "no restrictions of %s name it", service);
	}
}

static void
judge_relaying(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *service, *list, *more;
	size_t i;

	(void)w;
	verdict_begin(v,
	    "strangers can't relay: "
	    "reject_unauth_destination is among the "
	    "restrictions");
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		list = postconf_of(p, service, "smtpd_relay_restrictions");
		more = postconf_of(p, service, "smtpd_recipient_restrictions");
		if (!postconf_lists(list, "reject_unauth_destination") &&
		    !postconf_lists(list, "defer_unauth_destination") &&
		    !postconf_lists(list, "reject") &&
		    !postconf_lists(list, "defer") &&
		    !postconf_lists(more, "reject_unauth_destination"))
			verdict_fail(v,
			    "postconf -e 'smtpd_relay_restrictions = "
			    "permit_mynetworks, permit_sasl_authenticated, "
			    "reject_unauth_destination' && postfix reload",
			    "%s has none of them", service);
	}
}

static void
judge_table(const struct postconf *p, const struct postfix_wish *w,
    const char *setting, const char *table, struct verdict *v)
{
	char path[ELEMENT_MAX];

	snprintf(path, sizeof(path), "%s/postfix/%s", w->derived, table);
	verdict_begin(v, "%s names %s", setting, path);
	if (!postconf_mentions(postconf_get(p, setting), path))
		verdict_fail(
		    v, SETUP, "%s = %s", setting, postconf_get(p, setting));
}

static void
judge_relay_domains(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	judge_table(p, w, "relay_domains", "relay_domains", v);
}

static void
judge_transport(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	char first[ELEMENT_MAX];
	const char *list = postconf_get(p, "transport_maps");

	judge_table(p, w, "transport_maps", "transport", v);
	if (v->state == DOCTOR_OK &&
	    postconf_element(&list, first, sizeof(first)) &&
	    strstr(first, w->derived) == NULL)
		verdict_found(v, "it is there, behind %s", first);
}

static void
judge_aliases(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	if (w->has_mailboxes) {
		judge_table(p, w, "virtual_alias_maps", "own_aliases.pcre", v);
		return;
	}
	verdict_begin(v, "virtual_alias_maps names the manifest's mailboxes");
	verdict_found(v, "the manifest lists no mailboxes");
}

static void
judge_seal_service(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *program = postconf_program(p, "agamid-seal/unix");

	(void)w;
	verdict_begin(v,
	    "master.cf has the service agamid-seal (lmtp), the "
	    "second door");
	if (program == NULL)
		verdict_fail(v, SETUP, "there is no such service");
	else if (strcmp(program, "lmtp") != 0 && strcmp(program, "smtp") != 0)
		verdict_fail(v, SETUP, "agamid-seal runs %s", program);
}

#define INJECT "agamid-inject/unix"

static void
judge_inject_service(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *program = postconf_program(p, INJECT), *cleanup;
	char service[256];

	(void)w;
	verdict_begin(v,
	    "master.cf has agamid-inject (smtpd) with a cleanup "
	    "service of its own without a limit of size");
	if (program == NULL || strcmp(program, "smtpd") != 0) {
		verdict_fail(v, SETUP, "agamid-inject runs %s",
		    program == NULL ? "nothing: it is not there" : program);
		return;
	}
	cleanup = postconf_of(p, INJECT, "cleanup_service_name");
	snprintf(service, sizeof(service), "%s/unix", cleanup);
	if (strcmp(cleanup, "cleanup") == 0 || *cleanup == '\0')
		verdict_fail(
		    v, SETUP, "it uses the cleanup service of all others");
	else if (postconf_program(p, service) == NULL)
		verdict_fail(v, SETUP, "there is no service %s", cleanup);
	else if (strcmp(postconf_of(p, service, "message_size_limit"), "0") !=
		0 ||
	    strcmp(postconf_of(p, INJECT, "message_size_limit"), "0") != 0)
		verdict_fail(v, SETUP,
		    "message_size_limit is not 0 for both: what friends took "
		    "would be refused at home");
}

static void
judge_inject_safe(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *relay;

	(void)w;
	verdict_begin(v,
	    "agamid-inject relays for nobody, takes XCLIENT, and "
	    "is without Agamid's milter");
	if (postconf_program(p, INJECT) == NULL)
		return; /* that is the other check's */
	relay = postconf_of(p, INJECT, "smtpd_relay_restrictions");
	if (*postconf_of(p, INJECT, "mynetworks") != '\0')
		verdict_fail(v, SETUP, "its mynetworks is %s",
		    postconf_of(p, INJECT, "mynetworks"));
	if (!postconf_lists(relay, "reject_unauth_destination"))
		verdict_fail(v, SETUP, "its smtpd_relay_restrictions is %s",
		    *relay == '\0' ? "empty" : relay);
	if (postconf_mentions(
		postconf_of(p, INJECT, "smtpd_milters"), MILTER_SOCKET))
		verdict_fail(
		    v, SETUP, "its smtpd_milters names " MILTER_SOCKET);
	if (!postconf_lists(
		postconf_of(p, INJECT, "smtpd_authorized_xclient_hosts"),
		"127.0.0.1"))
		verdict_fail(v, SETUP,
		    "its smtpd_authorized_xclient_hosts lacks 127.0.0.1");
}

void
postfix_judge(const struct postconf *p, const struct postfix_wish *w,
    void (*tell)(void *ctx, const char *id, const struct verdict *v), void *ctx)
{
	static const struct {
		const char *id;
		postfix_judge_fn *judge;
	} judges[] = {
	    {"postfix.smtpd", judge_strangers},
	    {"postfix.milter-first", judge_milter_first},
	    {"postfix.milter-default-action", judge_milter_action},
	    {"postfix.policy-class", judge_policy_class},
	    {"postfix.policy-asked", judge_policy_asked},
	    {"postfix.own-recipients", judge_own_recipients},
	    {"postfix.relaying", judge_relaying},
	    {"postfix.relay-domains", judge_relay_domains},
	    {"postfix.transport", judge_transport},
	    {"postfix.aliases", judge_aliases},
	    {"postfix.seal-service", judge_seal_service},
	    {"postfix.inject-service", judge_inject_service},
	    {"postfix.inject-safe", judge_inject_safe},
	    {"postfix.in-flow-delay", judge_in_flow_delay},
	    {"postfix.proxy-filter", judge_proxy_filter},
	    {"postfix.milter-maps", judge_milter_maps},
	    {"postfix.content-filter", judge_content_filter},
	    {"postfix.relay-recipient-maps", judge_relay_recipients},
	    {"postfix.recipient-verification", judge_verification},
	    {"postfix.copies", judge_copies},
	    {"postfix.proxy-interfaces", judge_proxy_interfaces},
	    {"postfix.line-length", judge_line_length},
	    {"postfix.message-size", judge_message_size},
	};
	struct verdict v;
	size_t i;

	for (i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
		judges[i].judge(p, w, &v);
		tell(ctx, judges[i].id, &v);
	}
}
