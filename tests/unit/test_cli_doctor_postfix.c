/* SPDX-License-Identifier: MIT */
/*
 * The judge of Postfix's settings in agamid doctor: a healthy node's, and
 * what each change of them leads to (SPEC N-21.1).
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_judge.h"
#include "cli/doctor_lmtp.h"
#include "cli/doctor_postconf.h"
#include "util/text.h"

#define DERIVED "/var/lib/agamid/derived"
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- Postfix ---- */

static const char settings[] =
    "smtpd_milters = { unix:agamid/milter.sock, default_action=accept, "
    "connect_timeout=5s } inet:localhost:8891\n"
    "milter_default_action = tempfail\n"
    "relay_domains = hash:/etc/postfix/relay, "
    "texthash:" DERIVED "/postfix/relay_domains\n"
    "transport_maps = texthash:" DERIVED "/postfix/transport\n"
    "virtual_alias_maps = pcre:" DERIVED "/postfix/own_aliases.pcre\n"
    "smtpd_restriction_classes = agamid_policy\n"
    "agamid_policy = check_policy_service { unix:agamid/policy.sock, "
    "timeout=10s, { default_action = 451 4.3.5 Later } }\n"
    "smtpd_relay_restrictions = permit_mynetworks, "
    "reject_unauth_destination\n"
    "smtpd_recipient_restrictions = permit_mynetworks "
    "permit_sasl_authenticated, reject_unknown_sender_domain, "
    "check_recipient_access texthash:" DERIVED "/postfix/peers, "
    "check_recipient_access pcre:" DERIVED "/postfix/own_recipients.pcre\n"
    "smtpd_sasl_auth_enable = yes\n"
    "lmtp_line_length_limit = 0\n"
    "in_flow_delay = 0\n"
    "proxy_interfaces =\n"
    "message_size_limit = 50000000\n";

static const char services[] =
    "smtp       inet  n       -       y       -       -       smtpd\n"
    "submission inet  n       -       y       -       -       smtpd\n"
    "    -o smtpd_milters=\n"
    "agamid-seal unix -       -       n       -       -       lmtp\n"
    "agamid-cleanup unix n    -       n       -       0       cleanup\n"
    "agamid-inject unix n     -       n       -       10      smtpd\n";

static const char overrides[] =
    "submission/inet/smtpd_milters =\n"
    "agamid-cleanup/unix/message_size_limit = 0\n"
    "agamid-inject/unix/message_size_limit = 0\n"
    "agamid-inject/unix/cleanup_service_name = agamid-cleanup\n"
    "agamid-inject/unix/mynetworks =\n"
    "agamid-inject/unix/smtpd_milters =\n"
    "agamid-inject/unix/smtpd_authorized_xclient_hosts = 127.0.0.1\n"
    "agamid-inject/unix/smtpd_relay_restrictions = "
    "reject_unauth_destination\n";

struct seen {
	char bad[1024]; /* " ID=state" of all that is not ok */
	unsigned count;
};

static void
see(void *ctx, const char *id, const struct verdict *v)
{
	struct seen *s = ctx;
	size_t len = strlen(s->bad);

	s->count++;
	assert_true(doctor_is_check(id));
	assert_true(v->expected[0] != '\0' && v->found[0] != '\0');
	assert_int_equal(v->fix[0] == '\0', v->state == DOCTOR_OK);
	if (v->state != DOCTOR_OK)
		snprintf(s->bad + len, sizeof(s->bad) - len, " %s=%s", id,
		    doctor_state_name(v->state));
}

