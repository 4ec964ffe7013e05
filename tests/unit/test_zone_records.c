/* SPDX-License-Identifier: MIT */
/*
 * Tests of what dns-tools/ does with records: reading zones, comparing,
 * planning updates; and of its small parsers (TSIG keys, lists of TLS
 * keys). Live servers are tests/integration/test_zone.py.
 */
#include "help.h"
#include "net_help.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/compare.h"
#include "dns-tools/records.h"
#include "dns-tools/tlsa.h"
#include "dns-tools/tsig.h"
#include "dns-tools/update.h"
#include "dns-tools/zone.h"
#include "util/text.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ORIGIN "friends.example"
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Sorted records of a master file. */
static struct records
zone_of(const char *text)
{
	struct records rs;
	struct error why;
	uint32_t serial;

	records_init(&rs);
	if (records_parse(&rs, text, strlen(text), ORIGIN, &serial, &why) != 0)
		fail_msg("%s", why.text);
	records_sort(&rs);
	return rs;
}

static const char *
text_of(const struct records *rs)
{
	static char text[65536];
	struct buf b;
	size_t i;

	buf_init(&b, sizeof(text) - 1);
	for (i = 0; i < rs->count; i++)
		assert_int_equal(record_print(&rs->list[i], &b), 0);
	snprintf(text, sizeof(text), "%s", buf_str(&b));
	buf_free(&b);
	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] == '\t')
			text[i] = ' ';
	}
	return text;
}

/* SPEC Z-7.1 */
static void
reads_zones(void **state)
{
	static const char zone[] = "$TTL 1h\n"
				   "@ IN SOA ns hostmaster ( 77 1h 15m 2w\n"
				   "  1h ) ; the start\n"
				   "  NS NS.Friends.Example.\n"
				   "$ORIGIN Bob.friends.example.\n"
				   "@ 60 MX 10 Mail\n"
				   "@ 60 MX 10 mail.bob.friends.example.\n"
				   "mail A 192.0.2.1\n"
				   "x CH TXT \"other class\"\n";
	static const struct {
		const char *text, *error;
	} bad[] = {
	    {"x 60 IN A 192.0.2.256\n", "line 2: "},
	    {"x 60 IN A 192.0.2.1\n$INCLUDE /etc/passwd\n", "line 3: "},
	    {"\n\nx 60 IN NONSENSE y\n", "line 4: "},
	};
	struct records rs;
	struct error why;
	uint32_t serial;
	size_t i;

	(void)state;
	records_init(&rs);
	assert_int_equal(
	    records_parse(&rs, zone, strlen(zone), ORIGIN, &serial, &why), 0);
	assert_int_equal(serial, 77);
	records_sort(&rs);
	assert_string_equal(text_of(&rs),
	    "bob.friends.example. 60 IN MX 10 mail.bob.friends.example.\n"
	    "friends.example. 3600 IN NS ns.friends.example.\n"
	    "friends.example. 3600 IN SOA ns.friends.example. "
	    "hostmaster.friends.example. 0 3600 900 1209600 3600\n"
	    "mail.bob.friends.example. 3600 IN A 192.0.2.1\n");
	records_free(&rs);
	for (i = 0; i < N(bad); i++) {
		assert_int_equal(
		    records_parse(&rs, bad[i].text, strlen(bad[i].text), ORIGIN,
			&serial, &why),
		    AG_EINVAL);
		if (strstr(why.text, bad[i].error) != why.text)
			fail_msg("%s: %s", bad[i].text, why.text);
		records_free(&rs);
	}
	assert_int_equal(
	    records_parse(&rs, "a\0b", 3, ORIGIN, &serial, &why), AG_EINVAL);
}

/* ---- comparing ---- */

static char seen[4096];

static int
note(enum change what, const struct record *r, const struct record *other,
    void *ctx)
{
	const struct change_set *s = ctx;
	char *was = seen + strlen(seen);

	snprintf(was, sizeof(seen) - (size_t)(was - seen), "%s%c%s/%u/%s\n",
	    s->foreign ? "!" : "",
	    what == CHANGE_ADD		? '+'
		: what == CHANGE_DELETE ? '-'
					: '=',
	    r->owner, r->type, r->data);
	assert_true((other != NULL) == (what == CHANGE_TTL));
	return 0;
}

