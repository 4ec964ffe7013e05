/* SPDX-License-Identifier: MIT */
/*
 * Tests of manifests/network.c, network_load.c and lookup.c: what a view
 * says, which views are seen when, what a bad directory does; all of it
 * without OpenPGP.
 */
#include "help.h"
#include "net_help.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/error.h"
#include "util/file.h"
#include "util/text.h"
#include "manifests/lookup.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct net_node friends[] = {
    {.name = "alice"},
    {.name = "bob",
	.domains = "[bob.example, bob-two.example]",
	.more = "  mailboxes: {own: {}, bob: {}}\n"},
    {.name = "carol", .more = "  site: lyon\n"},
    {.name = "dave", .serial = 7, .key = 2, .more = "  site: lyon\n"},
};
static const struct net_node older[] = {
    {.name = "dave", .serial = 6, .key = 1},
    {.name = "erin", .serial = 3},
};

static struct network *
load(void)
{
	struct network *n;
	struct error e;

	n = network_load(
	    net_derive("alice", friends, N(friends), older, N(older)), &e);
	if (n == NULL)
		fail_msg("%s", e.text);
	return n;
}

static void
view_nodes(void **state)
{
	struct network *n = load();
	const struct manifest *bob;
	char *fpr;

	(void)state;
	assert_string_equal(network_self(n)->name, "alice");
	assert_int_equal(network_peer_count(n), 3);
	assert_string_equal(network_peer(n, 0)->name, "bob");
	assert_string_equal(network_peer(n, 2)->name, "dave");
	assert_null(network_peer(n, 3));
	assert_ptr_equal(network_find(n, "alice"), network_self(n));
	assert_null(network_find(n, "erin"));
	assert_string_equal(network_dir(n), net_derived());
	bob = network_find(n, "bob");
	fpr = net_fpr("bob", "primary");
	assert_string_equal(bob->fpr, fpr);
	free(fpr);
	fpr = net_fpr("bob", "recovery");
	assert_string_equal(bob->recovery_fpr, fpr);
	free(fpr);
	fpr = net_fpr("bob", "own");
	assert_string_equal(bob->mailboxes[0].fpr, fpr);
	assert_string_equal(bob->mailboxes[1].fpr, "");
	free(fpr);
	network_unref(&n);
	assert_null(n);
}

/* Exact domains of peers alone; SPEC N-1.2. */
static void
view_domains(void **state)
{
	static const struct {
		const char *domain, *home;
	} rows[] = {
	    {"bob.example", "bob"},
	    {"BOB-two.Example", "bob"},
	    {"carol.example", "carol"},
	    {"alice.example", NULL},
	    {"x.bob.example", NULL},
	    {"x.y.bob.example", NULL},
	    {"x.alice.example", NULL},
	    {"xbob.example", NULL},
	    {"example", NULL},
	    {"", NULL},
	    {"erin.example", NULL},
	};
	struct network *n = load();
	const struct manifest *home;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		home = network_home_of(n, rows[i].domain);
		if (home == NULL ? rows[i].home != NULL
				 : rows[i].home == NULL ||
			    strcmp(home->name, rows[i].home) != 0)
			fail_msg("%s", rows[i].domain);
	}
	network_unref(&n);
}

/* SPEC N-14.7: keys in force, and those that were; of each kind its own. */
static void
view_keys(void **state)
{
	static const struct {
		const char *node;
		unsigned key;
		bool known;
	} rows[] = {
	    {"alice", 0, true},
	    {"dave", 2, true},
	    {"dave", 1, true},
	    {"dave", 3, false},
	    {"erin", 0, true},
	    {"bob", 1, false},
	    {"nobody", 0, false},
	};
	const struct verify_key *found;
	struct network *n = load();
	struct verify_key key;
	char name[KEYS_NAME_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		net_key('t', rows[i].node, rows[i].key, &key);
		keys_name(key.public, name);
		found = network_ticket_key(n, rows[i].node, name);
		if ((found != NULL) != rows[i].known)
			fail_msg("ticket key of %s", rows[i].node);
		if (found != NULL)
			assert_memory_equal(found, &key, sizeof(key));
		assert_null(network_receipt_key(n, rows[i].node, name));
		net_key('r', rows[i].node, rows[i].key, &key);
		keys_name(key.public, name);
		found = network_receipt_key(n, rows[i].node, name);
		if ((found != NULL) != rows[i].known)
			fail_msg("receipt key of %s", rows[i].node);
	}
	/* Bob's key is not Carol's. */
	net_key('t', "bob", 0, &key);
	keys_name(key.public, name);
	assert_null(network_ticket_key(n, "carol", name));
	assert_non_null(network_ticket_key(n, "bob", name));
	network_unref(&n);
}

