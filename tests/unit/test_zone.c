/* SPDX-License-Identifier: MIT */
/*
 * Tests of dns-tools/zone*.c and draw.c: which records a zone has, who
 * becomes MX, and that few MX move when a node comes or goes. Whether name
 * servers take the zones is tests/zone.
 */
#include "help.h"
#include "net_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "manifests/draw.h"
#include "dns-tools/zone.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NODES_MAX 1024

#define ADDRESS(n) "  addresses: [192.0.2." #n "]\n"

static const struct net_node friends[] = {
    {.name = "dave"}, /* nobody can dial it */
    {.name = "alice", .serial = 5, .more = ADDRESS(1)},
    {.name = "carol",
	.serial = 9,
	.more = "  addresses: [192.0.2.3, \"2001:DB8::3\"]\n"
		"  backups: {deny: [bob]}\n"},
    {.name = "bob",
	.domains = "[bob.example, b.friends.example]",
	.more = ADDRESS(2)},
    {.name = "erin", .more = "  dynamic: erin.dyn.example\n"},
};

static const struct manifest *nodes[NODES_MAX];
static size_t node_count;

static void
set_nodes(const struct net_node *list, size_t count)
{
	struct buf errors;
	char *text;

	buf_init(&errors, 65536);
	for (node_count = 0; node_count < count; node_count++) {
		text = net_yaml(&list[node_count]);
		nodes[node_count] =
		    manifest_parse("x", text, strlen(text), &errors);
		if (nodes[node_count] == NULL)
			fail_msg("%s", buf_str(&errors));
		free(text);
	}
	buf_free(&errors);
}

static void
free_nodes(void)
{
	struct manifest *m;

	while (node_count > 0) {
		m = (struct manifest *)(uintptr_t)nodes[--node_count];
		manifest_free(&m);
	}
}

static struct buf out, notes;
static struct error why;

static int
make(const struct zone_options *o)
{
	struct zone *z;
	int rc;

	buf_free(&out);
	buf_free(&notes);
	buf_init(&out, 1 << 20);
	buf_init(&notes, 1 << 16);
	why.text[0] = '\0';
	z = zone_new(nodes, node_count, o, &notes, &why);
	if (z == NULL)
		return AG_EINVAL;
	rc = zone_print(z, zone_serial(z), &out);
	zone_free(&z);
	return rc;
}

static void
done(void)
{
	buf_free(&out);
	buf_free(&notes);
	free_nodes();
}

/* The records alone, one blank between fields. */
static const char *
records(void)
{
	static char text[16384];
	const char *p;
	size_t n = 0, len;

	for (p = buf_str(&out); *p != '\0'; p += len + 1) {
		len = strcspn(p, "\n");
		if (*p == ';')
			continue;
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%.*s\n", (int)len, p);
	}
	text[n] = '\0';
	for (n = 0; text[n] != '\0'; n++) {
		if (text[n] == '\t')
			text[n] = ' ';
	}
	return text;
}

/* SPEC Z-1.1, Z-2.1, Z-2.3, Z-1.6: the whole of a zone. */
static void
zone_whole(void **state)
{
	struct zone_options o = {.origin = "friends.example", .ttl = 60};

	(void)state;
	set_nodes(friends, N(friends));
	assert_int_equal(make(&o), 0);
	assert_string_equal(records(),
	    "friends.example. 60 IN SOA alice.friends.example. "
	    "hostmaster.friends.example. 9 3600 900 1209600 3600\n"
	    "friends.example. 60 IN NS alice.friends.example.\n"
	    "alice.friends.example. 60 IN A 192.0.2.1\n"
	    "alice.backups.friends.example. 60 IN A 192.0.2.2\n"
	    "alice.backups.friends.example. 60 IN A 192.0.2.3\n"
	    "alice.backups.friends.example. 60 IN AAAA 2001:db8::3\n"
	    "bob.friends.example. 60 IN A 192.0.2.2\n"
	    "b.friends.example. 60 IN MX 10 bob.friends.example.\n"
	    "b.friends.example. 60 IN MX 20 alice.friends.example.\n"
	    "b.friends.example. 60 IN MX 20 carol.friends.example.\n"
	    "bob.backups.friends.example. 60 IN A 192.0.2.1\n"
	    "bob.backups.friends.example. 60 IN A 192.0.2.3\n"
	    "bob.backups.friends.example. 60 IN AAAA 2001:db8::3\n"
	    "carol.friends.example. 60 IN A 192.0.2.3\n"
	    "carol.friends.example. 60 IN AAAA 2001:db8::3\n"
	    "carol.backups.friends.example. 60 IN A 192.0.2.1\n"
	    "dave.backups.friends.example. 60 IN A 192.0.2.1\n"
	    "dave.backups.friends.example. 60 IN A 192.0.2.2\n"
	    "dave.backups.friends.example. 60 IN A 192.0.2.3\n"
	    "dave.backups.friends.example. 60 IN AAAA 2001:db8::3\n"
	    "erin.backups.friends.example. 60 IN A 192.0.2.1\n"
	    "erin.backups.friends.example. 60 IN A 192.0.2.2\n"
	    "erin.backups.friends.example. 60 IN A 192.0.2.3\n"
	    "erin.backups.friends.example. 60 IN AAAA 2001:db8::3\n");
	assert_non_null(strstr(buf_str(&out),
	    "; dave.friends.example: no "
	    "address: nobody can dial it"));
	assert_non_null(strstr(buf_str(&out),
	    "; erin.friends.example: no "
	    "address: its addresses change"));
	done();
}

