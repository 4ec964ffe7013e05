/* SPDX-License-Identifier: MIT */
/*
 * Tests of manifests/manifest*.c: the examples are read and mean what they
 * say; each change of carol.yaml that breaks a rule gets its error, with
 * its place; a whole file's errors come together.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "manifests/manifest.h"

static struct buf errors;

static struct manifest *
parse(const char *name, const char *text)
{
	buf_free(&errors);
	buf_init(&errors, 65536);
	return manifest_parse(name, text, strlen(text), &errors);
}

static struct manifest *
example(const char *name)
{
	char file[64];
	struct manifest *m;

	snprintf(file, sizeof(file), "%s.yaml", name);
	m = parse(
	    file, help_read(help_source("manifests/examples/%s", file), NULL));
	if (m == NULL)
		fail_msg("%s", buf_str(&errors));
	assert_int_equal(errors.len, 0);
	assert_string_equal(m->name, name);
	return m;
}

static void
done(struct manifest **m)
{
	manifest_free(m);
	assert_null(*m);
	buf_free(&errors);
}

static const char *
carol_text(void)
{
	return help_read(help_source("manifests/examples/carol.yaml"), NULL);
}

/* text with its first from made to; freed by the caller. */
static char *
changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (at == NULL)
		fail_msg("there is no \"%s\" to change", from);
	return xasprintf(
	    "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* SPEC M-3.16: U-labels are read as A-labels. */
static void
international(void **state)
{
	struct manifest *m = example("carol");
	char *text = changed(m->text, "[carol.example]",
	    "[b\xc3\xbc"
	    "cher.example]");
	struct buf e;

	(void)state;
	manifest_free(&m);
	buf_init(&e, 65536);
	m = manifest_parse("x", text, strlen(text), &e);
	if (m == NULL)
		fail_msg("%s", buf_str(&e));
	assert_string_equal(m->domains[0], "xn--bcher-kva.example");
	manifest_free(&m);
	buf_free(&e);
	free(text);
}

/* SPEC M-3.1: every value of an example with all keys. */
static void
example_alice(void **state)
{
	struct manifest *m = example("alice");

	(void)state;
	assert_int_equal(m->serial, 2026112101);
	assert_string_equal(m->network, "friends.example");
	assert_string_equal(m->host, "alice.friends.example");
	assert_int_equal(m->address_count, 2);
	assert_string_equal(m->addresses[1], "2001:db8:1::1");
	assert_null(m->dynamic);
	assert_string_equal(manifest_site(m), "hamburg-colo");
	assert_int_equal(m->domain_count, 2);
	assert_true(manifest_has_domain(m, "alice-consulting.example"));
	assert_false(manifest_has_domain(m, "bob.example"));
	assert_false(manifest_has_domain(m, "x.alice.example"));
	assert_int_equal(m->ssh_port, 2222);
	assert_int_equal(m->ssh_host_key_count, 1);
	assert_int_equal(m->ssh_client_key_count, 1);
	assert_int_equal(m->mailbox_count, 2);
	assert_string_equal(m->mailboxes[0].name, "alice");
	assert_non_null(m->mailboxes[0].openpgp);
	assert_string_equal(m->mailboxes[0].fpr, "");
	assert_null(m->mailboxes[1].openpgp);
	assert_int_equal(m->backups_allow.count, 3);
	assert_int_equal(m->backups_mx, 2);
	assert_int_equal(m->quota, 5ULL << 30);
	assert_int_equal(m->max_message_size, 50ULL << 20);
	assert_int_equal(m->copies, 4);
	assert_int_equal(m->copies_before_250, 2);
	assert_int_equal(m->within, 10);
	assert_int_equal(m->hold, 60 * 86400);
	assert_int_equal(m->on_failure, ON_FAILURE_ACCEPT);
	assert_int_equal(m->primary_up, PRIMARY_UP_DEFER);
	assert_string_equal(m->alert, "alice@elsewhere.example");
	assert_int_equal(
	    strncmp(manifest_signature(m), "-----BEGIN PGP SIG", 18), 0);
	assert_int_equal(strncmp(m->text + m->body_len - 5, "\n...\n", 5), 0);
	done(&m);
}

/* SPEC M-3.15: what is left out. */
static void
example_defaults(void **state)
{
	struct manifest *m = example("bob");

	(void)state;
	assert_string_equal(m->dynamic, "bob.dyn.example");
	assert_int_equal(m->address_count, 0);
	assert_int_equal(m->ssh_port, 2222);
	assert_false(m->has_mailboxes);
	assert_int_equal(m->backups_allow.count, 1);
	assert_string_equal(m->backups_allow.names[0], "*");
	assert_int_equal(m->backups_deny.count, 0);
	assert_int_equal(m->backups_mx, 3);
	assert_string_equal(m->stores_allow.names[0], "*");
	assert_int_equal(m->quota, 1ULL << 30);
	assert_int_equal(m->max_message_size, 25ULL << 20);
	assert_int_equal(m->copies, 4);
	assert_int_equal(m->copies_before_250, 2);
	assert_int_equal(m->within, 10);
	assert_int_equal(m->hold, 60 * 86400);
	done(&m);
	m = example("dave");
	assert_string_equal(manifest_site(m), "dave");
	assert_null(m->alert);
	assert_int_equal(m->on_failure, ON_FAILURE_DEFER);
	done(&m);
}

/* SPEC M-4.6, M-4.7, M-4.8 */
static void
example_match(void **state)
{
	static const struct {
		const char *node, *local;
		enum match_result want;
		const char *mailbox;
	} rows[] = {
	    {"carol", "talktome+x", MATCH_YES, "contact"},
	    {"carol", "CONTACT0613", MATCH_YES, "contact"},
	    {"carol", "contact0512", MATCH_NO, NULL},
	    {"carol", "Carol", MATCH_YES, "carol"},
	    {"carol", "contact", MATCH_NO, NULL},
	    {"carol", "Postmaster", MATCH_YES, "contact"},
	    {"carol", "abuse", MATCH_YES, "contact"},
	    {"carol", "", MATCH_NO, NULL},
	    {"alice", "shop-2026", MATCH_YES, "shop"},
	    {"alice", "a+b", MATCH_YES, "alice"},
	    {"bob", "anything", MATCH_YES, NULL},
	    {"dave", "info", MATCH_YES, "info"},
	    {"dave", "d.dave+x", MATCH_YES, "dave"},
	};
	const struct manifest_mailbox *box;
	struct manifest *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m = example(rows[i].node);
		if (manifest_match(m, rows[i].local, &box) != rows[i].want)
			fail_msg("%s@%s", rows[i].local, rows[i].node);
		if (rows[i].mailbox == NULL)
			assert_null(box);
		else
			assert_string_equal(box->name, rows[i].mailbox);
		done(&m);
	}
}

