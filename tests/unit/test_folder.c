/* SPDX-License-Identifier: MIT */
/*
 * Tests of manifests/folder.c: one bad file leaves the others in force;
 * what is one node's alone can't be taken by another.
 */
#include "help.h"
#include "net_help.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/text.h"
#include "manifests/folder.h"
#include "manifests/sign.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
write_node(const char *file, const struct net_node *node)
{
	char *text = net_yaml(node);

	help_write(help_path("%s", file), text, strlen(text));
	free(text);
}

/* A node's file with its first from made to. */
static void
write_changed(const char *file, const struct net_node *node, const char *from,
    const char *to)
{
	char *text = net_yaml(node), *at = strstr(text, from), *changed;

	assert_non_null(at);
	changed = xasprintf(
	    "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	help_write(help_path("%s", file), changed, strlen(changed));
	free(changed);
	free(text);
}

/* The line of text that names key, without its indentation and newline;
 * freed by the caller. */
static char *
line_of(const struct net_node *node, const char *key)
{
	char *text = net_yaml(node), *at = strstr(text, key), *line;

	assert_non_null(at);
	line = xasprintf("%.*s", (int)strcspn(at, "\n"), at);
	free(text);
	return line;
}

/* SPEC M-7.3: reported with their places, the others in force. */
static void
dir_bad_files(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "alice"}, {.name = "bob"}, {.name = "carol"}};
	struct folder *f = folder_new();
	struct buf errors;
	size_t refused;

	(void)state;
	buf_init(&errors, 65536);
	write_node("a.yaml", &nodes[0]);
	write_node("c.yaml", &nodes[2]);
	write_changed("b.yaml", &nodes[1], "serial: 1", "serial: x");
	help_write(help_path("empty.yaml"), "", 0);
	help_write(help_path("note.txt"), "x", 1);
	help_write(help_path(".a.yaml"), "x", 1);
	assert_int_equal(
	    folder_add_dir(f, help_dir(), NULL, &errors, &refused), 0);
	assert_int_equal(refused, 2);
	assert_int_equal(folder_count(f), 2);
	assert_string_equal(folder_manifest(f, 0)->name, "alice");
	assert_string_equal(folder_manifest(f, 1)->name, "carol");
	assert_string_equal(folder_path(f, 1), help_path("c.yaml"));
	assert_null(folder_manifest(f, 2));
	assert_non_null(strstr(
	    buf_str(&errors), "/b.yaml:2:9: serial: expected a number from 1"));
	assert_non_null(strstr(buf_str(&errors), "/empty.yaml:1:1: "));
	folder_free(&f);
	assert_null(f);
	buf_free(&errors);
}

/* Once is enough for a file that was added before. */
static void
dir_added_before(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "alice"}, {.name = "bob"}};
	struct folder *f = folder_new();
	struct manifest **list;
	struct buf errors;
	size_t refused, count, i;

	(void)state;
	buf_init(&errors, 65536);
	write_node("a.yaml", &nodes[0]);
	write_node("b.yaml", &nodes[1]);
	assert_int_equal(
	    folder_add_file(f, help_path("b.yaml"), NULL, &errors), 0);
	assert_int_equal(
	    folder_add_dir(f, help_dir(), NULL, &errors, &refused), 0);
	assert_int_equal(refused, 0);
	assert_int_equal(errors.len, 0);
	list = folder_take(f, &count);
	assert_int_equal(count, 2);
	assert_string_equal(list[0]->name, "bob");
	assert_int_equal(folder_count(f), 0);
	for (i = 0; i < count; i++)
		manifest_free(&list[i]);
	free(list);
	assert_null(folder_take(f, &count));
	folder_free(&f);
	buf_free(&errors);
}

static void
dir_missing(void **state)
{
	struct folder *f = folder_new();
	struct buf errors;
	size_t refused;

	(void)state;
	buf_init(&errors, 65536);
	assert_int_equal(
	    folder_add_dir(f, help_path("none"), NULL, &errors, &refused),
	    AG_ENOENT);
	assert_int_equal(
	    folder_add_file(f, help_path("none.yaml"), NULL, &errors),
	    AG_ENOENT);
	assert_non_null(strstr(buf_str(&errors), "none.yaml"));
	folder_free(&f);
	buf_free(&errors);
}

static void
add_pair(const char *error, const char *place)
{
	struct folder *f = folder_new();
	struct buf errors;

	buf_init(&errors, 65536);
	assert_int_equal(
	    folder_add_file(f, help_path("bob.yaml"), NULL, &errors), 0);
	if (folder_add_file(f, help_path("mallory.yaml"), NULL, &errors) !=
	    AG_EEXIST)
		fail_msg("taken: %s", error);
	assert_int_equal(folder_count(f), 1);
	if (strstr(buf_str(&errors), error) == NULL ||
	    strstr(buf_str(&errors), place) == NULL)
		fail_msg("%s", buf_str(&errors));
	assert_non_null(strstr(buf_str(&errors), "is bob's already ("));
	folder_free(&f);
	buf_free(&errors);
}

/* SPEC M-7.1: name, host, domain and keys are the first one's; a host and a
 * domain are the same to mail, and so are a server's and a client's key. */