static const char *
differences_of(const char *want, const char *have)
{
	struct records w = zone_of(want), h = zone_of(have);
	struct comparison c;
	size_t i;

	seen[0] = '\0';
	assert_int_equal(compare_zones(&w, &h, &c), 0);
	for (i = 0; i < c.count; i++)
		change_each(&c.sets[i], note, &c.sets[i]);
	compare_free(&c);
	records_free(&w);
	records_free(&h);
	return seen;
}

#define MARK(name, owns) \
	"_agamid." name " 60 TXT \"v=agamid1 node=n owns=" owns "\"\n"

/* SPEC Z-6.2, Z-6.3 and Z-6.4: whose a record is. */
static void
compares(void **state)
{
	static const struct {
		const char *want, *have, *differences;
	} cases[] = {
	    {"", "www 60 A 192.0.2.1\nwww 60 TXT \"v=spf1 -all\"\n", ""},
	    {"a 60 A 192.0.2.1\n", "a 60 A 192.0.2.1\na 60 TXT x\n", ""},
	    {"a 60 A 192.0.2.1\n", "", "+a.friends.example/1/192.0.2.1\n"},
	    {"a 60 A 192.0.2.1\n", "a 61 A 192.0.2.1\n",
		"!=a.friends.example/1/192.0.2.1\n"},
	    {"a 60 A 192.0.2.1\n", "a 60 A 192.0.2.2\n",
		"!-a.friends.example/1/192.0.2.2\n"
		"!+a.friends.example/1/192.0.2.1\n"},
	    {MARK("a", "A") "a 60 A 192.0.2.1\n",
		MARK("a", "A") "a 60 A 192.0.2.2\na 60 MX 10 x\n",
		"-a.friends.example/1/192.0.2.2\n"
		"+a.friends.example/1/192.0.2.1\n"},
	    /* The type is not on the mark; the mark is another name's. */
	    {"", MARK("a", "AAAA") "a 60 A 192.0.2.2\n",
		"-_agamid.a.friends.example/16/"
		"\"v=agamid1 node=n owns=AAAA\"\n"},
	    {"", MARK("b", "A") "a 60 A 192.0.2.2\n",
		"-_agamid.b.friends.example/16/"
		"\"v=agamid1 node=n owns=A\"\n"},
	    /* What a mark covers before its name, and which TXT. */
	    {MARK("a", "TLSA,TXT,OPENPGPKEY"),
		MARK("a", "TLSA,TXT,OPENPGPKEY") "_25._tcp.a 60 TLSA 3 1 1 " HEX
						 "\n_mta-sts.a 60 TXT "
						 "\"v=STSv1; id=1;\"\n"
						 "_mta-sts.a 60 TXT other\n"
						 "h._openpgpkey.a 60 "
						 "OPENPGPKEY AAAA\n"
						 "a 60 TXT \"v=spf1 -all\"\n"
						 "a 60 TXT \"v=spf10\"\n"
						 "b 60 TXT \"v=spf1 -all\"\n",
		"-_25._tcp.a.friends.example/52/3 1 1 " HEX "\n"
		"-_mta-sts.a.friends.example/16/\"v=STSv1; id=1;\"\n"
		"-a.friends.example/16/\"v=spf1 -all\"\n"
		"-h._openpgpkey.a.friends.example/61/AAAA\n"},
	    /* Others' TXT at the same name are neither compared nor changed. */
	    {"a 60 TXT \"v=spf1 a -all\"\n", "a 60 TXT other\n",
		"+a.friends.example/16/\"v=spf1 a -all\"\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_string_equal(
		    differences_of(cases[i].want, cases[i].have),
		    cases[i].differences);
}

/* ---- updates ---- */

/* The sections of each message: "need 1, change 2: OWNER OWNER ...". */
static void
plan_text(const struct update_plan *plan, char *out, size_t size)
{
	ldns_rr_list *changes;
	char *owner;
	size_t i, j, n = 0;

	out[0] = '\0';
	for (i = 0; i < plan->count; i++) {
		changes = ldns_pkt_authority(plan->messages[i]);
		n += (size_t)snprintf(out + n, size - n,
		    "%u:", ldns_update_prcount(plan->messages[i]));
		for (j = 0; j < ldns_rr_list_rr_count(changes); j++) {
			owner = ldns_rdf2str(
			    ldns_rr_owner(ldns_rr_list_rr(changes, j)));
			n += (size_t)snprintf(out + n, size - n, " %c%.*s",
			    ldns_rr_get_class(ldns_rr_list_rr(changes, j)) ==
				    LDNS_RR_CLASS_IN
				? '+'
				: '-',
			    (int)strcspn(owner, "f") - 1, owner);
			free(owner);
		}
		n += (size_t)snprintf(out + n, size - n, "\n");
	}
}

static int
plan(const char *want, const char *have, bool adopt, char *text, size_t size)
{
	struct records w = zone_of(want), h = zone_of(have);
	struct update_plan p;
	struct comparison c;
	struct error why;
	int rc;

	assert_int_equal(compare_zones(&w, &h, &c), 0);
	rc = update_plan_make(&c, ORIGIN, adopt, &p, &why);
	plan_text(&p, text, size);
	update_plan_free(&p);
	compare_free(&c);
	records_free(&w);
	records_free(&h);
	return rc;
}

/* SPEC Z-7.3, Z-7.5: guards, and where the mark stands. */
static void
plans_updates(void **state)
{
	char text[1024];

	(void)state;
	assert_int_equal(
	    plan(MARK("a", "A,TLSA") "a 60 A 192.0.2.1\n"
				     "_25._tcp.a 60 TLSA 3 1 1 " HEX,
		"", false, text, sizeof(text)),
	    0);
	assert_string_equal(text, "3: +_agamid.a +_25._tcp.a +a\n");
	assert_int_equal(
	    plan("",
		MARK("a", "A,TLSA") "a 60 A 192.0.2.1\n"
				    "a 60 A 192.0.2.2\n"
				    "_25._tcp.a 60 TLSA 3 1 1 " HEX,
		false, text, sizeof(text)),
	    0);
	assert_string_equal(text, "4: -_25._tcp.a -a -a -_agamid.a\n");
	assert_int_equal(plan("a 60 A 192.0.2.1\n", "a 60 A 192.0.2.2\n", false,
			     text, sizeof(text)),
	    AG_EPERM);
	assert_string_equal(text, "");
	assert_int_equal(plan("a 60 A 192.0.2.1\n", "a 60 A 192.0.2.2\n", true,
			     text, sizeof(text)),
	    0);
	assert_string_equal(text, "1: -a +a\n");
	assert_int_equal(plan("a 60 A 192.0.2.1\n", "a 60 CNAME b\n", true,
			     text, sizeof(text)),
	    AG_EPERM);
}

/* SPEC Z-7.5: bounded messages, that hold all. */
static void
bounds_messages(void **state)
{
	struct records w, none = {0};
	struct update_plan p;
	struct comparison c;
	struct error why;
	char name[64], data[256];
	size_t i, size, changes = 0;
	uint8_t *wire;

	(void)state;
	records_init(&w);
	memset(data, 'x', 200);
	data[200] = '\0';
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%zu." ORIGIN, i);
		assert_int_equal(
		    records_add(&w, name, 60, LDNS_RR_TYPE_TXT, data, &why), 0);
	}
	records_sort(&w);
	assert_int_equal(compare_zones(&w, &none, &c), 0);
	assert_int_equal(update_plan_make(&c, ORIGIN, false, &p, &why), 0);
	assert_int_equal(p.added, 500);
	assert_in_range(p.count, 2, 20);
	for (i = 0; i < p.count; i++) {
		assert_int_equal(ldns_pkt2wire(&wire, p.messages[i], &size), 0);
		assert_in_range(size, 1000, UPDATE_SIZE);
		free(wire);
		changes += ldns_update_upcount(p.messages[i]);
	}
	assert_int_equal(changes, 500);
	update_plan_free(&p);
	compare_free(&c);
	records_free(&w);
}