/* A pattern at its limits hides no later mailbox, and is told apart from
 * an address that doesn't exist; many of them cost no more than three. */
static void
match_limits(void **state)
{
	const char *evil = "contact:\n      matches: '(a+)+'";
	char *text = changed(carol_text(),
	    "contact:\n      matches: "
	    "'^(talktome|contact(0613|0713))(\\+\\w+)?'",
	    evil);
	char local[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	const struct manifest_mailbox *box;
	struct manifest *m;

	(void)state;
	m = parse("carol.yaml", text);
	assert_non_null(m);
	assert_int_equal(manifest_match(m, local, &box), MATCH_LIMIT);
	assert_null(box);
	assert_int_equal(manifest_match(m, "carol", &box), MATCH_YES);
	assert_int_equal(manifest_match(m, "nobody", &box), MATCH_NO);
	done(&m);
	free(text);
}

/* Each: carol.yaml with one thing changed; the error, and its place. */
static const struct {
	const char *from, *to, *error;
} broken[] = {
    /* SPEC M-3.1 */
    {"version: 1", "version: 2", ":3:10: version: expected"},
    {"version: 1", "verson: 1", ":3:1: version: missing"},
    {"version: 1", "version: 1\nextra: 2", ":4:1: unknown key \"extra\""},
    {"  name: carol", "  nam: carol",
	":6:3: node.name: missing; expected a name of"},
    {"  name: carol", "  name: [carol]", ":6:9: node.name: expected"},
    {"  name: carol", "  name: carol\n  naem: x", ":7:3: node: unknown key"},
    {"version: 1", "version: 1\nversion: 1", "duplicate key"},
    {"  name: carol", "  name: &x carol", "anchors"},
    /* SPEC M-3.3 serial */
    {"serial: 2026112103", "serial: 0", ":4:9: serial: expected a number"},
    {"serial: 2026112103", "serial: 9007199254740993", "serial: expected"},
    {"serial: 2026112103", "serial: -1", "serial: expected"},
    {"serial: 2026112103", "serial: 1e3", "serial: expected"},
    /* SPEC M-3.4, M-3.5 names */
    {"name: carol", "name: Carol", ":6:9: node.name: expected a name"},
    {"name: carol", "name: a/b", "node.name: expected a name"},
    {"name: carol", "name: \"../x\"", "node.name: expected a name"},
    {"name: carol", "name: a23456789012345678901234567890123",
	"node.name: expected a name"},
    {"network: friends.example", "network: Friends", "node.network: "},
    {"host: carol.friends.example", "host: 192.0.2.1", "node.host: "},
    {"host: carol.friends.example", "host: \"x.example\\n\"",
	"node.host: expected"},
    {"host: carol.friends.example", "host: x.example.", "node.host: "},
    {"site: lyon-home", "site: Lyon", "node.site: expected a name"},
    /* SPEC M-3.6 addresses */
    {"[192.0.2.3, \"2001:db8::3\"]", "[192.0.2.3, 192.0.2.3]",
	"is there twice"},
    {"2001:db8::3", "127.0.0.1", "node.addresses[2]: expected an IPv4"},
    {"2001:db8::3", "::1", "node.addresses[2]: expected an IPv4"},
    {"2001:db8::3", "::ffff:192.0.2.4", "node.addresses[2]: expected"},
    {"2001:db8::3", "fe80::1", "node.addresses[2]: expected an IPv4"},
    {"2001:db8::3", "224.0.0.1", "node.addresses[2]: expected an IPv4"},
    {"2001:db8::3", "host.example", "node.addresses[2]: expected an IPv4"},
    {"2001:db8::3\"]", "2001:db8::3\"]\n  dynamic: x.example",
	":10:12: node.dynamic: expected either addresses or dynamic"},
    /* SPEC M-3.7 domains */
    {"domains: [carol.example]", "domains: []", "expected 1 to 256"},
    {"domains: [carol.example]", "domains: [Carol.example]",
	"node.domains[1]: expected a domain"},
    {"domains: [carol.example]", "domains: [carol.example, carol.example]",
	"is there twice"},
    /* SPEC M-3.16 international ones */
    {"domains: [carol.example]",
	"domains: [b\xc3\xbc"
	"cher.example, xn--bcher-kva.example]",
	"is there twice"},
    {"domains: [carol.example]",
	"domains: [B\xc3\xbc"
	"cher.example]",
	"node.domains[1]: expected a domain"},
    {"domains: [carol.example]",
	"domains: [a\xe3\x80\x82"
	"example]",
	"node.domains[1]: expected a domain"},
    {"domains: [carol.example]", "domains: [\xe2\x98\x83.example]",
	"node.domains[1]: expected a domain"},
    {"domains: [carol.example]", "domains: carol.example",
	"node.domains: expected a list"},
    /* SPEC M-3.8, M-3.9 keys */
    {"-----BEGIN PGP PUBLIC KEY BLOCK-----",
	"-----BEGIN PGP PRIVATE KEY BLOCK-----",
	"node.openpgp: expected one armored OpenPGP public key"},
    {"-----END PGP PUBLIC KEY BLOCK-----\n  recovery",
	"-----END PGP PUBLIC KEY BLOCK-----\n    more\n  recovery",
	"node.openpgp: expected one armored"},
    {"ticket-key: ed25519:", "ticket-key: ed25519:A",
	"node.ticket-key: expected \"ed25519:\""},
    {"receipt-key: ed25519:", "receipt-key: rsa:",
	"node.receipt-key: expected \"ed25519:\""},
    /* SPEC M-3.10 ssh */
    {"port: 2222", "port: 0", "node.ssh.port: expected a number"},
    {"port: 2222", "port: 65536", "node.ssh.port: expected a number"},
    {"host-keys: [\"ssh-ed25519 AAAA", "host-keys: [\"ssh-ed25519 AAAB",
	"node.ssh.host-keys[1]: expected an OpenSSH public key"},
    {"client-keys: [\"ssh-ed25519 ", "client-keys: [\"ssh-rsa ",
	"node.ssh.client-keys[1]: expected an OpenSSH public key"},
    {"client-keys: [\"", "client-keys: [\"command=\\\"x\\\" ",
	"node.ssh.client-keys[1]: expected an OpenSSH public key"},
    {"client-keys: [\"ssh-ed25519 ", "client-keys: [\"ssh-ed25519 x\\n",
	"node.ssh.client-keys[1]: expected an OpenSSH public key"},
    /* SPEC M-3.11, M-4 mailboxes */
    {"    contact:", "    con/tact:",
	"node.mailboxes.con/tact: expected a mailbox name"},
    {"matches: '^(talktome", "matches: '^(?=x)(talktome",
	"node.mailboxes.contact.matches: at character 2: look-ahead is not "
	"allowed; expected"},
    {"matches: '^(talktome", "matches: '(?i)(talktome",
	"an option is not allowed"},
    {"'^(talktome|contact(0613|0713))(\\+\\w+)?'", "\"a\\nb\"",
	"at character 2: a control character is not allowed"},
    {"      matches:", "      match:", "unknown key \"match\""},
    {"    carol:", "    carol: yes", "expected \"matches: ...\" or nothing"},
    {"    contact:\n      matches: "
     "'^(talktome|contact(0613|0713))(\\+\\w+)?'\n    carol:\n",
	"    {}\n", "node.mailboxes: expected 1 to 256 mailboxes, found 0"},
    /* SPEC M-3.12 lists */
    {"allow: [\"*\"], deny: [mallory]", "allow: [\"*\"], deny: [Mallory]",
	"node.backups.deny[1]: expected a node's name or \"*\""},
    {"allow: [\"*\"], deny: [mallory]", "allow: all",
	"node.backups.allow: expected a list"},
    {"mx: 3", "mx: 11", "node.backups.mx: expected a number from 0 to 10"},
    {"quota: 1G", "quota: 1", "node.stores.quota: expected a size of 1M"},
    {"quota: 1G", "quota: lots", "node.stores.quota: expected a size such"},
    {"max-message-size: 25M", "max-message-size: 1K",
	"node.stores.max-message-size: expected a size of 64K"},
    /* SPEC M-3.13 policy */
    {"copies: 4", "copies: 0", "node.policy.copies: expected a number"},
    {"copies: 4", "copies: 1",
	"node.policy.copies-before-250: expected at most copies (1)"},
    /* SPEC M-3.18 */
    {"copies: 4", "survive: 60", "node.policy.survive: expected a part"},
    {"copies: 4", "survive: 100%", "node.policy.survive: expected a part"},
    {"copies: 4", "survive: 0%", "node.policy.survive: expected a part"},
    {"copies: 4", "survive: -1%", "node.policy.survive: expected a part"},
    {"copies: 4", "survive: '%'", "node.policy.survive: expected a part"},
    {"copies: 4", "copies: 4, survive: 60%",
	"node.policy.survive: expected copies or survive"},
    {"within: 10s", "within: 10", "node.policy.within: expected a time"},
    {"within: 10s", "within: 6m", "node.policy.within: expected a time of"},
    {"within: 10s", "hold: 2h", "node.policy.hold: expected a time of 1d"},
    {"within: 10s", "on-failure: bounce", "node.policy.on-failure: expected"},
    {"within: 10s", "primary-up: x", "node.policy.primary-up: expected"},
    /* SPEC M-3.14 alert */
    {"within: 10s}", "within: 10s}\n  alert: nobody",
	"node.alert: expected a mail address"},
    {"within: 10s}", "within: 10s}\n  alert: x@carol.example",
	"node.alert: expected an address elsewhere"},
    /* SPEC M-3.17 alert-tokens */
    {"within: 10s}", "within: 10s}\n  alert-tokens: [\"carol:12\"]",
	"node.alert-tokens[1]: expected a node's name, \":\" and its token"},
    {"within: 10s}", "within: 10s}\n  alert-tokens: []",
	"node.alert-tokens: expected"},
    /* SPEC M-2.2, M-2.3 and M-2.4: the file */
    {"\n...\n", "\n", ":53:1: expected a line \"...\""},
    {"\n...\n", "\n...\nmore: 1\n",
	"expected nothing, or one armored OpenPGP signature"},
    {"-----BEGIN PGP SIGNATURE", "x\n-----BEGIN PGP SIGNATURE",
	"expected nothing, or one armored OpenPGP signature"},
    {"-----END PGP SIGNATURE-----\n", "-----END PGP SIGNATURE-----\nx\n",
	"expected nothing, or one armored OpenPGP signature"},
    {"version: 1\n", "version: 1\r\n", ":3:11: a carriage return"},
    {"version: 1\n", "version: 1\n---\n", "a second document begins"},
    {"name: carol", "name: c\xff", "carol.yaml:"},
};

static void
broken_rows(void **state)
{
	struct manifest *m;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		text = changed(carol_text(), broken[i].from, broken[i].to);
		m = parse("carol.yaml", text);
		free(text);
		if (m != NULL)
			fail_msg("accepted: %s", broken[i].to);
		if (getenv("AGAMID_TEST_SHOW") != NULL)
			print_message("%s", buf_str(&errors));
		if (strncmp(buf_str(&errors), "carol.yaml:", 11) != 0 ||
		    strstr(buf_str(&errors), broken[i].error) == NULL)
			fail_msg("%s: %s", broken[i].to, buf_str(&errors));
	}
	buf_free(&errors);
}