static void
claims(void **state)
{
	static const struct net_node bob = {.name = "bob"},
				     mallory = {.name = "mallory"};
	static const char *const keys[][2] = {
	    {"ticket-key: ", "ticket-key: "},
	    {"receipt-key: ", "receipt-key: "},
	    {"ticket-key: ", "receipt-key: "},
	    {"host-keys: ", "host-keys: "},
	    {"client-keys: ", "client-keys: "},
	    {"host-keys: ", "client-keys: "},
	};
	char *his, *own, *with;
	size_t i;

	(void)state;
	write_node("bob.yaml", &bob);
	write_changed("mallory.yaml", &mallory, "name: mallory", "name: bob");
	add_pair("node.name: expected one of", "mallory.yaml:4:9: ");
	write_changed("mallory.yaml", &mallory, "mallory.example",
	    "m.example, bob.example");
	add_pair("node.domains: expected one of", "mallory.yaml:7:24: ");
	write_changed(
	    "mallory.yaml", &mallory, "mallory.example", "bob.friends.example");
	add_pair("node.domains: ", "mallory.yaml:7:13: ");
	write_changed("mallory.yaml", &mallory, "mallory.friends.example",
	    "bob.friends.example");
	add_pair("node.host: ", "mallory.yaml:6:9: ");
	write_changed(
	    "mallory.yaml", &mallory, "mallory.friends.example", "bob.example");
	add_pair("node.host: ", "mallory.yaml:6:9: ");
	for (i = 0; i < N(keys); i++) {
		his = line_of(&bob, keys[i][0]);
		own = line_of(&mallory, keys[i][1]);
		with = xasprintf("%s%s", keys[i][1], his + strlen(keys[i][0]));
		write_changed("mallory.yaml", &mallory, own, with);
		add_pair(
		    ": expected one of this node's own, ", "mallory.yaml:");
		free(his);
		free(own);
		free(with);
	}
}

/* What one node may name twice: its host is its domain. */
static void
claims_own(void **state)
{
	static const struct net_node bob = {
	    .name = "bob", .domains = "[bob.friends.example, bob.example]"};
	struct folder *f = folder_new();
	struct buf errors;

	(void)state;
	buf_init(&errors, 65536);
	write_node("bob.yaml", &bob);
	assert_int_equal(
	    folder_add_file(f, help_path("bob.yaml"), NULL, &errors), 0);
	folder_free(&f);
	buf_free(&errors);
}

/* A file that is refused claims nothing. */
static void
claims_refused(void **state)
{
	static const struct net_node bob = {.name = "bob"},
				     carol = {.name = "carol"},
				     mallory = {.name = "mallory",
					 .domains =
					     "[bob.example, carol.example]"};
	struct folder *f = folder_new();
	struct buf errors;

	(void)state;
	buf_init(&errors, 65536);
	write_node("bob.yaml", &bob);
	write_node("carol.yaml", &carol);
	write_node("mallory.yaml", &mallory);
	assert_int_equal(
	    folder_add_file(f, help_path("bob.yaml"), NULL, &errors), 0);
	assert_int_equal(
	    folder_add_file(f, help_path("mallory.yaml"), NULL, &errors),
	    AG_EEXIST);
	assert_int_equal(
	    folder_add_file(f, help_path("carol.yaml"), NULL, &errors), 0);
	folder_free(&f);
	buf_free(&errors);
}

/* SPEC M-7.2: one network. */
static void
other_network(void **state)
{
	static const struct net_node bob = {.name = "bob"},
				     carol = {.name = "carol"};
	struct folder *f = folder_new();
	struct buf errors;

	(void)state;
	buf_init(&errors, 65536);
	write_node("bob.yaml", &bob);
	write_changed("carol.yaml", &carol, "network: friends.example",
	    "network: foes.example");
	assert_int_equal(
	    folder_add_file(f, help_path("bob.yaml"), NULL, &errors), 0);
	assert_int_equal(
	    folder_add_file(f, help_path("carol.yaml"), NULL, &errors),
	    AG_EINVAL);
	assert_non_null(strstr(buf_str(&errors),
	    "carol.yaml:5:12: node.network: expected \"friends.example\""));
	folder_free(&f);
	buf_free(&errors);
}

/* With OpenPGP: the examples, and one of them changed. SPEC M-6.1, M-7.3 */
static void
signatures(void **state)
{
	const char *carol =
	    help_read(help_source("manifests/examples/carol.yaml"), NULL);
	struct folder *f = folder_new();
	struct buf errors;
	size_t refused;
	char *text;

	(void)state;
	buf_init(&errors, 65536);
	folder_verify(f, sign_verify);
	text = xstrdup(carol);
	strstr(text, "192.0.2.3")[8] = '4';
	help_write(help_path("carol.yaml"), text, strlen(text));
	free(text);
	assert_int_equal(
	    folder_add_file(f, help_path("carol.yaml"), help_dir(), &errors),
	    AG_ESIG);
	assert_non_null(strstr(buf_str(&errors),
	    "carol.yaml:54:1: the signature is not this text's"));
	buf_reset(&errors);
	assert_int_equal(folder_add_dir(f, help_source("manifests/examples"),
			     help_dir(), &errors, &refused),
	    0);
	if (refused != 0)
		fail_msg("%s", buf_str(&errors));
	assert_int_equal(folder_count(f), 4);
	folder_free(&f);
	buf_free(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(dir_bad_files),
	    help_test(dir_added_before),
	    help_test(dir_missing),
	    help_test(claims),
	    help_test(claims_own),
	    help_test(claims_refused),
	    help_test(other_network),
	    help_test(signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