/* ---- small ones ---- */

/* SPEC Z-1.7 */
static void
serials(void **state)
{
	static const struct {
		uint32_t before, wanted, after;
	} cases[] = {
	    {7, 8, 8},
	    {7, 2026112101, 2026112101},
	    {7, 7, 8},
	    {2026112103, 2026112101, 2026112104},
	    {4294967295, 0, 1},
	    {4294967295, 5, 5}, /* once around */
	    {4294967290, 3, 3},
	    {0, 2147483647, 2147483647},
	    {0, 2147483648, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++)
		assert_int_equal(
		    zone_serial_after(cases[i].before, cases[i].wanted),
		    cases[i].after);
}

#define SECRET "c2l4dGVlbiBieXRlcyBsb25nIQ=="

/* SPEC Z-8.3 */
static void
tsig_keys(void **state)
{
	static const char *const good[] = {
	    "key \"Update\" { algorithm hmac-sha256; secret \"" SECRET "\"; };",
	    "// c\nkey Update. {\n  secret " SECRET ";\n# x\n}\n",
	    "# hmac-sha256:x:" SECRET "\nkey:\n  - id: update\n"
	    "    algorithm: hmac-sha256\n    secret: " SECRET "\n",
	    "hmac-sha256:update:" SECRET,
	    "update:" SECRET "\n",
	};
	static const char *const bad[] = {
	    "",
	    "key { };",
	    "key update { algorithm hmac-sha256; };",
	    "key update { algorithm hmac-md5; secret " SECRET "; };",
	    "hmac-sha256:update:c2hvcnQ=",
	    "hmac-sha256::" SECRET,
	    "hmac-sha256:a..b:" SECRET,
	    "hmac-sha256:a b:" SECRET,
	    "hmac-sha256:update:" SECRET "\nmore\n",
	    "nonsense",
	};
	struct tsig_key key;
	struct error why;
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		if (tsig_parse(good[i], &key, &why) != 0)
			fail_msg("%s: %s", good[i], why.text);
		assert_string_equal(key.name, "update.");
		assert_string_equal(key.algorithm, "hmac-sha256.");
		assert_string_equal(key.secret, SECRET);
	}
	for (i = 0; i < N(bad); i++) {
		if (tsig_parse(bad[i], &key, &why) != AG_EINVAL)
			fail_msg("%s", bad[i]);
		assert_null(strstr(why.text, SECRET));
	}
	help_write(help_path("key"), good[0], strlen(good[0]));
	assert_int_equal(chmod(help_path("key"), 0644), 0);
	assert_int_equal(tsig_read(help_path("key"), &key, &why), AG_EPERM);
	assert_int_equal(chmod(help_path("key"), 0640), 0);
	assert_int_equal(tsig_read(help_path("key"), &key, &why), 0);
}