/* Changes that break nothing. */
static void
harmless_rows(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"2001:db8::3", "10.1.2.3"}, /* a VPN of friends */
	    {"2001:db8::3", "2001:DB8:0::3"},
	    {"mx: 3", "mx: 0"},
	    {"within: 10s", "hold: 365d"}, /* holders clamp: SPEC M-5.3 */
	    {"copies: 4", "copies: 20"},
	    {"copies-before-250: 2", "copies-before-250: 1"},
	    {"  site: lyon-home\n", ""},
	    {"  addresses: [192.0.2.3, \"2001:db8::3\"]\n", ""},
	    {"  addresses: [192.0.2.3, \"2001:db8::3\"]", "  addresses: []"},
	    {"deny: [mallory]", "deny: [\"*\"]"},
	    {"serial: 2026112103", "serial: 9007199254740992"},
	    {"within: 10s}",
		"within: 10s}\n  alert: \"c\xc3\xa9@else.example\""},
	    {"within: 10s}",
		"within: 10s}\n  alert-tokens: "
		"[\"bob:0123456789abcdef0123456789abcdef\"]"},
	    {"version: 1\n", "%YAML 1.1\n---\nversion: 1\n"},
	};
	struct manifest *m;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = changed(carol_text(), rows[i].from, rows[i].to);
		m = parse("carol.yaml", text);
		free(text);
		if (m == NULL)
			fail_msg("%s: %s", rows[i].to, buf_str(&errors));
		done(&m);
	}
}