static void
eligible_row(const char *self, const struct net_node *nodes, size_t count,
    const char *home, size_t max, const char *want)
{
	const struct manifest *out[8];
	struct network *n;
	struct error e;
	char got[128] = "";
	size_t i, found;

	n = network_load(net_derive(self, nodes, count, NULL, 0), &e);
	assert_non_null(n);
	found = network_eligible(n, network_find(n, home), out, max);
	for (i = 0; i < found; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
		    out[i]->name);
	assert_string_equal(got, want);
	network_unref(&n);
}

/* SPEC M-5.1, M-5.2: both sides' lists, not on self's nor home's site. */
static void
view_eligible(void **state)
{
	static const struct net_node lists[] = {
	    {.name = "alice"},
	    {.name = "bob", .more = "  backups: {deny: [carol]}\n"},
	    {.name = "carol"},
	    {.name = "dave", .more = "  stores: {allow: [carol]}\n"},
	    {.name = "erin"},
	};
	static const struct net_node sites[] = {
	    {.name = "alice", .more = "  site: paris\n"},
	    {.name = "bob", .more = "  site: lyon\n"},
	    {.name = "carol", .more = "  site: paris\n"},
	    {.name = "dave", .more = "  site: lyon\n"},
	    {.name = "erin", .more = "  site: rome\n"},
	    {.name = "frank", .more = "  site: rome\n"},
	    {.name = "grace"},
	};

	(void)state;
	eligible_row("alice", friends, N(friends), "bob", 8, "carol dave ");
	eligible_row("alice", lists, N(lists), "bob", 8, "erin ");
	eligible_row("alice", lists, N(lists), "carol", 8, "bob dave erin ");
	eligible_row("alice", lists, N(lists), "carol", 2, "bob dave ");
	eligible_row("alice", lists, N(lists), "carol", 0, "");
	eligible_row("alice", lists, N(lists), "alice", 8, "bob carol erin ");
	eligible_row("alice", sites, N(sites), "bob", 8, "erin frank grace ");
	/* A site of its own that is called like another's node. */
	eligible_row(
	    "grace", sites, N(sites), "bob", 8, "alice carol erin frank ");
}

/* SPEC M-3.18: of sites, this node's among them. */
static void
view_copies(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "alice"},
	    {.name = "bob", .more = "  policy: {survive: 60%}\n"},
	    {.name = "carol", .more = "  site: rome\n"},
	    {.name = "dave", .more = "  site: rome\n"},
	    {.name = "erin"},
	    {.name = "frank"},
	    {.name = "grace", .more = "  policy: {copies: 9}\n"},
	};
	struct network *n;
	struct error e;

	(void)state;
	n = network_load(net_derive("alice", nodes, N(nodes), NULL, 0), &e);
	assert_non_null(n);
	/* alice, rome, erin, frank and grace */
	assert_int_equal(network_copies(n, network_find(n, "bob")), 4);
	assert_int_equal(network_copies(n, network_find(n, "grace")), 8);
	assert_int_equal(network_copies(n, network_find(n, "carol")), 4);
	network_unref(&n);
}

/* SPEC N-14.6, M-7.3: one bad file leaves the others in force. */
static void
load_bad_file(void **state)
{
	const char *link = net_derive("alice", friends, N(friends), NULL, 0);
	struct network *n;
	struct error e;

	(void)state;
	help_write(
	    help_path("derived/manifests/bob.yaml"), "node: 1\n...\n", 12);
	help_write(help_path("derived/manifests/zed.yaml"), "", 0);
	help_write(help_path("derived/manifests/.hidden.yaml"), "x", 1);
	help_write(help_path("derived/manifests/note.txt"), "x", 1);
	help_expect_log("bob.yaml:1:1: version: missing");
	help_expect_log("bob.yaml:1:1: serial: missing");
	help_expect_log("bob.yaml:1:7: node: expected a mapping");
	help_expect_log("zed.yaml:1:1: the file is empty");
	n = network_load(link, &e);
	assert_non_null(n);
	assert_int_equal(network_peer_count(n), 2);
	assert_null(network_home_of(n, "bob.example"));
	assert_non_null(network_home_of(n, "carol.example"));
	network_unref(&n);
}

/* SPEC N-14.4: what must not happen (apply checks it) does no harm: who
 * names our domain, or another's, is left out; the own manifest is first. */