static void
tlsa_lists(void **state)
{
	static const char *const bad[] = {"alice", "alice " HEX,
	    "alice sha256:" HEX "0", " sha256:" HEX, "alice sha512:" HEX,
	    "alice sha256:" HEX " x"};
	struct zone_tlsa *list;
	struct error why;
	size_t i, count;

	(void)state;
	assert_int_equal(tlsa_parse("# c\n\nalice sha256:" HEX
				    "\nbob.example \t sha256:" HEX,
			     &list, &count, &why),
	    0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].node, "alice");
	assert_string_equal(list[1].node, "bob.example");
	assert_string_equal(list[1].hash, HEX);
	tlsa_free((const struct zone_tlsa **)(uintptr_t)&list, count);
	for (i = 0; i < N(bad); i++)
		assert_int_equal(
		    tlsa_parse(bad[i], &list, &count, &why), AG_EINVAL);
}

/* ---- OPENPGPKEY ---- */

#define BOX(name, matches)                               \
	"    " name ":\n" matches "      openpgp: |\n"   \
	"        -----BEGIN PGP PUBLIC KEY BLOCK-----\n" \
	"        Comment: not of the key\n"              \
	"\n"                                             \
	"        mDMEZ3UuQBYJKwYBBAHaRw8BAQdA\n"         \
	"        ejHC\n"                                 \
	"        =Vfdd\n"                                \
	"        -----END PGP PUBLIC KEY BLOCK-----\n"

