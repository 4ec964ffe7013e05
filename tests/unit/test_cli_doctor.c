/* SPDX-License-Identifier: MIT */
/*
 * Tests of the judges of agamid doctor, by tables: peers, the clock, DNS,
 * and what a verdict is (SPEC N-21.1). Postfix and the machine have files
 * of their own.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_colons.h"
#include "cli/doctor_dns.h"
#include "cli/doctor_judge.h"
#include "cli/doctor_lmtp.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY 86400

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

#define NOW INT64_C(1795000000)

static const struct {
	struct peer_facts f;
	enum doctor_state session, confirmed, allowed;
} peers[] = {
    {{.name = "bob",
	 .relay_up = true,
	 .session = "dialled",
	 .confirmed = NOW - DAY,
	 .his_for_us = true,
	 .ours_for_him = true},
	DOCTOR_OK, DOCTOR_OK, DOCTOR_OK},
    {{.name = "bob",
	 .relay_up = true,
	 .session = "none",
	 .seen = NOW - 3600,
	 .confirmed = NOW - 8 * DAY,
	 .his_for_us = true},
	DOCTOR_OK, DOCTOR_WARNING, DOCTOR_OK},
    {{.name = "bob",
	 .relay_up = true,
	 .session = "none",
	 .seen = NOW - 2 * DAY,
	 .ours_for_him = true},
	DOCTOR_WARNING, DOCTOR_WARNING, DOCTOR_OK},
    /* SPEC: it said so. */
    {{.name = "bob",
	 .relay_up = true,
	 .session = "none",
	 .seen = NOW - 2 * DAY,
	 .away = NOW + DAY,
	 .confirmed = NOW - 2 * DAY,
	 .ours_for_him = true},
	DOCTOR_OK, DOCTOR_OK, DOCTOR_OK},
    {{.name = "bob",
	 .relay_up = true,
	 .session = "none",
	 .seen = NOW - 2 * DAY,
	 .away = NOW - 1,
	 .confirmed = NOW,
	 .ours_for_him = true},
	DOCTOR_WARNING, DOCTOR_OK, DOCTOR_OK},
    {{.name = "bob", .relay_up = true, .session = "none", .confirmed = -1},
	DOCTOR_WARNING, DOCTOR_WARNING, DOCTOR_WARNING},
    {{.name = "bob", .relay_up = true, .confirmed = NOW}, DOCTOR_WARNING,
	DOCTOR_OK, DOCTOR_WARNING},
    {{.name = "bob", .confirmed = NOW}, DOCTOR_WARNING, DOCTOR_OK,
	DOCTOR_WARNING},
};

static void
test_peers(void **state)
{
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(peers); i++) {
		judge_session(&peers[i].f, NOW, &v);
		assert_int_equal(v.state, peers[i].session);
		judge_confirmed(&peers[i].f, NOW, &v);
		assert_int_equal(v.state, peers[i].confirmed);
		judge_allowed(&peers[i].f, &v);
		assert_int_equal(v.state, peers[i].allowed);
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
test_holders_clock_landlock(void **state)
{
	static const struct {
		unsigned peers, sites, copies;
		enum doctor_state want;
	} rows[] = {{5, 4, 4, DOCTOR_OK}, {9, 9, 2, DOCTOR_OK},
	    {9, 3, 4, DOCTOR_WARNING}, {1, 0, 4, DOCTOR_FAILURE},
	    {0, 0, 4, DOCTOR_WARNING}};
	static const struct {
		struct peer_facts f;
		const char *found;
	} holding[] = {
	    {{.name = "bob", .relay_up = true}, "nothing is missing"},
	    {{.name = "bob", .relay_up = true, .silent = 2},
		"nothing is missing"},
	    {{.name = "bob", .relay_up = true, .silent = 3},
		"silent for 3 days"},
	    {{.name = "bob", .relay_up = true, .lost = 5, .silent = 3},
		"lost 5 bundles"},
	    {{.name = "bob", .relay_up = true, .lost = 5, .unproven = 7},
		"can't prove that it has 7 bundles"},
	    {{.name = "bob"}, "relayd does not answer"},
	};
	static const struct {
		struct clock_facts f;
		enum doctor_state want;
	} clocks[] = {{{true, true, 5000}, DOCTOR_OK},
	    {{true, false, 0}, DOCTOR_WARNING},
	    {{false, false, 0}, DOCTOR_WARNING}};
	struct verdict v;
	size_t i;
	int abi;

	(void)state;
	for (i = 0; i < COUNT(holding); i++) {
		judge_holding(&holding[i].f, &v);
		assert_non_null(strstr(v.found, holding[i].found));
		assert_int_equal(
		    v.state, i == 0 || i == 1 ? DOCTOR_OK : DOCTOR_WARNING);
	}
	judge_below(true, 12, 0, &v);
	assert_int_equal(v.state, DOCTOR_OK);
	assert_string_equal(v.found, "all of 12 bundles are");
	judge_below(true, 12, 2, &v);
	assert_int_equal(v.state, DOCTOR_WARNING);
	assert_string_equal(v.found, "2 of 12 bundles are on fewer, for now");
	judge_below(false, 0, 0, &v);
	assert_int_equal(v.state, DOCTOR_WARNING);
	for (i = 0; i < COUNT(rows); i++) {
		judge_holders(rows[i].peers, rows[i].sites, rows[i].copies, &v);
		assert_int_equal(v.state, rows[i].want);
	}
	for (i = 0; i < COUNT(clocks); i++) {
		judge_clock(&clocks[i].f, &v);
		assert_int_equal(v.state, clocks[i].want);
	}
	for (abi = -1; abi < 8; abi++) {
		judge_landlock(abi, &v);
		assert_int_equal(v.state, abi < 2 ? DOCTOR_WARNING : DOCTOR_OK);
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
	    help_test(test_verdicts),
	    help_test(test_names),
	    help_test(test_expiry_sum),
	    help_test(test_peers),
	    help_test(test_peer_clock),
	    help_test(test_lmtp_target),
	    help_test(test_host_key),
	    help_test(test_holders_clock_landlock),
	    help_test(test_mx),
	    help_test(test_addresses),
	    help_test(test_reverse_ttl),
	    help_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