/* SPEC Z-1.5: in whatever order the manifests come. */
static void
zone_order(void **state)
{
	struct zone_options o = {.origin = "example", .ttl = 60};
	struct net_node turned[N(friends)];
	char *first;
	size_t i;

	(void)state;
	set_nodes(friends, N(friends));
	assert_int_equal(make(&o), 0);
	first = xstrdup(buf_str(&out));
	done();
	for (i = 0; i < N(friends); i++)
		turned[i] = friends[N(friends) - 1 - i];
	set_nodes(turned, N(turned));
	assert_int_equal(make(&o), 0);
	assert_string_equal(buf_str(&out), first);
	free(first);
	done();
}

/* The backups of a node, "a b c ". */
static const char *
backups_of(const struct draw *d, size_t node)
{
	const struct manifest *backups[DRAW_MAX];
	static char text[1024];
	size_t i, count, n = 0;

	count = draw_backups(d, nodes[node], backups);
	text[0] = '\0';
	for (i = 0; i < count; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s ", backups[i]->name);
	return text;
}

static const char *
mx_of(const char *name)
{
	struct draw *d = draw_new(nodes, node_count);
	const char *text = NULL;
	size_t i;

	assert_non_null(d);
	for (i = 0; i < node_count; i++) {
		if (strcmp(nodes[i]->name, name) == 0)
			text = backups_of(d, i);
	}
	draw_free(&d);
	assert_non_null(text);
	return text;
}

/* SPEC Z-3.1: whom both sides allow. */
static void
mx_rules(void **state)
{
	static const struct net_node lists[] = {
	    {.name = "alice", .more = ADDRESS(1) "  backups: {mx: 0}\n"},
	    {.name = "bob", .more = ADDRESS(2) "  backups: {allow: [alice]}\n"},
	    {.name = "carol", .more = ADDRESS(3) "  stores: {deny: [dave]}\n"},
	    {.name = "dave", .more = ADDRESS(4) "  stores: {allow: []}\n"},
	    {.name = "erin", .more = "  dynamic: erindyn.example\n"},
	    {.name = "frank", .more = "  backups: {allow: [grace]}\n"},
	    {.name = "grace"},
	    {.name = "heidi",
		.more = ADDRESS(5) "  stores: {allow: [ivan, judy]}\n"},
	    {.name = "ivan", .more = "  backups: {allow: [heidi, zed]}\n"},
	    {.name = "judy", .more = "  backups: {deny: [heidi, bob]}\n"},
	};

	(void)state;
	set_nodes(lists, N(lists));
	assert_string_equal(mx_of("alice"), "");
	assert_string_equal(mx_of("bob"), "alice ");
	assert_string_equal(mx_of("carol"), "alice bob ");
	assert_string_equal(mx_of("dave"), "alice bob ");
	assert_string_equal(mx_of("erin"), "alice bob carol ");
	assert_string_equal(mx_of("frank"), "");
	assert_string_equal(mx_of("grace"), "alice bob carol ");
	assert_string_equal(mx_of("ivan"), "heidi ");
	assert_string_equal(mx_of("judy"), "alice carol ");
	done();
}

/* SPEC Z-3.3: other sites first, and one of each, as far as there are. */
static void
mx_sites(void **state)
{
	static const struct net_node two[] = {
	    {.name = "home",
		.more = ADDRESS(1) "  site: lyon\n"
				   "  backups: {mx: 2}\n"},
	    {.name = "a", .more = ADDRESS(2) "  site: lyon\n"},
	    {.name = "b", .more = ADDRESS(3) "  site: rome\n"},
	    {.name = "c", .more = ADDRESS(4) "  site: rome\n"},
	    {.name = "d", .more = ADDRESS(5) "  site: paris\n"},
	};
	static const struct net_node same[] = {
	    {.name = "home", .more = ADDRESS(1) "  site: lyon\n"},
	    {.name = "a", .more = ADDRESS(2) "  site: lyon\n"},
	    {.name = "b", .more = ADDRESS(3) "  site: lyon\n"},
	};
	const char *mx;

	(void)state;
	set_nodes(two, N(two));
	mx = mx_of("home");
	if (strcmp(mx, "b d ") != 0 && strcmp(mx, "c d ") != 0)
		fail_msg("%s", mx);
	done();
	set_nodes(same, N(same));
	assert_string_equal(mx_of("home"), "a b ");
	done();
}

static void
many_nodes(struct net_node *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		list[i] = (struct net_node){.name = xasprintf("node%zu", i),
		    .more = xasprintf("  addresses: [192.0.%zu.%zu]\n", i / 250,
			i % 250 + 1)};
	}
}