/* One form for one thing: SPEC M-3.6, M-3.10. */
static void
canonical(void **state)
{
	char *one = changed(carol_text(), "2001:db8::3", "2001:DB8:0::3");
	char *two =
	    changed(one, "\"]\n  mailboxes", " carol@laptop\"]\n  mailboxes");
	struct manifest *m = parse("carol.yaml", two);

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->addresses[1], "2001:db8::3");
	assert_int_equal(strlen(m->ssh_client_keys[0]), 80);
	assert_null(strstr(m->ssh_client_keys[0], "laptop"));
	done(&m);
	free(one);
	free(two);
}

/* SPEC M-3.2: the seed's small form gets one error that says all. */
static void
small_form(void **state)
{
	static const char text[] = "node:\n"
				   "  host: bob.example\n"
				   "  mailboxes:\n"
				   "    contact:\n"
				   "      matches: '^(talktome|contact)'\n";
	static const char *const told[] = {
	    "bob.yaml:1:1: this is the small form",
	    "version, serial, node.name, node.network, node.domains, ",
	    "node.openpgp, node.recovery, node.ticket-key, node.receipt-key",
	    "node.ssh.host-keys, node.ssh.client-keys", "agamid init"};
	size_t i;

	(void)state;
	assert_null(parse("bob.yaml", text));
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		assert_non_null(strstr(buf_str(&errors), told[i]));
	assert_ptr_equal(
	    strchr(buf_str(&errors), '\n'), buf_str(&errors) + errors.len - 1);
	buf_free(&errors);
}

