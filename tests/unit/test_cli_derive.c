/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/derive_*.c: the tables and keys that follow from the
 * manifests. What Postfix and sshd say to them is tried in
 * tests/integration/test_apply.py.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/derive.h"
#include "util/text.h"
#include "cli_help.h"

struct world {
	struct manifest *self, *peer;
	struct roster roster;
	struct conf *conf;
	struct tree tree;
	struct buf problems;
	struct error why;
};

static void
make_world(struct world *w, const char *yaml)
{
	w->self = fake_manifest("carol", '1', SSH_KEY_1);
	w->peer = fake_manifest("bob", '5', SSH_KEY_2);
	fake_roster(&w->roster, w->self, w->peer);
	w->conf = fake_conf(yaml);
	tree_init(&w->tree);
	buf_init(&w->problems, 4096);
}

static void
free_world(struct world *w)
{
	buf_free(&w->problems);
	tree_free(&w->tree);
	conf_free(&w->conf);
	fake_unroster(&w->roster);
	fake_free(&w->peer);
	fake_free(&w->self);
}

static void
assert_file(const struct world *w, const char *path, const char *want)
{
	const struct tree_file *f = tree_find(&w->tree, path);
	size_t skip = strlen(DERIVED_HEADER);

	assert_non_null(f);
	assert_memory_equal(f->data, DERIVED_HEADER, skip);
	assert_string_equal(f->data + skip, want);
}

static int
postfix(struct world *w)
{
	return derive_postfix(
	    w->conf, &w->roster, &w->tree, &w->problems, &w->why);
}

/* SPEC N-16.1, N-16.2 */
static void
test_domains(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, "");
	fake_domain(w.peer, "bob.org");
	fake_domain(w.self, "home.bob.example"); /* below a peer's */
	assert_int_equal(postfix(&w), 0);
	assert_file(
	    &w, DERIVED_RELAY_DOMAINS, "bob.example agamid\nbob.org agamid\n");
	assert_file(&w, DERIVED_TRANSPORT,
	    "bob.example agamid-seal:unix:agamid/seal.sock\n"
	    "bob.org agamid-seal:unix:agamid/seal.sock\n");
	assert_file(&w, DERIVED_PEERS,
	    "carol.example DUNNO\nhome.bob.example DUNNO\n"
	    "bob.example agamid_policy\nbob.org agamid_policy\n");
	free_world(&w);
}

/* SPEC N-16.3: nothing is known about mailboxes. */
static void
test_no_mailboxes(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, "");
	assert_int_equal(postfix(&w), 0);
	assert_file(&w, DERIVED_OWN_RECIPIENTS, "");
	assert_file(&w, DERIVED_OWN_ALIASES, "");
	free_world(&w);
}

/* SPEC N-16.3, N-16.4, N-16.5 */
static void
test_mailboxes(void **state)
{
	struct world w;

	(void)state;
	make_world(&w,
	    "mailboxes:\n"
	    "  contact: {deliver-to: carol}\n"
	    "  team: {deliver-to: bob@bob.example}\n");
	fake_domain(w.self, "carol.org");
	fake_mailbox(w.self, "contact", "^(talktome|c(1|2))(\\+\\w+)?$");
	fake_mailbox(w.self, "team", "team");
	fake_mailbox(w.self, "a.b", NULL);
	assert_int_equal(postfix(&w), 0);
#define AT "@(?:carol\\.example|carol\\.org)$/"
	assert_file(&w, DERIVED_OWN_RECIPIENTS,
	    "/^(?:(talktome|c(1|2))(\\+\\w+)?)" AT " DUNNO\n"
	    "/^(?:team)" AT " DUNNO\n"
	    "/^(?:a\\.b)" AT " DUNNO\n"
	    "/^(?:postmaster|abuse)" AT " DUNNO\n"
	    "/" AT " 550 5.1.1 There is no such address here\n");
	assert_file(&w, DERIVED_OWN_ALIASES,
	    "/^carol@carol\\.example$/ carol@carol.example\n"
	    "/^bob@bob\\.example$/ bob@bob.example\n"
	    "/^a\\.b@carol\\.example$/ a.b@carol.example\n"
	    "/^(?:(talktome|c(1|2))(\\+\\w+)?)" AT " carol@carol.example\n"
	    "/^(?:team)" AT " bob@bob.example\n"
	    "/^(?:a\\.b)" AT " a.b@carol.example\n"
	    "/^(?:postmaster|abuse)" AT " carol@carol.example\n");
	assert_string_equal(buf_str(&w.problems), "");
	free_world(&w);
}

