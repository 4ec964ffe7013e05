/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/init_text.c: options are checked, and what is written of
 * them says that and nothing else.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/init.h"
#include "cli_help.h"
#include "manifests/manifest.h"

/* The least that init needs. */
static void
least(struct init_options *o)
{
	memset(o, 0, sizeof(*o));
	o->name = "carol";
	o->network = "friends.example";
	o->host = "carol.friends.example";
	words_add(&o->domains, "carol.example");
}

static void
done(struct init_options *o)
{
	words_free(&o->domains);
	words_free(&o->addresses);
	words_free(&o->mailboxes);
	words_free(&o->deliver_to);
	words_free(&o->allow_backup);
	words_free(&o->deny_backup);
	words_free(&o->allow_store);
	words_free(&o->deny_store);
}

static void
assert_check(const struct init_options *o, const char *complaint)
{
	struct buf errors;

	buf_init(&errors, 8192);
	assert_int_equal(
	    init_check(o, &errors), complaint == NULL ? 0 : AG_EINVAL);
	if (complaint != NULL && strstr(buf_str(&errors), complaint) == NULL)
		fail_msg("%s lacks %s", buf_str(&errors), complaint);
	buf_free(&errors);
}

static void
test_check(void **state)
{
	struct init_options o;

	(void)state;
	memset(&o, 0, sizeof(o));
	assert_check(&o, "--name is needed");
	assert_check(&o, "--network is needed");
	assert_check(&o, "--host is needed");
	assert_check(&o, "--domain is needed");
	least(&o);
	assert_check(&o, NULL);
#define BAD(field, value)                  \
	do {                               \
		const char *was = o.field; \
		o.field = value;           \
		assert_check(&o, "--");    \
		o.field = was;             \
	} while (0)
	BAD(name, "Carol");
	BAD(name, "a\nb: c");
	BAD(network, "friends");
	BAD(host, "carol.friends.example\n");
	BAD(dynamic, "x y");
	BAD(site, "a\nb");
	BAD(alert, "a\nb");
	BAD(ssh_port, "0");
	BAD(ssh_port, "65536");
	BAD(quota, "1X");
	BAD(max_message_size, "");
	BAD(copies, "many");
	BAD(within, "10");
	BAD(hold, "60");
	BAD(on_failure, "maybe");
	BAD(primary_up, "maybe");
	assert_check(&o, NULL);
	done(&o);
}

static void
test_check_lists(void **state)
{
	struct init_options o;

	(void)state;
	least(&o);
	words_add(&o.mailboxes, "contact");
	assert_check(&o, "--mailbox contact: expected NAME=PATTERN");
	o.mailboxes.word[0] = "con tact=x";
	assert_check(&o, "--mailbox");
	o.mailboxes.word[0] = "contact=(";
	assert_check(&o, "--mailbox contact=(: ");
	o.mailboxes.word[0] = "contact=a/b";
	assert_check(&o, "--mailbox");
	o.mailboxes.word[0] = "contact=a=b";
	assert_check(&o, NULL);
	words_add(&o.deliver_to, "other=carol");
	assert_check(&o, "a mailbox that a --mailbox names");
	o.deliver_to.word[0] = "contact=carol";
	assert_check(&o, NULL);
	words_add(&o.addresses, "192.0.2.300");
	assert_check(&o, "--address");
	o.addresses.word[0] = "2001:db8::3";
	assert_check(&o, NULL);
	o.dynamic = "dyn.example";
	assert_check(&o, "not beside it");
	o.dynamic = NULL;
	words_add(&o.deny_store, "Mallory");
	assert_check(&o, "--deny-store");
	o.deny_store.word[0] = "mallory";
	assert_check(&o, NULL);
	done(&o);
}

/* The manifest that all options make, read back by the real parser. */
static struct manifest *
written(const struct init_options *o)
{
	const char *example =
	    help_read(help_source("manifests/examples/carol.yaml"), NULL);
	struct buf out, errors;
	struct init_keys keys;
	struct manifest *m, *old;

	init_keys_init(&keys);
	buf_init(&out, MANIFEST_MAX);
	buf_init(&errors, 65536);
	old = manifest_parse("carol", example, strlen(example), &errors);
	assert_non_null(old);
	assert_int_equal(buf_puts(&keys.openpgp, old->openpgp), 0);
	assert_int_equal(buf_puts(&keys.recovery, old->recovery), 0);
	assert_int_equal(buf_puts(&keys.ssh_host, SSH_KEY_1), 0);
	assert_int_equal(buf_puts(&keys.ssh_client, SSH_KEY_2), 0);
	keys_public_text(old->ticket_key.public, keys.ticket);
	keys_public_text(old->receipt_key.public, keys.receipt);
	assert_int_equal(init_manifest_text(o, &keys, 2026112201, &out), 0);
	m = manifest_parse("new", buf_str(&out), out.len, &errors);
	if (m == NULL)
		fail_msg("%s\n%s", buf_str(&errors), buf_str(&out));
	assert_string_equal(m->openpgp, old->openpgp);
	assert_string_equal(m->recovery, old->recovery);
	manifest_free(&old);
	buf_free(&errors);
	buf_free(&out);
	init_keys_wipe(&keys);
	return m;
}