static size_t
count_keys(const char *boxes, const char *want)
{
	struct zone_options o = {
	    .origin = "example", .ttl = 60, .openpgpkey = true};
	char *more =
		 xasprintf("  addresses: [192.0.2.1]\n  mailboxes:\n%s", boxes),
	     *text;
	const struct net_node node = {.name = "bob", .more = more};
	struct buf errors, notes;
	const struct manifest *nodes[1];
	struct manifest *m;
	const struct record *r;
	struct error why;
	struct zone *z;
	size_t i, n = 0;

	text = net_yaml(&node);
	buf_init(&errors, 65536);
	buf_init(&notes, 65536);
	m = manifest_parse("x", text, strlen(text), &errors);
	if (m == NULL)
		fail_msg("%s", buf_str(&errors));
	nodes[0] = m;
	z = zone_new(nodes, 1, &o, &notes, &why);
	assert_non_null(z);
	for (i = 0; i < zone_records(z)->count; i++) {
		r = &zone_records(z)->list[i];
		if (r->type != LDNS_RR_TYPE_OPENPGPKEY)
			continue;
		assert_string_equal(
		    r->data, "mDMEZ3UuQBYJKwYBBAHaRw8BAQdAejHC");
		assert_string_equal(zone_unit(r), "bob.example");
		n += want == NULL || strncmp(r->owner, want, strlen(want)) == 0;
	}
	zone_free(&z);
	manifest_free(&m);
	buf_free(&errors);
	buf_free(&notes);
	free(text);
	free(more);
	return n;
}

/* SPEC Z-4.3: only addresses that are listed. The hash of "hugh" is that of
 * RFC 7929 section 3. */
static void
openpgp_keys(void **state)
{
	static const struct {
		const char *boxes;
		size_t count;
	} cases[] = {
	    {BOX("bob", ""), 1},
	    {BOX("Bob", ""), 2}, /* bob too */
	    {BOX("x", "      matches: 'bob'\n"), 1},
	    {BOX("x", "      matches: '^bob$'\n"), 1},
	    {BOX("x", "      matches: 'bob|bobby'\n"), 2},
	    {BOX("x", "      matches: '(bob|bobby|b\\.ob)'\n"), 3},
	    {BOX("x", "      matches: '(?:bob|bobby)'\n"), 2},
	    {BOX("x", "      matches: 'b.ob'\n"), 0},
	    {BOX("x", "      matches: 'bob|bobby.*'\n"), 0},
	    {BOX("x", "      matches: 'b(ob|obby)'\n"), 0},
	    {BOX("x", "      matches: '(bob)(by)'\n"), 0},
	    {BOX("x", "      matches: 'bob\\d'\n"), 0},
	    {BOX("x", "      matches: 'bob?'\n"), 0},
	    {"    bob:\n", 0},
	    /* An earlier one's. */
	    {"    y:\n      matches: 'b.*'\n" BOX("bob", ""), 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		if (count_keys(cases[i].boxes, NULL) != cases[i].count)
			fail_msg("%s: %zu", cases[i].boxes,
			    count_keys(cases[i].boxes, NULL));
	}
	assert_int_equal(
	    count_keys(BOX("hugh", ""),
		"c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6."
		"_openpgpkey.bob.example"),
	    1);
}

/* SPEC Z-4.5: what is too long for a name is left out, and told. */
static void
long_names(void **state)
{
#define L63 "a123456789012345678901234567890123456789012345678901234567890"
	static const char domain[] = "[" L63 "." L63 "." L63 "." L63 ".a]";
	const struct net_node node = {.name = "bob",
	    .domains = domain,
	    .more = "  addresses: [192.0.2.1]\n"};
	struct zone_options o = {.origin = "a", .ttl = 60, .marks = true};
	const struct manifest *nodes[1];
	struct buf errors, notes;
	struct manifest *m;
	char *text = net_yaml(&node);
	struct error why;
	struct zone *z;

	(void)state;
	buf_init(&errors, 65536);
	buf_init(&notes, 65536);
	m = manifest_parse("x", text, strlen(text), &errors);
	if (m == NULL)
		fail_msg("%s", buf_str(&errors));
	nodes[0] = m;
	z = zone_new(nodes, 1, &o, &notes, &why);
	assert_non_null(z);
	assert_int_equal(zone_records(z)->count, 1);
	assert_non_null(strstr(buf_str(&notes), "at \"_agamid.\""));
	zone_free(&z);
	manifest_free(&m);
	buf_free(&errors);
	buf_free(&notes);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(reads_zones),
	    help_test(compares),
	    help_test(plans_updates),
	    help_test(bounds_messages),
	    help_test(serials),
	    help_test(tsig_keys),
	    help_test(tlsa_lists),
	    help_test(openpgp_keys),
	    help_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
