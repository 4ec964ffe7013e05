/* SPDX-License-Identifier: MIT */
/*
 * Tests of the judges of agamid doctor, by tables: a healthy node's facts,
 * and what each change of them leads to (SPEC N-21.1).
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_colons.h"
#include "cli/doctor_dns.h"
#include "cli/doctor_judge.h"
#include "cli/doctor_lmtp.h"
#include "cli/doctor_mount.h"
#include "cli/doctor_postconf.h"
#include "util/text.h"

#define DERIVED "/var/lib/agamid/derived"
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY 86400

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

static void
test_postfix(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} rows[] = {
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
	    {"default_action=accept, ", "",
		" postfix.milter-default-action=failure"},
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
	    {", check_recipient_access pcre:" DERIVED
	     "/postfix/own_recipients.pcre",
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
	    {"agamid-seal unix", "agamid-sael unix",
		" postfix.seal-service=failure"},
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
	    {"agamid-inject unix", "injector unix",
		" postfix.inject-service=failure"},
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
	    {"in_flow_delay = 0",
		"in_flow_delay = 0\nsmtpd_milter_maps = cidr:/x",
		" postfix.milter-maps=warning"},
	    {"lmtp_line_length_limit = 0", "lmtp_line_length_limit = 990",
		" postfix.line-length=warning"},
	    {"in_flow_delay = 0",
		"in_flow_delay = 0\nrelay_recipient_maps = hash:/x, "
		"texthash:" DERIVED "/postfix/relay_recipients",
		""},
	    {"in_flow_delay = 0", "in_flow_delay = 1s",
		" postfix.in-flow-delay=warning"},
	    {"in_flow_delay = 0",
		"in_flow_delay = 0\nsmtpd_proxy_filter = :10025",
		" postfix.proxy-filter=failure"},
	    {"agamid-cleanup/unix/message_size_limit = 0",
		"smtp/inet/content_filter = x:y\n"
		"agamid-cleanup/unix/message_size_limit = 0",
		" postfix.content-filter=warning"},
	    {"in_flow_delay = 0", "in_flow_delay = 0\nalways_bcc = a@b.example",
		" postfix.copies=failure"},
	    {"in_flow_delay = 0",
		"in_flow_delay = 0\nsender_bcc_maps = hash:/x",
		" postfix.copies=warning"},
	    {"in_flow_delay = 0",
		"in_flow_delay = 0\nrelay_recipient_maps = hash:/x",
		" postfix.relay-recipient-maps=failure"},
	    {"reject_unknown_sender_domain", "reject_unverified_recipient",
		" postfix.recipient-verification=failure"},
	    {"message_size_limit = 50000000", "message_size_limit = 10240000",
		" postfix.message-size=warning"},
	    {"message_size_limit = 50000000", "message_size_limit = 0", ""},
	};
	struct postfix_wish w = {DERIVED, true, 26214400, false, "192.0.2.1"};
	struct seen s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_changed(rows[i].from, rows[i].to, &w, &s);
		assert_string_equal(s.bad, rows[i].want);
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

/* ---- verdicts ---- */

static void
test_verdicts(void **state)
{
	struct verdict v;

	(void)state;
	verdict_begin(&v, "all %s", "well");
	assert_string_equal(v.found, "all well");
	verdict_warn(&v, "w", "first");
	verdict_warn(&v, "w2", "second");
	assert_string_equal(v.found, "first");
	verdict_fail(&v, "f", "third\n\033[2J\t\x80");
	assert_string_equal(v.found, "third ?[2J ?");
	verdict_warn(&v, "w3", "fourth");
	verdict_found(&v, "fifth");
	assert_string_equal(v.fix, "f");
	assert_int_equal(v.state, DOCTOR_FAILURE);
	assert_string_equal(v.expected, "all well");
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
	    {"postfix", true},
	    {"postfix.milter-first", true},
	    {"postfix.milter", false},
	    {"post", false},
	    {"dns.mx", true},
	    {"", false},
	    {"postfix.", false},
	};
	const char *want[] = {"dns", "mail.canary"};
	struct doctor d;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(doctor_is_check(rows[i].name), rows[i].is);
	memset(&d, 0, sizeof(d));
	assert_true(doctor_wants(&d, "node.clock"));
	d.wanted.word = want;
	d.wanted.count = 2;
	assert_true(doctor_wants(&d, "dns.mx"));
	assert_true(doctor_wants(&d, "dns"));
	assert_true(doctor_wants(&d, "mail"));
	assert_true(doctor_wants(&d, "mail.canary"));
	assert_false(doctor_wants(&d, "mail.injection"));
	assert_false(doctor_wants(&d, "node"));
}

