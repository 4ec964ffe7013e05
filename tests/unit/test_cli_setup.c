/* SPDX-License-Identifier: MIT */
/*
 * What setup makes of lists, entries and settings (SPEC N-22.2, N-22.4 and
 * N-22.6), without any Postfix.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/dovecot.h"
#include "cli/setup_dovecot.h"
#include "cli/setup_list.h"
#include "cli/setup_postfix.h"
#include "cli_help.h"
#include "help.h"
#include "util/text.h"

#define D "/var/lib/agamid/derived"
#define TRANSPORT "texthash:" D "/postfix/transport"
#define CHECKS                                                  \
	"check_recipient_access texthash:" D "/postfix/peers, " \
	"$agamid_own_recipients"

/* Takes the text, and frees it. */
static void
assert_text(char *is, const char *expected)
{
	assert_non_null(is);
	assert_string_equal(is, expected);
	free(is);
}

/* ---- lists ---- */

static void
test_lists(void **state)
{
	static const struct {
		char *(*edit)(const char *list, const char *run);
		const char *list, *run, *out;
	} rows[] = {
	    {list_append, "", "a", "a"},
	    {list_append, " ,\n", "a", "a"},
	    {list_append, "b c", "a", "b c, a"},
	    {list_append, "b, a c", "a", "b, a c"},
	    {list_append, "b ab", "a", "b ab, a"},
	    {list_append, "x {y z}", "{ y z }", "x {y z}"},
	    {list_prepend, "", "a", "a"},
	    {list_prepend, "b,c", "a", "a, b,c"},
	    {list_prepend, "a b", "a", "a b"},
	    {list_prepend, "b a c", "a", "a, b c"},
	    {list_remove, "a", "a", ""},
	    {list_remove, "b, a", "a", "b"},
	    {list_remove, "a,\n b", "a", "b"},
	    {list_remove, "b a a c", "a", "b c"},
	    {list_remove, "p q r", "p q", "r"},
	    {list_remove, "p r q", "p q", "p r q"},
	    {list_remove, "p p q", "p q", "p"},
	    {list_remove, "{ u:x, d=a } inet:1", "{u:x,d=a}", "inet:1"},
	    {list_remove, "{ a", "{ a", ""},
	    {list_remove, "a b", "", "a b"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_text(
		    rows[i].edit(rows[i].list, rows[i].run), rows[i].out);
}

static void
test_behind_permits(void **state)
{
	static const char *const rows[][2] = {
	    {"permit_mynetworks", "permit_mynetworks, X"},
	    {"permit_mynetworks permit_sasl_authenticated reject",
		"permit_mynetworks permit_sasl_authenticated, X, reject"},
	    {"permit_sasl_authenticated, permit_mynetworks, reject",
		"permit_sasl_authenticated, permit_mynetworks, X, reject"},
	    {"a, X, permit_mynetworks, b", "a, permit_mynetworks, X, b"},
	    {"reject", "reject"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_text(
		    list_add_behind_permits(rows[i][0], "X"), rows[i][1]);
	assert_int_equal(list_permits("permit_mynetworks,x"), PERMITS_NETWORKS);
	assert_int_equal(list_permits("reject"), 0);
}

/* ---- entries and blocks ---- */

static void
test_entries(void **state)
{
	static const char entry[] =
	    "smtp inet n - y - - smtpd -o a=1 -o {b=x y, z} -v -o c=";

	(void)state;
	assert_text(entry_option(entry, "a"), "1");
	assert_text(entry_option(entry, "b"), "x y, z");
	assert_text(entry_option(entry, "c"), "");
	assert_null(entry_option(entry, "d"));
	assert_null(entry_option("x -o", "d"));
	assert_text(entry_field(entry, 0), "smtp");
	assert_text(entry_field(entry, 4), "y");
	assert_text(entry_field(entry, 99), "");
	assert_text(entry_set_option(entry, "b", "q"),
	    "smtp inet n - y - - smtpd -o a=1 -o b=q -v -o c=");
	assert_text(entry_set_option(entry, "a", NULL),
	    "smtp inet n - y - - smtpd -o {b=x y, z} -v -o c=");
	assert_text(
	    entry_set_option("s unix -", "d", "1 2"), "s unix - -o {d=1 2}");
	assert_true(entry_equals("s  unix -o {a=b}", "s unix -o a=b"));
	assert_false(entry_equals("s unix", "s unix -o a=b"));
}

static void
test_blocks(void **state)
{
	char *with;

	(void)state;
	with = block_append("a\n", "b\n");
	assert_string_equal(with, "a\n# BEGIN agamid\nb\n# END agamid\n");
	assert_text(block_remove(with), "a\n");
	free(with);
	with = block_insert("a\nb\n", 2, "c\n");
	assert_string_equal(with, "a\n# BEGIN agamid\nc\n# END agamid\nb\n");
	assert_text(block_remove(with), "a\nb\n");
	free(with);
	assert_text(block_remove("# BEGIN agamid\na\n# END agamid\nb\n"
				 "# BEGIN agamid\n# END agamid\n"),
	    "b\n");
	assert_text(block_append("a", ""), "a\n# BEGIN agamid\n# END agamid\n");
	assert_text(block_remove("x # BEGIN agamid\n# END agamid\n"),
	    "x # BEGIN agamid\n# END agamid\n");
	assert_text(block_remove("# BEGIN agamid\n"), "# BEGIN agamid\n");
}

static void
test_dovecot(void **state)
{
	(void)state;
	assert_true(dovecot_is_new("2.4.1-4 (abc)"));
	assert_true(dovecot_is_new("3.0"));
	assert_false(dovecot_is_new("2.3.19.1 (9b53102964)"));
	assert_true(dovecot_reads_conf_d("a\n!include conf.d/*.conf\nb"));
	assert_true(dovecot_reads_conf_d(" !include  conf.d/*.conf"));
	assert_false(dovecot_reads_conf_d("#!include conf.d/*.conf\n"));
	assert_int_equal(dovecot_before_number("", "/s"), 1);
	assert_int_equal(
	    dovecot_before_number("plugin {\n  sieve_before = /a\n  "
				  "sieve_before2 = /b\n}\n",
		"/s"),
	    3);
	assert_int_equal(
	    dovecot_before_number("plugin {\n  sieve_before = /a\n  "
				  "sieve_before2 = /s\n}\n",
		"/s"),
	    2);
}

/* SPEC N-22.8, N-22.9: what is wanted, and no more. */
static void
test_dovecot_settings(void **state)
{
	struct dovecot_wants w = {.script = "/s", .number = 2};
	char *text;

	(void)state;
	text = dovecot_settings(&w);
	assert_non_null(strstr(text, "  sieve_before2 = /s\n"));
	assert_null(strstr(text, "agamid-milter"));
	assert_null(strstr(text, "mail_plugins agamid"));
	free(text);
	w.is_new = true;
	text = dovecot_settings(&w);
	assert_non_null(strstr(text, "  path = /s\n"));
	assert_null(strstr(text, "$mail_plugins"));
	free(text);
	w.script = NULL;
	assert_text(dovecot_settings(&w), DOVECOT_MADE);
	w.socket = "/run/x";
	assert_text(dovecot_settings(&w),
	    DOVECOT_MADE "service lmtp {\n  unix_listener /run/x {\n"
			 "    user = agamid-milter\n    mode = 0600\n"
			 "  }\n}\n");
	w.socket = "/run/dovecot/x";
	text = dovecot_settings(&w);
	assert_non_null(strstr(text, "  unix_listener x {\n"));
	free(text);
	w.socket = NULL;
	w.plugin = true;
	text = dovecot_settings(&w);
	assert_non_null(strstr(
	    text, "protocol pop3 {\n  mail_plugins {\n    agamid = yes\n"));
	free(text);
	w.is_new = false;
	text = dovecot_settings(&w);
	assert_non_null(strstr(
	    text, "protocol imap {\n  mail_plugins = $mail_plugins agamid\n"));
	free(text);
}

/* SPEC D-3.3 */
static void
test_dovecot_loads_plugin(void **state)
{
	(void)state;
	assert_true(dovecot_loads_plugin("protocol imap {\n"
					 "  mail_plugins = quota agamid\n}\n"));
	assert_true(dovecot_loads_plugin("  mail_plugins = agamid x\n"));
	assert_true(dovecot_loads_plugin("  mail_plugins = \" agamid\"\n"));
	assert_true(dovecot_loads_plugin("  mail_plugins {\n"
					 "    agamid = yes\n  }\n"));
	assert_false(dovecot_loads_plugin("mail_plugins = noagamid agamidx\n"
					  "a = agamid\n"));
	assert_false(dovecot_loads_plugin("passdb agamid {\n"));
}

static const struct {
	const char *conf;
	bool in_main;
	const char *rest; /* from the place on */
} passdb_places[] = {
    {"a\n!include x\n  !include conf.d/*.conf\npassdb {\n", false, NULL},
    {"a\npassdb {\n}\n!include conf.d/*.conf\n", true,
	"passdb {\n}\n!include conf.d/*.conf\n"},
    {"a\n!include x\nb\n passdb {\n}", true, " passdb {\n}"},
    {"a\n!include x\nb\n", true, "!include x\nb\n"},
    {"a\n#passdb\n", true, ""},
};

static void
test_dovecot_passdb(void **state)
{
	struct dovecot_wants w = {.plugin = true};
	size_t i, at;

	(void)state;
	for (i = 0; i < sizeof(passdb_places) / sizeof(passdb_places[0]); i++) {
		assert_int_equal(
		    dovecot_passdb_place(passdb_places[i].conf, &at),
		    passdb_places[i].in_main);
		if (passdb_places[i].in_main)
			assert_string_equal(
			    passdb_places[i].conf + at, passdb_places[i].rest);
	}
	assert_non_null(strstr(dovecot_passdb(&w), "=%w\n"));
	w.hides = true;
	assert_non_null(strstr(dovecot_passdb(&w), ",noiv=yes:password}\n"));
	w.is_new = true;
	assert_non_null(strstr(dovecot_passdb(&w), "= %{password}\n"));
}

/* ---- settings ---- */

struct made {
	struct pf pf;
	struct manifest *self;
	struct setup_edits main, master;
};

/* A Postfix that says this in main.cf and in master.cf. */
static void
make(struct made *m, const char *main_cf, const char *master_cf)
{
	static const char defaults[] =
	    "message_size_limit = 10240000\nmailbox_size_limit = 0\n"
	    "virtual_mailbox_limit = 51200000\nin_flow_delay = 1s\n"
	    "lmtp_line_length_limit = 990\nvirtual_alias_maps =\n"
	    "relay_domains =\nproxy_interfaces =\n";
	static const struct setup_edits none;

	pf_init(&m->pf, D);
	assert_int_equal(buf_puts(&m->pf.set, main_cf), 0);
	assert_int_equal(buf_printf(&m->pf.raw, "%s%s", main_cf, defaults), 0);
	assert_int_equal(buf_printf(&m->pf.full, "%s%s", main_cf, defaults), 0);
	assert_int_equal(buf_puts(&m->pf.master, master_cf), 0);
	m->self = fake_manifest("carol", 'c', SSH_KEY_1);
	m->self->max_message_size = 25 << 20;
	m->main = m->master = none;
	pf_want(&m->pf, m->self, "\n127.0.0.1\n", &m->main, &m->master);
}

static void
unmake_edits(struct setup_edits *e)
{
	size_t i;

	for (i = 0; i < e->count; i++) {
		free(e->edit[i].name);
		free(e->edit[i].was);
		free(e->edit[i].now);
	}
	free(e->edit);
}

static void
unmake(struct made *m)
{
	pf_free(&m->pf);
	fake_free(&m->self);
	unmake_edits(&m->main);
	unmake_edits(&m->master);
}

static void
assert_edit(
    const struct setup_edits *all, const char *name, const char *expected)
{
	const struct setup_edit *e = setup_edit_find(all, name);

	if (expected == NULL) {
		assert_null(e);
	} else {
		assert_non_null(e);
		assert_string_equal(e->now, expected);
	}
}

static void
test_main_cf(void **state)
{
	static const struct {
		const char *main_cf, *name, *now;
	} rows[] = {
	    {"", "smtpd_milters", PF_MILTER},
	    {"smtpd_milters = inet:1\n", "smtpd_milters", PF_MILTER ", inet:1"},
	    {"smtpd_milters = inet:1, unix:agamid/milter.sock\n",
		"smtpd_milters", PF_MILTER ", inet:1"},
	    {"smtpd_milters = {inet:1}, {unix:agamid/milter.sock,"
	     "default_action=tempfail}\n",
		"smtpd_milters", PF_MILTER ", {inet:1}"},
	    {"transport_maps = hash:/t\n", "transport_maps",
		TRANSPORT ", hash:/t"},
	    {"relay_domains = a.example\n", "relay_domains",
		"a.example, texthash:" D "/postfix/relay_domains"},
	    {"", "relay_domains", "texthash:" D "/postfix/relay_domains"},
	    {"", "relay_recipient_maps", NULL},
	    {"relay_recipient_maps = hash:/r\n", "relay_recipient_maps",
		"hash:/r, texthash:" D "/postfix/relay_recipients"},
	    {"", "message_size_limit", "26214400"},
	    {"message_size_limit = 0\n", "message_size_limit", NULL},
	    {"message_size_limit = 99999999\n", "message_size_limit", NULL},
	    {"", "mailbox_size_limit", NULL},
	    {"in_flow_delay = 0\n", "in_flow_delay", NULL},
	    {"", "smtpd_recipient_restrictions",
		"permit_mynetworks, permit_sasl_authenticated, " CHECKS},
	    {"smtpd_recipient_restrictions = permit_mynetworks "
	     "permit_sasl_authenticated, reject\n",
		"smtpd_recipient_restrictions",
		"permit_mynetworks permit_sasl_authenticated, " CHECKS
		", reject"},
	    /* His list asks his own networks too: ours is another one. */
	    {"smtpd_recipient_restrictions = reject_rbl_client x\n"
	     "smtpd_relay_restrictions = permit_mynetworks, "
	     "permit_sasl_authenticated, defer_unauth_destination\n",
		"smtpd_relay_restrictions",
		"permit_mynetworks, permit_sasl_authenticated, " CHECKS
		", defer_unauth_destination"},
	    {"smtpd_recipient_restrictions = reject_rbl_client x\n"
	     "smtpd_relay_restrictions = permit_mynetworks, "
	     "permit_sasl_authenticated, defer_unauth_destination\n",
		"smtpd_recipient_restrictions", NULL},
	};
	struct made m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(&m, rows[i].main_cf, "smtp inet n - y - - smtpd\n");
		assert_edit(&m.main, rows[i].name, rows[i].now);
		unmake(&m);
	}
}

static void
test_proxy_interfaces(void **state)
{
	static char behind[] = "192.0.2.3", own[] = "127.0.0.1";
	char *addresses[] = {own, behind};
	struct setup_edits main = {0}, master = {0};
	struct manifest self = {.addresses = addresses, .address_count = 2};
	struct made m;

	(void)state;
	make(&m, "proxy_interfaces = 198.51.100.1\n", "");
	pf_want(&m.pf, &self, "\n127.0.0.1\n", &main, &master);
	assert_edit(&main, "proxy_interfaces", "198.51.100.1, 192.0.2.3");
	unmake_edits(&main);
	unmake_edits(&master);
	unmake(&m);
}

/* A second setup wants what is there; without us is what was there. */
static void
test_again_and_back(void **state)
{
	static const char before[] =
	    "smtpd_milters = inet:1\nin_flow_delay = 2s\n";
	static const char master[] = "smtp inet n - y - - smtpd\n";
	struct made m, again;
	const struct setup_edit *e;
	struct buf text, entries;
	size_t i;

	(void)state;
	make(&m, before, master);
	buf_init(&text, 65536);
	buf_init(&entries, 65536);
	for (i = 0; i < m.main.count; i++)
		assert_int_equal(buf_printf(&text, "%s = %s\n",
				     m.main.edit[i].name, m.main.edit[i].now),
		    0);
	assert_int_equal(buf_puts(&entries, master), 0);
	for (i = 0; i < m.master.count; i++)
		assert_int_equal(
		    buf_printf(&entries, "%s\n", m.master.edit[i].now), 0);
	make(&again, buf_str(&text), buf_str(&entries));
	for (i = 0; i < again.main.count; i++) {
		e = setup_edit_find(&m.main, again.main.edit[i].name);
		assert_non_null(e);
		assert_string_equal(again.main.edit[i].now, e->now);
	}
	for (i = 0; i < again.master.count; i++)
		assert_string_equal(
		    again.master.edit[i].now, again.master.edit[i].was);
	e = setup_edit_find(&m.main, "smtpd_milters");
	assert_text(pf_strip_value(D, e, e->now), "inet:1");
	assert_text(pf_strip_value(D, e, "inet:2, " PF_MILTER ", inet:3"),
	    "inet:2, inet:3");
	e = setup_edit_find(&m.main, "relay_domains");
	assert_null(pf_strip_value(D, e, e->now));
	assert_text(pf_strip_value(D, e, "x.example"), "x.example");
	e = setup_edit_find(&m.main, "in_flow_delay");
	assert_text(pf_strip_value(D, e, "0"), "2s");
	assert_text(pf_strip_value(D, e, "3s"), "3s");
	e = setup_edit_find(&m.main, "agamid_policy");
	assert_null(pf_strip_value(D, e, "whatever"));
	buf_free(&entries);
	buf_free(&text);
	unmake(&again);
	unmake(&m);
}

/* Services for strangers with lists of their own; and postscreen. */
static void
test_master_cf(void **state)
{
	static const char master[] =
	    "smtpd pass - - y - - smtpd -o smtpd_milters=inet:7\n"
	    "192.0.2.3:25 inet n - n - - smtpd -o {smtpd_relay_restrictions="
	    "permit_mynetworks, permit_sasl_authenticated, reject} "
	    "-o smtpd_recipient_restrictions=reject_x\n"
	    "submission inet n - y - - smtpd -o smtpd_milters=\n"
	    "127.0.0.1:25 inet n - y - - smtpd -o smtpd_milters=\n";
	const struct setup_edit *e;
	struct made m;

	(void)state;
	make(&m, "smtpd_milters = inet:8\n", master);
	assert_edit(&m.master, "smtpd/pass",
	    "smtpd pass - - y - - smtpd -o {smtpd_milters=" PF_MILTER
	    ", inet:7}");
	assert_edit(&m.master, "192.0.2.3:25/inet",
	    "192.0.2.3:25 inet n - n - - smtpd -o {smtpd_relay_restrictions="
	    "permit_mynetworks, permit_sasl_authenticated, " CHECKS
	    ", reject} -o smtpd_recipient_restrictions=reject_x");
	assert_edit(&m.master, "submission/inet", NULL);
	assert_edit(&m.master, "127.0.0.1:25/inet", NULL);
	e = setup_edit_find(&m.master, PF_INJECT);
	assert_non_null(strstr(e->now, " n - y - 10 smtpd "));
	assert_text(entry_option(e->now, "smtpd_milters"), "inet:7");
	e = setup_edit_find(&m.master, "smtpd/pass");
	assert_text(pf_strip_entry(D, e, e->now),
	    "smtpd pass - - y - - smtpd -o smtpd_milters=inet:7");
	assert_text(
	    pf_strip_entry(D, e,
		"smtpd pass - - n - - smtpd -o {smtpd_milters=" PF_MILTER
		", inet:7} -v"),
	    "smtpd pass - - n - - smtpd -o smtpd_milters=inet:7 -v");
	unmake(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_behind_permits),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_dovecot),
	    cmocka_unit_test(test_dovecot_settings),
	    cmocka_unit_test(test_dovecot_passdb),
	    cmocka_unit_test(test_dovecot_loads_plugin),
	    cmocka_unit_test(test_main_cf),
	    cmocka_unit_test(test_proxy_interfaces),
	    cmocka_unit_test(test_again_and_back),
	    cmocka_unit_test(test_master_cf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