/* text with the first "from" in it made "to"; NULL: as it is. */
static char *
change(const char *text, const char *from, const char *to)
{
	const char *at = from == NULL ? NULL : strstr(text, from);

	if (at == NULL)
		return help_keep(xstrdup(text));
	return help_keep(xasprintf(
	    "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
}

/* The one change is made wherever "from" is. */
static void
judge_changed(
    const char *from, const char *to, struct postfix_wish *w, struct seen *s)
{
	struct postconf *p;
	bool is_in = from == NULL || strstr(settings, from) != NULL ||
	    strstr(services, from) != NULL || strstr(overrides, from) != NULL;

	assert_true(is_in);
	p = postconf_parse(change(settings, from, to),
	    change(services, from, to), change(overrides, from, to));
	memset(s, 0, sizeof(*s));
	postfix_judge(p, w, see, s);
	postconf_free(&p);
}

/* What is made of a healthy Postfix, and what the judge then says. */
static const struct {
	const char *from, *to, *want;
} changes[] = {
    {NULL, NULL, ""},
    /* The milter. */
    {"{ unix:agamid/milter.sock, default_action=accept, "
     "connect_timeout=5s } inet:localhost:8891",
	"inet:localhost:8891 { unix:agamid/milter.sock, "
	"default_action=accept }",
	" postfix.milter-first=failure"},
    {"unix:agamid/milter.sock", "unix:other.sock",
	" postfix.milter-first=failure"},
    {"default_action=accept", "default_action=tempfail",
	" postfix.milter-default-action=failure"},
    {"default_action=accept, ", "", " postfix.milter-default-action=failure"},
    {"smtpd_milters = { unix:agamid/milter.sock, "
     "default_action=accept, connect_timeout=5s } "
     "inet:localhost:8891\nmilter_default_action = tempfail",
	"smtpd_milters = unix:/agamid/milter.sock\n"
	"milter_default_action = accept",
	""},
    {"submission/inet/smtpd_milters", "smtp/inet/smtpd_milters",
	" postfix.milter-first=failure"},
    /* The policy check. */
    {"smtpd_restriction_classes = agamid_policy",
	"smtpd_restriction_classes =", " postfix.policy-class=failure"},
    {"unix:agamid/policy.sock", "inet:127.0.0.1:10023",
	" postfix.policy-class=failure"},
    {"451 4.3.5 Later", "DUNNO", " postfix.policy-class=failure"},
    {"check_recipient_access texthash:" DERIVED "/postfix/peers, ", "",
	" postfix.policy-asked=failure"},
    {"permit_sasl_authenticated, reject_unknown", "reject_unknown",
	" postfix.policy-asked=failure"},
    {"permit_mynetworks permit_sasl", "permit_sasl",
	" postfix.policy-asked=failure"},
    {"smtpd_relay_restrictions = permit_mynetworks, "
     "reject_unauth_destination\n"
     "smtpd_recipient_restrictions =",
	"smtpd_relay_restrictions =", " postfix.relaying=failure"},
    {"smtpd_relay_restrictions = permit_mynetworks, "
     "reject_unauth_destination\n"
     "smtpd_recipient_restrictions =",
	"smtpd_recipient_restrictions = "
	"reject_unauth_destination\n"
	"smtpd_relay_restrictions =",
	""},
    {"reject_unknown_sender_domain", "permit_dnswl_client x.example",
	" postfix.policy-asked=failure"},
    {", check_recipient_access pcre:" DERIVED "/postfix/own_recipients.pcre",
	"", " postfix.own-recipients=failure"},
    /* Tables and services. */
    {"smtpd_relay_restrictions = permit_mynetworks, "
     "reject_unauth_destination",
	"smtpd_relay_restrictions =", " postfix.relaying=failure"},
    {", texthash:" DERIVED "/postfix/relay_domains", "",
	" postfix.relay-domains=failure"},
    {"texthash:" DERIVED "/postfix/transport", "",
	" postfix.transport=failure"},
    {"pcre:" DERIVED "/postfix/own_aliases.pcre", "hash:/etc/aliases",
	" postfix.aliases=failure"},
    {"agamid-seal unix", "agamid-sael unix", " postfix.seal-service=failure"},
    {"n       -       -       lmtp", "n - - local",
	" postfix.seal-service=failure"},
    {"agamid-cleanup unix n", "other-cleanup unix n",
	" postfix.inject-service=failure"},
    {"agamid-cleanup/unix/message_size_limit = 0",
	"agamid-cleanup/unix/message_size_limit = 10",
	" postfix.inject-service=failure"},
    {"agamid-inject/unix/mynetworks =",
	"agamid-inject/unix/mynetworks = 127.0.0.0/8",
	" postfix.inject-safe=failure"},
    {"agamid-inject/unix/smtpd_milters =\n", "",
	" postfix.inject-safe=failure"},
    {"agamid-inject/unix/smtpd_authorized_xclient_hosts = 127.0.0.1",
	"x/unix/y =", " postfix.inject-safe=failure"},
    {"agamid-inject unix", "injector unix", " postfix.inject-service=failure"},
    {"smtp       inet", "2525 inet", " postfix.smtpd=failure"},
    {"smtp       inet  n       -       y       -       -       smtpd",
	"192.0.2.1:25 inet n - n - 1 postscreen\n"
	"smtpd pass - - y - - smtpd",
	""},
    {"smtp       inet", "127.0.0.1:25 inet", " postfix.smtpd=failure"},
    /* What breaks a promise. */
    {"submission/inet/smtpd_milters",
	"smtp/inet/receive_override_options = no_milters\n"
	"submission/inet/smtpd_milters",
	" postfix.milter-first=failure"},
    {"in_flow_delay = 0", "in_flow_delay = 0\nsmtpd_milter_maps = cidr:/x",
	" postfix.milter-maps=warning"},
    {"lmtp_line_length_limit = 0", "lmtp_line_length_limit = 990",
	" postfix.line-length=warning"},
    {"in_flow_delay = 0",
	"in_flow_delay = 0\nrelay_recipient_maps = hash:/x, "
	"texthash:" DERIVED "/postfix/relay_recipients",
	""},
    {"in_flow_delay = 0", "in_flow_delay = 1s",
	" postfix.in-flow-delay=warning"},
    {"in_flow_delay = 0", "in_flow_delay = 0\nsmtpd_proxy_filter = :10025",
	" postfix.proxy-filter=failure"},
    {"agamid-cleanup/unix/message_size_limit = 0",
	"smtp/inet/content_filter = x:y\n"
	"agamid-cleanup/unix/message_size_limit = 0",
	" postfix.content-filter=warning"},
    {"in_flow_delay = 0", "in_flow_delay = 0\nalways_bcc = a@b.example",
	" postfix.copies=failure"},
    {"in_flow_delay = 0", "in_flow_delay = 0\nsender_bcc_maps = hash:/x",
	" postfix.copies=warning"},
    {"in_flow_delay = 0", "in_flow_delay = 0\nrelay_recipient_maps = hash:/x",
	" postfix.relay-recipient-maps=failure"},
    {"reject_unknown_sender_domain", "reject_unverified_recipient",
	" postfix.recipient-verification=failure"},
    {"message_size_limit = 50000000", "message_size_limit = 10240000",
	" postfix.message-size=warning"},
    {"message_size_limit = 50000000", "message_size_limit = 0", ""},
};

static void
test_postfix(void **state)
{
	struct postfix_wish w = {DERIVED, true, 26214400, false, "192.0.2.1"};
	struct seen s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(changes); i++) {
		judge_changed(changes[i].from, changes[i].to, &w, &s);
		assert_string_equal(s.bad, changes[i].want);
		assert_int_equal(s.count, 23);
	}
}

static void
test_postfix_wishes(void **state)
{
	struct postfix_wish w = {DERIVED, true, 0, true, "192.0.2.1"};
	struct seen s;

	(void)state;
	judge_changed(NULL, NULL, &w, &s);
	assert_string_equal(s.bad, " postfix.proxy-interfaces=failure");
	judge_changed(
	    "proxy_interfaces =", "proxy_interfaces = 192.0.2.1", &w, &s);
	assert_string_equal(s.bad, "");
	w.behind_nat = false;
	w.has_mailboxes = false;
	judge_changed("pcre:" DERIVED "/postfix/own_aliases.pcre", "", &w, &s);
	assert_string_equal(s.bad, "");
}

static void
test_lists(void **state)
{
	const char *list = " a, { b, c = { d } },e\tf {}";
	static const char *const want[] = {"a", "b, c = { d }", "e", "f", ""};
	char out[32];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(want); i++) {
		assert_true(postconf_element(&list, out, sizeof(out)));
		assert_string_equal(out, want[i]);
	}
	assert_false(postconf_element(&list, out, sizeof(out)));
	list = "}{{ a";
	while (postconf_element(&list, out, sizeof(out)))
		continue;
	assert_string_equal(list, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_postfix),
	    help_test(test_postfix_wishes),
	    help_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