/* ---- file systems ---- */

static void
test_mounts(void **state)
{
	static const char info[] =
	    "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=x\n"
	    "22 21 0:5 / /dev rw - devtmpfs udev rw,size=1k\n"
	    "30 21 254:3 / /var rw,noatime shared:2 master:1 - ext4 /dev/x "
	    "rw,nodelalloc\n"
	    "31 21 254:4 / /x rw\n"
	    "32";
	static const struct {
		const char *device, *type, *options; /* type NULL: none */
	} rows[] = {
	    {"254:0", "ext4", "rw,relatime,rw,errors=x"},
	    {"254:3", "ext4", "rw,noatime,rw,nodelalloc"},
	    {"0:5", "devtmpfs", "rw,rw,size=1k"},
	    {"254:4", NULL, NULL},
	    {"254:9", NULL, NULL},
	};
	struct mount_facts m;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&m, 0, sizeof(m));
		assert_int_equal(mount_parse(info, rows[i].device, &m),
		    rows[i].type != NULL);
		if (rows[i].type == NULL)
			continue;
		assert_string_equal(m.type, rows[i].type);
		assert_string_equal(m.options, rows[i].options);
	}
}

/* SPEC N-21.6 */
static void
test_queue_mount(void **state)
{
	static const struct {
		struct mount_facts m;
		enum doctor_state want;
	} rows[] = {
	    {{.type = "ext4", .options = "rw"}, DOCTOR_OK},
	    {{.type = "ext4", .options = "rw,nodelalloc"}, DOCTOR_WARNING},
	    {{.type = "ext4", .options = "rw,data=journal"}, DOCTOR_WARNING},
	    {{.type = "ext4", .options = "data=journal", .encrypted = true},
		DOCTOR_OK},
	    {{.type = "tmpfs", .options = "rw"}, DOCTOR_OK},
	    {{.type = "btrfs", .options = "rw"}, DOCTOR_WARNING},
	    {{.type = ""}, DOCTOR_WARNING},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_queue_mount(&rows[i].m, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

static void
test_room(void **state)
{
	static const struct {
		struct mount_facts m;
		enum doctor_state want;
	} rows[] = {
	    {{.free = 2000, .size = 9000}, DOCTOR_OK},
	    {{.free = 1999, .size = 9000}, DOCTOR_WARNING},
	    {{.free = 999, .size = 9000}, DOCTOR_FAILURE},
	    {{.free = 5000, .size = 9000, .read_only = true}, DOCTOR_FAILURE},
	    {{.free = 5000, .inodes = 1000, .inodes_free = 9}, DOCTOR_FAILURE},
	    {{.free = 5000, .inodes = 1000, .inodes_free = 10}, DOCTOR_OK},
	    {{.free = 5000, .options = "rw,nobarrier"}, DOCTOR_WARNING},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_room(&rows[i].m, "/var/spool/agamid", 1000, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

/* ---- sockets and files ---- */

static void
test_socket(void **state)
{
	static const struct socket_facts good = {.service = "agamid-seal",
	    .path = "/s",
	    .want_user = "agamid-milter",
	    .want_owner = "agamid-milter:postfix",
	    .want_mode = 0660,
	    .there = true,
	    .is_socket = true,
	    .listening = true,
	    .owner = "agamid-milter:postfix",
	    .server = "agamid-milter",
	    .mode = 0660,
	    .exe = "/usr/libexec/agamid-seal"};
	struct socket_facts bad[8];
	struct verdict v;
	size_t i;

	(void)state;
	judge_socket(&good, &v);
	assert_int_equal(v.state, DOCTOR_OK);
	for (i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].there = false;
	bad[1].is_socket = false;
	bad[2].listening = false;
	strcpy(bad[3].server, "root");
	strcpy(bad[4].complaint, "it does not answer to LHLO");
	strcpy(bad[5].owner, "root:root");
	bad[6].mode = 0666;
	strcpy(bad[7].exe, "/usr/libexec/agamid-seal (deleted)");
	for (i = 0; i < COUNT(bad); i++) {
		judge_socket(&bad[i], &v);
		assert_int_equal(
		    v.state, i == 7 ? DOCTOR_WARNING : DOCTOR_FAILURE);
		assert_non_null(strstr(v.fix, "agamid-seal"));
	}
}

static void
test_file(void **state)
{
	static const struct {
		struct file_facts f;
		const char *want; /* part of what is found; NULL: ok */
	} rows[] = {
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0400},
		NULL},
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0444},
		"open to others"},
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "b:b",
		 .mode = 0400},
		"belongs to b:b"},
	    {{.path = "/k", .want_mode = 0400, .is_secret = true}, "missing"},
	    {{.path = "/d", .want_mode = 0750, .is_dir = true}, "missing"},
	    {{.path = "/d",
		 .want_owner = "a:a",
		 .want_mode = 0750,
		 .is_dir = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0755},
		"mode 0755"},
	    {{.path = "/d", .is_dir = true, .there = true}, "no directory"},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		verdict_begin(&v, "files");
		judge_file(&rows[i].f, &v);
		assert_int_equal(
		    v.state, rows[i].want == NULL ? DOCTOR_OK : DOCTOR_FAILURE);
		if (rows[i].want != NULL)
			assert_non_null(strstr(v.found, rows[i].want));
	}
}