/* SPEC M-3.1: all errors of a file, not the first alone. */
static void
all_errors(void **state)
{
	char *one = changed(carol_text(), "mx: 3", "mx: x");
	char *two = changed(one, "port: 2222", "port: ssh");
	struct manifest *m = parse("c.yaml", two);

	(void)state;
	assert_null(m);
	assert_non_null(strstr(buf_str(&errors), "node.ssh.port"));
	assert_non_null(strstr(buf_str(&errors), "node.backups.mx"));
	free(one);
	free(two);
	buf_free(&errors);
}

/* SPEC M-2.1: 64 KiB; nothing at all; bytes that are no text. */
static void
file_bounds(void **state)
{
	struct manifest *m = example("carol");
	char *big = xcalloc(1, MANIFEST_MAX + 2);
	size_t len = m->text_len;

	(void)state;
	memset(big, '#', MANIFEST_MAX + 1);
	big[MANIFEST_MAX - len - 1] = '\n';
	memcpy(big + MANIFEST_MAX - len, m->text, len);
	done(&m);
	m = manifest_parse("c.yaml", big, MANIFEST_MAX, &errors);
	if (m == NULL)
		fail_msg("%s", buf_str(&errors));
	done(&m);
	buf_init(&errors, 4096);
	big[MANIFEST_MAX] = '\n';
	m = manifest_parse("c.yaml", big, MANIFEST_MAX + 1, &errors);
	assert_null(m);
	assert_non_null(strstr(buf_str(&errors),
	    "c.yaml:1:1: the file has 65537 bytes; expected at most 65536"));
	free(big);
	assert_null(parse("c.yaml", ""));
	assert_null(parse("c.yaml", "...\n"));
	assert_null(parse("c.yaml", "- a\n...\n"));
	assert_null(parse("c.yaml", "a\n...\n"));
	assert_null(parse("c.yaml", "node: 1\n...\n"));
	assert_null(parse("c.yaml", "node: []\nversion: 1\n...\n"));
	buf_reset(&errors);
	assert_null(manifest_parse("c.yaml", "a\0b", 3, &errors));
	assert_string_equal(
	    buf_str(&errors), "c.yaml:1:2: a NUL character is not allowed\n");
	buf_free(&errors);
}