static void
load_stolen_domain(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "bob"},
	    {.name = "mallory", .domains = "[alice.example, m.example]"},
	    {.name = "self", .domains = "[alice.example]"},
	};
	struct network *n;
	struct error e;

	(void)state;
	help_expect_log("mallory.yaml:7:13: node.domains: expected one of this "
			"node's own, \"alice.example\" is self's already");
	n = network_load(net_derive("self", nodes, N(nodes), NULL, 0), &e);
	assert_non_null(n);
	assert_null(network_home_of(n, "alice.example"));
	assert_string_equal(network_home_of(n, "bob.example")->name, "bob");
	assert_null(network_home_of(n, "m.example"));
	network_unref(&n);
}

/* No fingerprint: the node is there, but nothing can be sealed to it. */
static void
load_no_fingerprint(void **state)
{
	const char *link = net_derive("alice", friends, N(friends), NULL, 0);
	static const char text[] = "bob 0123 short\n\nnobody x y\ncarol";
	struct network *n;
	struct error e;

	(void)state;
	help_write(help_path("derived/fingerprints"), text, strlen(text));
	help_expect_log("nothing can be sealed to node=alice");
	help_expect_log("nothing can be sealed to node=bob");
	help_expect_log("nothing can be sealed to node=carol");
	help_expect_log("nothing can be sealed to node=dave");
	n = network_load(link, &e);
	assert_non_null(n);
	assert_string_equal(network_find(n, "bob")->fpr, "");
	network_unref(&n);
}

static void
load_nothing(void **state)
{
	struct error e;

	(void)state;
	assert_null(network_load(help_path("derived"), &e));
	assert_non_null(strstr(e.text, "\"agamid apply\" makes it"));
	net_derive("nobody", friends, N(friends), NULL, 0);
	assert_null(network_load(help_path("derived"), &e));
	assert_non_null(strstr(e.text, "nobody.yaml"));
	net_derive("alice", friends, N(friends), NULL, 0);
	help_write(help_path("derived/self"), "../alice\n", 9);
	assert_null(network_load(help_path("derived"), &e));
	assert_non_null(strstr(e.text, "no node's name"));
	assert_int_equal(unlink(help_path("derived/self")), 0);
	assert_null(network_load(help_path("derived"), &e));
	assert_non_null(strstr(e.text, "self"));
	assert_null(network_load(help_path("derived"), NULL));
}

/* SPEC N-15.4: the same view while nothing changes, a new one when the link
 * does, the old one for who holds it. */
static void
source_switch(void **state)
{
	struct network_source *s;
	struct network *one, *same, *two;
	struct error e;

	(void)state;
	s = network_source_new(help_path("derived"));
	assert_null(network_current(s, &e));
	assert_non_null(strstr(e.text, "no derived directory"));
	net_derive("alice", friends, 2, NULL, 0);
	one = network_current(s, &e);
	assert_non_null(one);
	assert_int_equal(network_peer_count(one), 1);
	same = network_current(s, &e);
	assert_ptr_equal(one, same);
	network_unref(&same);
	net_derive("alice", friends, N(friends), NULL, 0);
	two = network_current(s, &e);
	assert_ptr_not_equal(one, two);
	assert_int_equal(network_peer_count(two), 3);
	assert_int_equal(network_peer_count(one), 1);
	network_unref(&one);
	network_source_free(&s);
	assert_null(s);
	assert_string_equal(network_find(two, "bob")->name, "bob");
	one = network_ref(two);
	network_unref(&two);
	network_unref(&one);
}

/* The same target name again, with something else behind it. */
static void
source_same_target(void **state)
{
	struct network_source *s;
	struct network *n;
	struct error e;

	(void)state;
	net_derive("alice", friends, N(friends), NULL, 0);
	s = network_source_new(help_path("derived"));
	n = network_current(s, &e);
	assert_int_equal(network_peer_count(n), 3);
	network_unref(&n);
	assert_int_equal(file_remove_tree(help_path("derived.1"), &e), 0);
	net_derive("alice", friends, 2, NULL, 0);
	n = network_current(s, &e);
	assert_string_equal(network_dir(n), help_path("derived.1"));
	assert_int_equal(network_peer_count(n), 1);
	network_unref(&n);
	network_source_free(&s);
}

/* A bad new directory leaves the view before in force, and is not read
 * anew at each connection. */
static void
source_bad_switch(void **state)
{
	struct network_source *s;
	struct network *n;
	struct error e;
	int i;

	(void)state;
	net_derive("alice", friends, N(friends), NULL, 0);
	s = network_source_new(help_path("derived"));
	n = network_current(s, &e);
	network_unref(&n);
	net_derive("nobody", friends, N(friends), NULL, 0);
	help_expect_log("network kept as before");
	for (i = 0; i < 3; i++) {
		n = network_current(s, &e);
		assert_non_null(n);
		assert_string_equal(network_self(n)->name, "alice");
		network_unref(&n);
	}
	assert_int_equal(help_logged("network kept as before"), 1);
	net_derive("alice", friends, 2, NULL, 0);
	n = network_current(s, &e);
	assert_int_equal(network_peer_count(n), 1);
	network_unref(&n);
	network_source_free(&s);
}