/* ---- keys ---- */

static void
test_expiry(void **state)
{
	static const struct {
		int64_t days;
		enum doctor_state own, peer;
	} rows[] = {
	    {0, DOCTOR_OK, DOCTOR_OK}, /* never */
	    {365, DOCTOR_OK, DOCTOR_OK},
	    {31, DOCTOR_OK, DOCTOR_OK},
	    {30, DOCTOR_WARNING, DOCTOR_WARNING},
	    {14, DOCTOR_WARNING, DOCTOR_WARNING},
	    {7, DOCTOR_FAILURE, DOCTOR_WARNING},
	    {-1, DOCTOR_FAILURE, DOCTOR_WARNING},
	};
	const int64_t now = 1795000000;
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows) * 2; i++) {
		bool own = i % 2 == 0;
		int64_t days = rows[i / 2].days;

		verdict_begin(&v, "keys");
		judge_expiry(
		    "key 1", own, days == 0 ? 0 : now + days * DAY, now, &v);
		assert_int_equal(
		    v.state, own ? rows[i / 2].own : rows[i / 2].peer);
	}
}

static void
note_key(void *ctx, const struct colons_key *key)
{
	char *out = ctx;
	size_t len = strlen(out);

	snprintf(out + len, 256 - len, "%.4s=%lld ", key->fpr,
	    (long long)key->expires);
}

static void
test_colons(void **state)
{
	static const char listing[] =
	    "pub:-:255:22:1:100:900:::::scSC::::::23::0:\n"
	    "fpr:::::::::AAAA:\n"
	    "uid:-::::100::X::a::::::::::0:\n"
	    "sub:-:255:18:2:100:500:::::e::::::23:\n"
	    "fpr:::::::::BBBB:\n"
	    "sub:-:255:18:3:200:700:::::e::::::23:\n"
	    "sub:r:255:18:4:300:1:::::e::::::23:\n"
	    "sub:-:255:22:5:400:2:::::s::::::23:\n"
	    "pub:-:255:22:6:100::::::scSC::::::23::0:\n"
	    "fpr:::::::::CCCC:\n"
	    "pub";
	char out[256] = "";

	(void)state;
	colons_each(listing, note_key, out);
	assert_string_equal(out, "AAAA=700 CCCC=0 ");
	out[0] = '\0';
	colons_each("", note_key, out);
	colons_each("sub:::\n:\n\n", note_key, out);
	assert_string_equal(out, "");
}

/* ---- peers, the clock ---- */