/* SPEC N-16.7 */
static void
test_at_home(void **state)
{
	const struct tree_file *f;
	struct world w;

	(void)state;
	make_world(&w,
	    "mailboxes:\n"
	    "  contact: {deliver-to: carol, seal: always}\n"
	    "  second: {deliver-to: carol, seal: always}\n"
	    "  team: {deliver-to: x@carol.org, seal: always}\n"
	    "  lost: {seal: always}\n"
	    "  open: {seal: held}\n");
	fake_mailbox(w.self, "contact", "contact");
	fake_mailbox(w.self, "second", "second");
	fake_mailbox(w.self, "team", "team");
	fake_mailbox(w.self, "open", "open");
	w.self->mailboxes[0].openpgp = xstrdup("key");
	w.self->mailboxes[1].openpgp = xstrdup("key");
	assert_int_equal(postfix(&w), 0);
	assert_file(&w, DERIVED_TRANSPORT,
	    "carol@carol.example agamid-seal:unix:agamid/home.sock\n"
	    "x@carol.org agamid-seal:unix:agamid/home.sock\n"
	    "bob.example agamid-seal:unix:agamid/seal.sock\n");
	assert_file(&w, DERIVED_HOME_USERS,
	    "carol agamid-seal:unix:agamid/home.sock\n");
	f = tree_find(&w.tree, DERIVED_AT_HOME);
	assert_non_null(f);
	assert_string_equal(f->data,
	    "carol@carol.example contact\ncarol contact\n"
	    "x@carol.org team\n");
	assert_string_equal(buf_str(&w.problems),
	    "mailboxes contact and second are delivered to one address: what "
	    "is sealed there is sealed to the key of the first\n"
	    "mailbox team is to be sealed always and has no key: its mail "
	    "waits in Postfix's queue; agamid key new team\n"
	    "mailbox lost is to be sealed always, but the manifest has no "
	    "such mailbox\n");
	free_world(&w);

	/* Nobody's: Postfix's tables are there all the same. */
	make_world(&w, "");
	assert_int_equal(postfix(&w), 0);
	assert_file(&w, DERIVED_HOME_USERS, "");
	assert_null(tree_find(&w.tree, DERIVED_AT_HOME));
	free_world(&w);
}

/* SPEC N-16.5: a target that another mailbox's pattern matches. */
static void
test_overlap(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, "mailboxes:\n  contact: {deliver-to: carol}\n");
	fake_mailbox(w.self, "contact", "talk");
	fake_mailbox(w.self, "all", ".*");
	assert_int_equal(postfix(&w), 0);
	assert_non_null(strstr(
	    buf_str(&w.problems), "carol@carol.example matches mailbox all"));
	free_world(&w);
}

/* What conf lets through must be plain in a table, or is refused here. */
static void
test_bad_target(void **state)
{
	static const char *const bad[] = {"", "-x", "a b", "a,b", "$1",
	    "a@b@c.example", "@carol.example", "a@", "a@localhost", "|cmd",
	    "/file", ":include:x", "a\nb"};
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_world(&w, "mailboxes:\n  contact: {deliver-to: x}\n");
		free(w.conf->mailboxes[0].deliver_to);
		w.conf->mailboxes[0].deliver_to = strdup(bad[i]);
		fake_mailbox(w.self, "contact", "talk");
		assert_int_equal(postfix(&w), AG_EINVAL);
		assert_non_null(strstr(w.why.text, "contact"));
		free_world(&w);
	}
}