static void
free_many(struct net_node *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free((char *)(uintptr_t)list[i].name);
		free((char *)(uintptr_t)list[i].more);
	}
}

#define MANY 1000

/* Every node's backups; their loads. */
static void
draw_all(size_t count, unsigned load[MANY], char *texts[MANY])
{
	const struct manifest *backups[DRAW_MAX];
	struct draw *d = draw_new(nodes, count);
	size_t i, j, n;

	memset(load, 0, MANY * sizeof(*load));
	for (i = 0; i < count; i++) {
		n = draw_backups(d, nodes[i], backups);
		assert_int_equal(n, 3);
		texts[i] = xstrdup(backups_of(d, i));
		for (j = 0; j < n; j++)
			load[strtoul(backups[j]->name + 4, NULL, 10)]++;
	}
	draw_free(&d);
}

/* How many of b's words are not among a's. */
static unsigned
moved(const char *a, const char *b)
{
	char *had = xasprintf(" %s", a), *now = xstrdup(b), *word, *save, *key;
	unsigned n = 0;

	for (word = strtok_r(now, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		key = xasprintf(" %s ", word);
		n += strstr(had, key) == NULL;
		free(key);
	}
	free(had);
	free(now);
	return n;
}

/* SPEC Z-3.4 and Z-3.5: a thousand nodes with three backups each. None
 * has more than a quarter (rounded up) above its share of three, few have
 * none, and when one goes, or comes, at most one in a hundred moves. */
static void
mx_spread(void **state)
{
	struct net_node *list = xcalloc(MANY, sizeof(*list));
	static char *all[MANY], *less[MANY];
	static unsigned load[MANY], other[MANY];
	unsigned none = 0, most = 0, changed = 0;
	size_t i;

	(void)state;
	many_nodes(list, MANY);
	set_nodes(list, MANY);
	draw_all(MANY, load, all);
	for (i = 0; i < MANY; i++) {
		none += load[i] == 0;
		most = load[i] > most ? load[i] : most;
	}
	assert_int_equal(most, 4);
	assert_in_range(none, 0, MANY / 20);
	draw_all(MANY - 1, other, less);
	for (i = 0; i < MANY - 1; i++)
		changed += moved(all[i], less[i]);
	print_message("spread: most %u, without %u; one node less: %u moved\n",
	    most, none, changed);
	assert_in_range(changed, 1, 3 * MANY / 100);
	for (i = 0; i < MANY; i++) {
		free(all[i]);
		free(less[i]);
	}
	done();
	free_many(list, MANY);
	free(list);
}

/* SPEC Z-1.1: which zone, if none is named. */
static void
which_origin(void **state)
{
	static const struct net_node inside[] = {
	    {.name = "alice",
		.domains = "[alice.friends.example]",
		.more = ADDRESS(1)},
	};
	struct zone_options o = {.ttl = 60};

	(void)state;
	set_nodes(inside, 1);
	assert_int_equal(make(&o), 0);
	assert_non_null(
	    strstr(records(), "alice.friends.example. 60 IN MX 10 alice."));
	done();
	set_nodes(friends, N(friends));
	assert_int_equal(make(&o), 0);
	assert_non_null(
	    strstr(buf_str(&out), "; alice.example is in another zone"));
	o.origin = "other.example";
	assert_int_equal(make(&o), AG_EINVAL);
	assert_non_null(strstr(why.text, "no host and no domain is in"));
	o.origin = "ends.example"; /* of friends.example, but not a zone */
	assert_int_equal(make(&o), AG_EINVAL);
	done();
	assert_int_equal(make(&o), AG_EINVAL);
	assert_true(zone_has("", "x"));
	assert_true(zone_has("a.b", "a.b"));
	assert_true(zone_has("a.b", "x.a.b"));
	assert_false(zone_has("a.b", "xa.b"));
	assert_false(zone_has("a.b", "b"));
	done();
}

/* SPEC Z-1.6: name servers, with their addresses where they need them. */
static void
zone_servers(void **state)
{
	static const char *const addresses[] = {"192.0.2.53", "2001:db8::53"};
	struct zone_ns ns[] = {
	    {.name = "ns.other.example"},
	    {.name = "ns.friends.example",
		.addresses = addresses,
		.address_count = 2},
	    {.name = "carol.friends.example"},
	};
	struct zone_options o = {
	    .origin = "friends.example", .ttl = 60, .ns = ns, .ns_count = 3};
	static const struct net_node none[] = {{.name = "dave"}};

	(void)state;
	set_nodes(friends, N(friends));
	assert_int_equal(make(&o), 0);
	assert_non_null(strstr(records(),
	    "friends.example. 60 IN NS ns.other.example.\n"
	    "friends.example. 60 IN NS ns.friends.example.\n"
	    "ns.friends.example. 60 IN A 192.0.2.53\n"
	    "ns.friends.example. 60 IN AAAA 2001:db8::53\n"
	    "friends.example. 60 IN NS carol.friends.example.\n"
	    "alice."));
	ns[2].name = "dave.friends.example";
	assert_int_equal(make(&o), AG_EINVAL);
	assert_non_null(
	    strstr(why.text, "say --ns dave.friends.example=ADDRESS"));
	/* In a zone without hosts of its own, any host. */
	o = (struct zone_options){.origin = "bob.example", .ttl = 60};
	assert_int_equal(make(&o), 0);
	assert_non_null(strstr(
	    records(), "bob.example. 60 IN NS alice.friends.example.\n"));
	assert_non_null(strstr(buf_str(&notes), "since no --ns was given"));
	done();
	set_nodes(none, 1);
	o.origin = "dave.example";
	assert_int_equal(make(&o), AG_EINVAL);
	assert_non_null(strstr(why.text, "say --ns NAME"));
	o.ns = ns;
	o.ns_count = 1;
	assert_int_equal(make(&o), 0);
	assert_non_null(strstr(buf_str(&notes), "dave.example has no MX"));
	done();
}

/* SPEC Z-1.7 */
static void
which_serial(void **state)
{
	static const struct net_node big[] = {{.name = "alice",
	    .serial = 4294967296,
	    .domains = "[alice.friends.example]",
	    .more = ADDRESS(1)}};
	struct zone_options o = {.ttl = 60};

	(void)state;
	set_nodes(big, 1);
	assert_int_equal(make(&o), AG_EINVAL);
	assert_non_null(strstr(why.text, "say --serial N"));
	o.serial = 77;
	assert_int_equal(make(&o), 0);
	assert_non_null(strstr(records(), ". 77 3600"));
	o.serial = 0;
	o.records = true;
	assert_int_equal(make(&o), 0);
	assert_null(strstr(records(), "SOA"));
	assert_null(strstr(records(), " NS "));
	assert_non_null(strstr(records(), " MX 10 "));
	done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(zone_whole),
	    help_test(zone_order),
	    help_test(mx_rules),
	    help_test(mx_sites),
	    help_test(mx_spread),
	    help_test(which_origin),
	    help_test(zone_servers),
	    help_test(which_serial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