/* Two keys, one of which expires in three days. */
static void
test_expiry_sum(void **state)
{
	struct expiry_sum sum = {true, 1000 * DAY, 0, {0}};
	char listing[256];

	(void)state;
	snprintf(listing, sizeof(listing),
	    "pub:-:255:22:1:1::::::scSC:\nfpr:::::::::AAAA:\n"
	    "sub:-:255:18:2:1:%lld:::::e:\n"
	    "pub:-:255:22:3:1::::::scSC:\nfpr:::::::::BBBB:\n",
	    1003LL * DAY);
	verdict_begin(&sum.verdict, "keys");
	colons_each(listing, expiry_add, &sum);
	assert_int_equal(sum.keys, 2);
	assert_int_equal(sum.verdict.state, DOCTOR_FAILURE);
	assert_non_null(strstr(sum.verdict.found, "AAAA expires in 3 d"));
}

static void
test_peers(void **state)
{
	const int64_t now = 1795000000;
	const struct {
		struct peer_facts f;
		enum doctor_state session, confirmed, allowed;
	} rows[] = {
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "dialled",
		 .confirmed = now - DAY,
		 .his_for_us = true,
		 .ours_for_him = true},
		DOCTOR_OK, DOCTOR_OK, DOCTOR_OK},
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "none",
		 .seen = now - 3600,
		 .confirmed = now - 8 * DAY,
		 .his_for_us = true},
		DOCTOR_OK, DOCTOR_WARNING, DOCTOR_OK},
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "none",
		 .seen = now - 2 * DAY,
		 .ours_for_him = true},
		DOCTOR_WARNING, DOCTOR_WARNING, DOCTOR_OK},
	    /* SPEC: it said so. */
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "none",
		 .seen = now - 2 * DAY,
		 .away = now + DAY,
		 .confirmed = now - 2 * DAY,
		 .ours_for_him = true},
		DOCTOR_OK, DOCTOR_OK, DOCTOR_OK},
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "none",
		 .seen = now - 2 * DAY,
		 .away = now - 1,
		 .confirmed = now,
		 .ours_for_him = true},
		DOCTOR_WARNING, DOCTOR_OK, DOCTOR_OK},
	    {{.name = "bob",
		 .relay_up = true,
		 .session = "none",
		 .confirmed = -1},
		DOCTOR_WARNING, DOCTOR_WARNING, DOCTOR_WARNING},
	    {{.name = "bob", .relay_up = true, .confirmed = now},
		DOCTOR_WARNING, DOCTOR_OK, DOCTOR_WARNING},
	    {{.name = "bob", .confirmed = now}, DOCTOR_WARNING, DOCTOR_OK,
		DOCTOR_WARNING},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_session(&rows[i].f, now, &v);
		assert_int_equal(v.state, rows[i].session);
		judge_confirmed(&rows[i].f, now, &v);
		assert_int_equal(v.state, rows[i].confirmed);
		judge_allowed(&rows[i].f, &v);
		assert_int_equal(v.state, rows[i].allowed);
	}
}

static void
test_peer_clock(void **state)
{
	static const struct {
		bool has, most;
		int64_t skew;
		enum doctor_state want;
		const char *fix;
	} rows[] = {
	    {false, false, 0, DOCTOR_OK, ""},
	    {true, false, 0, DOCTOR_OK, ""},
	    {true, true, -60, DOCTOR_OK, ""},
	    {true, false, 61, DOCTOR_WARNING, "its operator"},
	    {true, true, -61, DOCTOR_WARNING, "timedatectl"},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct peer_facts f = {.name = "bob",
		    .has_skew = rows[i].has,
		    .skew = rows[i].skew};

		judge_peer_clock(&f, rows[i].most, &v);
		assert_int_equal(v.state, rows[i].want);
		assert_non_null(strstr(v.fix, rows[i].fix));
	}
	assert_string_equal(v.found, "its clock is 61 s behind ours");
}