/* An unsigned one is read (to be signed); it has no signature. */
static void
unsigned_body(void **state)
{
	struct manifest *m = example("carol");
	char *body = xasprintf("%.*s", (int)m->body_len, m->text);

	(void)state;
	done(&m);
	m = parse("carol.yaml", body);
	assert_non_null(m);
	assert_null(manifest_signature(m));
	done(&m);
	free(body);
}

/* SPEC M-5.3: a wish beyond what others grant. */
static void
granted(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned copies, before, within, days;
	} rows[] = {
	    {"within: 10s", "within: 10s", 4, 2, 10, 60},
	    {"within: 10s", "within: 20s", 4, 2, 20, 60},
	    {"within: 10s", "within: 21s", 4, 2, 20, 60},
	    {"within: 10s", "hold: 90d", 4, 2, 10, 90},
	    {"within: 10s", "hold: 91d", 4, 2, 10, 90},
	    {"copies: 4", "copies: 9", 8, 2, 10, 60},
	    {"copies: 4, copies-before-250: 2",
		"copies: 20, copies-before-250: 9", 8, 8, 10, 60},
	};
	struct manifest *m;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = changed(carol_text(), rows[i].from, rows[i].to);
		m = parse("carol.yaml", text);
		free(text);
		assert_non_null(m);
		assert_int_equal(manifest_copies(m), rows[i].copies);
		assert_int_equal(manifest_copies_before_250(m), rows[i].before);
		assert_int_equal(manifest_within(m), rows[i].within);
		assert_int_equal(manifest_hold(m), rows[i].days * 86400ULL);
		done(&m);
	}
}