/* SPEC N-17.2 */
static void
test_authorized_keys(void **state)
{
	char want[1024];
	struct world w;

	(void)state;
	make_world(&w, "");
	assert_int_equal(derive_ssh(w.conf, &w.roster, &w.tree, &w.why), 0);
	snprintf(want, sizeof(want),
	    "restrict,command=\"exec " AG_LIBEXECDIR
	    "/agamid-receive --root %s --peer bob\" " SSH_KEY_2 "\n",
	    help_dir());
	assert_file(&w, DERIVED_AUTHORIZED_KEYS, want);
	free(w.conf->root);
	w.conf->root = strdup("");
	tree_free(&w.tree);
	assert_int_equal(derive_ssh(w.conf, &w.roster, &w.tree, &w.why), 0);
	assert_file(&w, DERIVED_AUTHORIZED_KEYS,
	    "restrict,command=\"exec " AG_LIBEXECDIR
	    "/agamid-receive --peer bob\" " SSH_KEY_2 "\n");
	free_world(&w);
}

/* SPEC N-17.2: no key may bring options or lines of its own. */
static void
test_bad_ssh_key(void **state)
{
	static const char *const bad[] = {"", "ssh-ed25519", "ssh-ed25519 ",
	    SSH_KEY_1 " comment", SSH_KEY_1 "\n" SSH_KEY_2,
	    "command=\"sh\" " SSH_KEY_1, "ssh-rsa AAAA", SSH_KEY_1 "=",
	    "ssh-ed25519 "
	    "AAAAC3NzaC1lZDI1NTE5AAAAIXwI/hXmp/Kh4hDb97k1+uWrSBxG897IYmJn6K+"
	    "W04CL"};
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_world(&w, "");
		free(w.peer->ssh_client_keys[0]);
		w.peer->ssh_client_keys[0] = strdup(bad[i]);
		assert_int_equal(
		    derive_ssh(w.conf, &w.roster, &w.tree, &w.why), AG_EINVAL);
		free_world(&w);
	}
}

/* A root that would need quoting is refused, not quoted. */
static void
test_bad_root(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, "");
	free(w.conf->derived_dir);
	w.conf->derived_dir = strdup("/a b/derived");
	assert_int_equal(
	    derive_ssh(w.conf, &w.roster, &w.tree, &w.why), AG_EINVAL);
	free_world(&w);
}

/* SPEC N-15.1: fingerprints, and the keys that sealing/ is made of. */
static void
test_keys(void **state)
{
	const struct tree_file *f;
	struct world w;

	(void)state;
	make_world(&w, "");
	fake_mailbox(w.peer, "own", "own");
	fake_mailbox(w.peer, "none", "none");
	w.peer->mailboxes[0].openpgp = strdup("mailbox key\n");
	memset(w.peer->mailboxes[0].fpr, '9', 40);
	assert_int_equal(derive_keys(&w.roster, &w.tree, &w.why), 0);
	f = tree_find(&w.tree, "fingerprints");
	assert_non_null(f);
	assert_string_equal(f->data,
	    "carol 1111111111111111111111111111111111111111 "
	    "2222222222222222222222222222222222222222\n"
	    "bob 5555555555555555555555555555555555555555 "
	    "6666666666666666666666666666666666666666 "
	    "own=9999999999999999999999999999999999999999\n");
	assert_int_equal(w.tree.key_count, 5);
	assert_string_equal(w.tree.keys[4], "mailbox key\n");
	free_world(&w);
}

static void
test_all(void **state)
{
	const struct tree_file *f;
	struct world w;
	size_t i;

	(void)state;
	make_world(&w, "");
	assert_int_equal(
	    derive_all(w.conf, &w.roster, &w.tree, &w.problems, &w.why), 0);
	f = tree_find(&w.tree, "self");
	assert_string_equal(f->data, "carol\n");
	f = tree_find(&w.tree, "manifests/bob.yaml");
	assert_string_equal(f->data, w.peer->text);
	f = tree_find(&w.tree, "manifests/carol.yaml");
	assert_string_equal(f->data, w.self->text);
	for (i = 1; i < w.tree.count; i++)
		assert_true(
		    strcmp(w.tree.files[i - 1].path, w.tree.files[i].path) < 0);
	free_world(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_domains),
	    help_test(test_no_mailboxes),
	    help_test(test_mailboxes),
	    help_test(test_at_home),
	    help_test(test_overlap),
	    help_test(test_bad_target),
	    help_test(test_authorized_keys),
	    help_test(test_bad_ssh_key),
	    help_test(test_bad_root),
	    help_test(test_keys),
	    help_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