static void
test_lmtp_target(void **state)
{
	static const struct {
		const char *text, *path, *host;
		unsigned port;
	} rows[] = {
	    {"virtual\nlmtp:unix:private/dovecot-lmtp\n",
		"/q/private/dovecot-lmtp", "", 0},
	    {"lmtp:unix:/q/private/l, x", "/q/private/l", "", 0},
	    {"lmtp:unix:/run/l", "/q/run/l", "", 0}, /* chrooted */
	    {"lmtp:inet:127.0.0.1:2424", "", "127.0.0.1", 2424},
	    {"lmtp:127.0.0.1", "", "127.0.0.1", 24},
	    {"lmtp:localhost:lmtp\n", "", "127.0.0.1", 24},
	    {"local:$x\nlmtp:[::1]:25\n", "", "::1", 25},
	    {"lmtp:inet:[dovecot.example]", "", "dovecot.example", 24},
	    {"lmtp:inet:[broken:26", "", "broken", 26},
	};
	struct lmtp_target t;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_true(lmtp_target_find(rows[i].text, "/q", &t));
		assert_string_equal(t.path, rows[i].path);
		assert_string_equal(t.host, rows[i].host);
		assert_int_equal(t.port, rows[i].port);
	}
	assert_false(lmtp_target_find("virtual\nlocal\n", "/q", &t));
	assert_false(lmtp_target_find("lmtp:unix:", "/q", &t));
	assert_false(lmtp_target_find("lmtp:inet:\n", "/q", &t));
}