/* SPEC M-3.18, M-5.3: one is left when so many percent are gone. */
static void
survive(void **state)
{
	static const struct {
		const char *asked;
		unsigned sites, copies;
	} rows[] = {
	    {"survive: 60%", 1, 1},
	    {"survive: 60%", 2, 2},
	    {"survive: 60%", 5, 4},
	    {"survive: 60%", 6, 4},
	    {"survive: 60%", 11, 7},
	    {"survive: 60%", 1000, 8},
	    {"survive: 1%", 99, 1},
	    {"survive: 99%", 4, 4},
	    {"copies: 4", 1000, 4},
	};
	struct manifest *m;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = changed(carol_text(), "copies: 4", rows[i].asked);
		m = parse("carol.yaml", text);
		free(text);
		assert_non_null(m);
		assert_int_equal(
		    manifest_copies_of(m, rows[i].sites), rows[i].copies);
		done(&m);
	}
}

/* Both sides' lists: SPEC M-5.1. */
static void
may_hold(void **state)
{
	struct manifest *carol = example("carol"), *bob = example("bob");
	struct manifest *mallory, *no_bob;
	char *text = changed(carol_text(), "name: carol", "name: mallory");
	char *deny = changed(carol_text(), "allow: [\"*\"], deny: []",
	    "allow: [\"*\"], deny: [bob]");

	(void)state;
	assert_true(manifest_may_hold(bob, carol));
	assert_true(manifest_may_hold(carol, bob));
	mallory = parse("m.yaml", text);
	assert_non_null(mallory);
	assert_false(manifest_may_hold(mallory, carol));
	assert_true(manifest_may_hold(carol, mallory));
	no_bob = parse("c.yaml", deny);
	assert_non_null(no_bob);
	assert_false(manifest_may_hold(no_bob, bob));
	manifest_free(&bob);
	manifest_free(&carol);
	manifest_free(&mallory);
	done(&no_bob);
	free(text);
	free(deny);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(international),
	    help_test(example_alice),
	    help_test(example_defaults),
	    help_test(example_match),
	    help_test(match_limits),
	    help_test(broken_rows),
	    help_test(harmless_rows),
	    help_test(canonical),
	    help_test(small_form),
	    help_test(all_errors),
	    help_test(file_bounds),
	    help_test(unsigned_body),
	    help_test(granted),
	    help_test(survive),
	    help_test(may_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