struct race {
	struct network_source *source;
	atomic_bool stop;
	atomic_uint seen, wrong;
};

static void *
race_reader(void *ctx)
{
	struct race *r = ctx;
	struct network *n;
	struct error e;
	size_t peers;

	while (!atomic_load(&r->stop)) {
		n = network_current(r->source, &e);
		if (n == NULL) {
			atomic_fetch_add(&r->wrong, 1);
			continue;
		}
		peers = network_peer_count(n);
		if ((peers != 1 && peers != 3) ||
		    network_home_of(n, "bob.example") == NULL)
			atomic_fetch_add(&r->wrong, 1);
		network_unref(&n);
		atomic_fetch_add(&r->seen, 1);
	}
	return NULL;
}

/* SPEC N-15.4: threads that ask while the link is switched and old ones are
 * removed. */
static void
source_threads(void **state)
{
	struct race r = {.source = NULL};
	struct network *first;
	pthread_t threads[4];
	struct error e;
	char *old;
	int i;

	(void)state;
	net_derive("alice", friends, 2, NULL, 0);
	r.source = network_source_new(help_path("derived"));
	/* Who has seen one view is never left without. */
	first = network_current(r.source, &e);
	assert_non_null(first);
	network_unref(&first);
	for (i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, race_reader, &r), 0);
	for (i = 0; i < 40 || atomic_load(&r.seen) < 100; i++) {
		old = xstrdup(net_derived());
		net_derive(
		    "alice", friends, i % 2 == 0 ? N(friends) : 2, NULL, 0);
		assert_int_equal(file_remove_tree(old, &e), 0);
		help_write(old, "", 0); /* the name is not used again */
		free(old);
	}
	atomic_store(&r.stop, true);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&r.wrong), 0);
	network_source_free(&r.source);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 200 nodes (AGAMID_TEST_NODES=10000 to measure): a look-up each. */
static void
view_many(void **state)
{
	const char *env = getenv("AGAMID_TEST_NODES");
	size_t i, count = env != NULL ? (size_t)atol(env) : 200;
	struct net_node *nodes = xcalloc(count, sizeof(*nodes));
	struct network *n;
	struct error e;
	char domain[64];
	double t;

	(void)state;
	for (i = 0; i < count; i++)
		nodes[i].name = xasprintf("node%zu", i);
	net_derive("node0", nodes, count, NULL, 0);
	t = seconds();
	n = network_load(help_path("derived"), &e);
	assert_non_null(n);
	if (env != NULL)
		print_message("load: %.3f s\n", seconds() - t);
	t = seconds();
	for (i = 1; i < count; i++) {
		snprintf(domain, sizeof(domain), "node%zu.example", i);
		assert_string_equal(
		    network_home_of(n, domain)->name, nodes[i].name);
	}
	if (env != NULL)
		print_message("a look-up: %.0f ns\n",
		    (seconds() - t) / (double)count * 1e9);
	network_unref(&n);
	for (i = 0; i < count; i++)
		free((char *)(uintptr_t)nodes[i].name);
	free(nodes);
}

static void
lookup_table(void **state)
{
	struct lookup *l = lookup_new();
	const void *there = NULL;
	char *keys[500];
	size_t i;

	(void)state;
	assert_null(lookup_get(l, "key0"));
	for (i = 0; i < N(keys); i++) {
		keys[i] = xasprintf("key%zu", i);
		assert_int_equal(lookup_add(l, keys[i], keys[i], NULL), 0);
	}
	for (i = 0; i < N(keys); i++)
		assert_ptr_equal(lookup_get(l, keys[i]), keys[i]);
	assert_int_equal(lookup_add(l, "key7", &l, &there), AG_EEXIST);
	assert_ptr_equal(there, keys[7]);
	assert_ptr_equal(lookup_get(l, "key7"), keys[7]);
	assert_null(lookup_get(l, "key500"));
	assert_null(lookup_get(l, ""));
	lookup_free(&l);
	assert_null(l);
	lookup_free(&l);
	for (i = 0; i < N(keys); i++)
		free(keys[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(lookup_table),
	    help_test(view_nodes),
	    help_test(view_domains),
	    help_test(view_keys),
	    help_test(view_eligible),
	    help_test(view_copies),
	    help_test(load_bad_file),
	    help_test(load_stolen_domain),
	    help_test(load_no_fingerprint),
	    help_test(load_nothing),
	    help_test(source_switch),
	    help_test(source_same_target),
	    help_test(source_bad_switch),
	    help_test(source_threads),
	    help_test(view_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