static void
test_host_key(void **state)
{
	static char one[] = "ssh-ed25519 AAAA", two[] = "ssh-ed25519 BBBB x";
	static char *const pinned[] = {one, two};
	static const struct {
		const char *shown;
		enum doctor_state want;
	} rows[] = {
	    {"ssh-ed25519 AAAA", DOCTOR_OK},
	    {"ssh-ed25519 BBBB", DOCTOR_OK},
	    {"", DOCTOR_WARNING},
	    {"ssh-ed25519 AAA", DOCTOR_FAILURE},
	    {"ssh-ed25519 AAAAA", DOCTOR_FAILURE},
	    {"ssh-ed25519", DOCTOR_FAILURE},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_host_key(
		    "bob", "192.0.2.2", 2222, rows[i].shown, pinned, 2, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

static void
test_holders_clock(void **state)
{
	static const struct {
		unsigned peers, sites, copies;
		enum doctor_state want;
	} rows[] = {{5, 4, 4, DOCTOR_OK}, {9, 9, 2, DOCTOR_OK},
	    {9, 3, 4, DOCTOR_WARNING}, {1, 0, 4, DOCTOR_FAILURE},
	    {0, 0, 4, DOCTOR_WARNING}};
	static const struct {
		struct clock_facts f;
		enum doctor_state want;
	} clocks[] = {{{true, true, 5000}, DOCTOR_OK},
	    {{true, false, 0}, DOCTOR_WARNING},
	    {{false, false, 0}, DOCTOR_WARNING}};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_holders(rows[i].peers, rows[i].sites, rows[i].copies, &v);
		assert_int_equal(v.state, rows[i].want);
	}
	for (i = 0; i < COUNT(clocks); i++) {
		judge_clock(&clocks[i].f, &v);
		assert_int_equal(v.state, clocks[i].want);
	}
}

/* ---- DNS ---- */

#define SELF                                                 \
	{                                                    \
		.host = "carol.f.example", .preference = 10, \
		.has_address = true, .is_self = true         \
	}
#define PEER(p, alias, may)                                                  \
	{                                                                    \
		.host = "bob.f.example", .preference = p, .is_alias = alias, \
		.has_address = true, .is_peer = true, .may_hold = may        \
	}

static void
test_mx(void **state)
{
	static const struct {
		struct dns_mx mx[3];
		size_t count;
		bool dialled;
		enum doctor_state want;
	} rows[] = {
	    {{SELF, PEER(20, false, true)}, 2, true, DOCTOR_OK},
	    {{SELF}, 0, true, DOCTOR_FAILURE}, /* none */
	    {{SELF}, 1, true, DOCTOR_WARNING}, /* no friend */
	    {{PEER(20, false, true)}, 1, true, DOCTOR_FAILURE},
	    {{PEER(20, false, true)}, 1, false, DOCTOR_OK},
	    {{SELF, PEER(20, true, true)}, 2, true, DOCTOR_FAILURE},
	    {{SELF, PEER(20, false, false)}, 2, true, DOCTOR_FAILURE},
	    {{SELF, PEER(10, false, true)}, 2, true, DOCTOR_WARNING},
	    {{SELF, PEER(20, false, true),
		 {.host = "x.y.example",
		     .preference = 30,
		     .has_address = true}},
		3, true, DOCTOR_WARNING},
	    {{SELF, PEER(20, false, true), {.host = "x", .preference = 30}}, 3,
		true, DOCTOR_FAILURE},
	};
	struct dns_mx_facts f;
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&f, 0, sizeof(f));
		f.domain = "carol.example";
		f.self_host = "carol.f.example";
		f.wanted = 3;
		f.possible = 2;
		f.dialled = rows[i].dialled;
		memcpy(f.mx, rows[i].mx, sizeof(rows[i].mx));
		f.count = rows[i].count;
		judge_mx(&f, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

static void
test_addresses(void **state)
{
	static char v4[] = "192.0.2.3", v6[] = "2001:DB8:0::3";
	static char *const wanted[] = {v4, v6};
	static const struct {
		const char *seen[3];
		size_t count;
		bool dynamic;
		enum doctor_state own, peer;
	} rows[] = {
	    {{"192.0.2.3", "2001:db8::3"}, 2, false, DOCTOR_OK, DOCTOR_OK},
	    {{"2001:db8::3", "192.0.2.3"}, 2, false, DOCTOR_OK, DOCTOR_OK},
	    {{"192.0.2.3"}, 1, false, DOCTOR_FAILURE, DOCTOR_WARNING},
	    {{"192.0.2.3", "2001:db8::3", "192.0.2.4"}, 3, false,
		DOCTOR_FAILURE, DOCTOR_WARNING},
	    {{NULL}, 0, false, DOCTOR_FAILURE, DOCTOR_WARNING},
	    {{"192.0.2.9"}, 1, true, DOCTOR_OK, DOCTOR_OK},
	    {{NULL}, 0, true, DOCTOR_FAILURE, DOCTOR_WARNING},
	};
	struct dns_address_facts f;
	struct verdict v;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(rows) * 2; i++) {
		memset(&f, 0, sizeof(f));
		f.name = "carol";
		f.host = "carol.f.example";
		f.own = i % 2 == 0;
		f.wanted = rows[i / 2].dynamic ? NULL : wanted;
		f.wanted_count = rows[i / 2].dynamic ? 0 : 2;
		f.seen_count = rows[i / 2].count;
		for (k = 0; k < f.seen_count; k++)
			strcpy(f.seen[k], rows[i / 2].seen[k]);
		judge_addresses(&f, &v);
		assert_int_equal(
		    v.state, f.own ? rows[i / 2].own : rows[i / 2].peer);
	}
}

static void
test_reverse_ttl(void **state)
{
	struct verdict v;

	(void)state;
	judge_reverse("192.0.2.3", "Carol.f.example", "carol.f.example", &v);
	assert_int_equal(v.state, DOCTOR_OK);
	judge_reverse("192.0.2.3", "dsl-3.isp.example", "carol.f.example", &v);
	assert_int_equal(v.state, DOCTOR_WARNING);
	judge_reverse("192.0.2.3", "", "carol.f.example", &v);
	assert_int_equal(v.state, DOCTOR_WARNING);
	judge_ttl("carol.f.example", 300, &v);
	assert_int_equal(v.state, DOCTOR_OK);
	judge_ttl("carol.f.example", 301, &v);
	assert_int_equal(v.state, DOCTOR_WARNING);
}

/* ---- the manual ---- */

/* SPEC N-21.1: every check's name stands in the manual, once. */
static void
test_manual(void **state)
{
	const char *manual =
	    help_read(help_source("doc/man/agamid-doctor.8"), NULL);
	const struct doctor_check *c;
	char line[128];

	(void)state;
	for (c = doctor_checks; c->id != NULL; c++) {
		snprintf(line, sizeof(line), "\n.It Cm %s\n", c->id);
		if (strstr(manual, line) == NULL)
			fail_msg("%s is not in agamid-doctor(8)", c->id);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_postfix),
	    help_test(test_postfix_wishes),
	    help_test(test_lists),
	    help_test(test_verdicts),
	    help_test(test_names),
	    help_test(test_mounts),
	    help_test(test_queue_mount),
	    help_test(test_room),
	    help_test(test_socket),
	    help_test(test_file),
	    help_test(test_expiry),
	    help_test(test_colons),
	    help_test(test_expiry_sum),
	    help_test(test_peers),
	    help_test(test_peer_clock),
	    help_test(test_lmtp_target),
	    help_test(test_host_key),
	    help_test(test_holders_clock),
	    help_test(test_mx),
	    help_test(test_addresses),
	    help_test(test_reverse_ttl),
	    help_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