static void
test_manifest(void **state)
{
	const struct manifest_mailbox *box;
	struct init_options o;
	struct manifest *m;

	(void)state;
	least(&o);
	m = written(&o);
	assert_string_equal(m->name, "carol");
	assert_string_equal(m->network, "friends.example");
	assert_false(m->has_mailboxes);
	assert_int_equal(m->ssh_port, 2222);
	assert_int_equal(m->copies, 4);
	assert_int_equal(m->quota, 1 << 30);
	assert_true(
	    name_list_allows(&m->backups_allow, &m->backups_deny, "anybody"));
	manifest_free(&m);

	words_add(&o.domains, "carol.org");
	words_add(&o.addresses, "192.0.2.3");
	words_add(&o.addresses, "2001:db8::3");
	words_add(&o.mailboxes, "contact=it's|a=b|\\w{2}: #'x'");
	words_add(&o.mailboxes, "no=no");
	words_add(&o.deny_backup, "mallory");
	words_add(&o.allow_store, "bob");
	o.site = "lyon-home";
	o.alert = "carol@elsewhere.example";
	o.ssh_port = "2022";
	o.quota = "2G";
	o.max_message_size = "30M";
	o.copies = "3";
	o.copies_before_250 = "1";
	o.within = "5s";
	o.on_failure = "defer";
	o.hold = "30d";
	o.primary_up = "accept";
	o.mx = "2";
	assert_check(&o, NULL);
	m = written(&o);
	assert_string_equal(m->site, "lyon-home");
	assert_int_equal(m->domain_count, 2);
	assert_int_equal(m->address_count, 2);
	assert_int_equal(m->mailbox_count, 2);
	assert_string_equal(m->mailboxes[0].matches, "it's|a=b|\\w{2}: #'x'");
	assert_int_equal(manifest_match(m, "it's", &box), MATCH_YES);
	assert_string_equal(box->name, "contact");
	assert_int_equal(m->ssh_port, 2022);
	assert_int_equal(m->copies, 3);
	assert_int_equal(m->copies_before_250, 1);
	assert_int_equal(m->within, 5);
	assert_int_equal(m->hold, 30 * 86400);
	assert_int_equal(m->on_failure, ON_FAILURE_DEFER);
	assert_int_equal(m->primary_up, PRIMARY_UP_ACCEPT);
	assert_int_equal(m->backups_mx, 2);
	assert_int_equal(m->max_message_size, 30 << 20);
	assert_false(
	    name_list_allows(&m->backups_allow, &m->backups_deny, "mallory"));
	assert_false(
	    name_list_allows(&m->stores_allow, &m->stores_deny, "alice"));
	manifest_free(&m);
	done(&o);
}

static void
test_config(void **state)
{
	struct init_options o;
	struct buf out, errors;
	struct conf *conf;
	struct error why;

	(void)state;
	least(&o);
	words_add(&o.mailboxes, "contact=x");
	words_add(&o.deliver_to, "contact=carol");
	buf_init(&out, 8192);
	buf_init(&errors, 8192);
	assert_int_equal(init_config_text(&o, "/srv/spool", &out, &why), 0);
	help_write(help_path("c.yaml"), buf_str(&out), out.len);
	conf = conf_load(help_path("c.yaml"), "/root", &errors);
	if (conf == NULL)
		fail_msg("%s", buf_str(&errors));
	assert_string_equal(conf->node, "carol");
	assert_string_equal(conf->queue_dir, "/root/srv/spool");
	assert_string_equal(conf_deliver_to(conf, "contact"), "carol");
	conf_free(&conf);
	buf_free(&errors);
	buf_free(&out);
	done(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_check),
	    help_test(test_check_lists),
	    help_test(test_manifest),
	    help_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
