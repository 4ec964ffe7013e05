/* SPDX-License-Identifier: MIT */
/*
 * test_yaml - lib/util/yaml*.c: what is accepted, and every error's place
 * and words.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "util/yaml.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct buf errors;

/* Parses; the errors are in errors, which is freed by done(). */
static struct yaml *
parse(const char *text)
{
	buf_init(&errors, 1 << 20);
	return yaml_parse("f", text, strlen(text), &errors);
}

static void
done(struct yaml **doc)
{
	yaml_doc_free(doc);
	assert_null(*doc);
	buf_free(&errors);
}

static void
test_tree(void **state)
{
	static const char text[] = "version: 1\n"
				   "node:\n"
				   "  name: 'carol'\n"
				   "  addresses: [192.0.2.3, \"2001:db8::3\"]\n"
				   "  key: |\n"
				   "    one\n"
				   "    two\n"
				   "  free:\n"
				   "    b: 1\n"
				   "    a: 2\n";
	struct ynode *node, *list, *map;
	struct yaml *doc;
	const char *s;
	uint64_t n;

	(void)state;
	doc = parse(text);
	assert_non_null(doc);
	assert_true(ynode_is_map(yaml_root(doc)));
	assert_string_equal(ynode_path(yaml_root(doc)), "");
	assert_true(
	    yaml_get_uint(yaml_root(doc), "version", YAML_NEED, 1, 1, &n));
	assert_true(n == 1);
	assert_true(yaml_get_map(yaml_root(doc), "node", YAML_NEED, &node));
	assert_true(yaml_get_text(node, "name", YAML_NEED, &s));
	assert_string_equal(s, "carol");
	assert_true(yaml_get_seq(node, "addresses", YAML_NEED, &list));
	assert_int_equal(ynode_count(list), 2);
	assert_true(ynode_need_text(ynode_item(list, 1), &s));
	assert_string_equal(s, "2001:db8::3");
	assert_string_equal(
	    ynode_path(ynode_item(list, 1)), "node.addresses[2]");
	assert_int_equal(ynode_line(ynode_item(list, 1)), 4);
	assert_int_equal(ynode_column(ynode_item(list, 1)), 26);
	assert_null(ynode_item(list, 2));
	assert_null(ynode_text(list));
	assert_true(yaml_get_text(node, "key", YAML_NEED, &s));
	assert_string_equal(s, "one\ntwo\n");
	assert_true(yaml_get_map(node, "free", YAML_MAY, &map));
	assert_string_equal(ynode_key(map, 0), "b");
	assert_string_equal(ynode_key(map, 1), "a");
	assert_string_equal(ynode_text(ynode_value(map, 1)), "2");
	assert_string_equal(ynode_path(ynode_value(map, 1)), "node.free.a");
	assert_null(ynode_key(map, 2));
	assert_null(ynode_value(map, 2));
	assert_null(ynode_item(map, 0));
	yaml_finish(doc);
	assert_int_equal(yaml_errors(doc), 0);
	assert_string_equal(buf_str(&errors), "");
	done(&doc);
}

struct error_case {
	const char *text, *errors;
};

/* Each of these is the whole of what is reported when text is parsed, its
 * key "a" may be anything, and it is finished. */
static const struct error_case parse_cases[] = {
    {"", "f:1:1: the file is empty; expected settings\n"},
    {"# only\n", "f:2:1: the file is empty; expected settings\n"},
    {"a: 1\n---\nb: 1\n",
	"f:2:1: a second document begins here; expected "
	"the end of the file\n"},
    {"a: 1\n...\n", ""},
    {"%YAML 1.1\n---\na: 1\n", ""},
    {"%TAG ! t:\n---\na: 1\n", "f:1:1: %TAG is not allowed\n"},
    {"a: &x 1\n", "f:1:4: anchors (&x) are not allowed; write the value out\n"},
    {"a: &x [1]\n",
	"f:1:4: anchors (&x) are not allowed; write the value out\n"},
    {"a: &x {b: 1}\n",
	"f:1:4: anchors (&x) are not allowed; write the value out\n"},
    {"a: *x\n", "f:1:4: aliases (*x) are not allowed; write the value out\n"},
    {"a: !x 1\n", "f:1:4: tags (!x) are not allowed\n"},
    {"a: !!map {}\n", "f:1:4: tags (tag:yaml.org,2002:map) are not allowed\n"},
    {"a: ! 1\n", "f:1:4: tags (!) are not allowed\n"},
    {"a: 1\nb: 2\n\"a\": 3\n",
	"f:3:1: duplicate key \"a\"; the first is in line 1\n"
	"f:2:1: unknown key \"b\"; expected one of a\n"},
    {"[x, y]: 1\n", "f:1:1: expected a key, found a list\n"},
    {"? {x: y}\n: 1\n", "f:1:3: expected a key, found a mapping\n"},
    {"'': 1\n", "f:1:1: expected a key, found an empty text\n"},
    {"a: \"x\\0y\"\n", "f:1:4: a NUL character is not allowed in text\n"},
    {"a:\n\tb: 1\n", "f:2:1: a tab can't indent; use blanks\n"},
    {"a: @x\n",
	"f:1:4: expected a value, found \"@\"; put quotes around "
	"text that begins so\n"},
    {"a: `x`\n",
	"f:1:4: expected a value, found \"`\"; put quotes around "
	"text that begins so\n"},
    {"a: %x\n",
	"f:1:4: expected a value, found \"%\"; put quotes around "
	"text that begins so\n"},
    {"a: b: c\n",
	"f:1:5: unexpected \":\"; put quotes around text that has "
	"a colon in it, or look at the indentation\n"},
    {"a: 1\n  b: 2\n",
	"f:2:4: unexpected \":\"; put quotes around text that has a colon in "
	"it, or look at the indentation\n"},
    {"x:\n  a: 1\n b: 2\n",
	"f:3:2: expected a key at the indentation of the keys above\n"},
    {"a: 'open\nb: 1\n",
	"f:1:4: expected the closing quote before the file ends\n"},
    {"a: \"open\n---\nb: 1\n",
	"f:1:4: expected the closing quote before the document's end\n"},
    {"a: [1, 2\nb: 3\n", "f:2:2: expected \",\" or \"]\" in the list\n"},
    {"a: {b: 1\nc: 3\n", "f:2:2: expected \",\" or \"}\" in the mapping\n"},
    {"a: 1\nb\n", "f:3:1: expected \":\" and a value after the key\n"},
    {"a: \"\\w\"\n",
	"f:1:5: unknown escape in double quotes; single quotes "
	"leave a backslash as it is\n"},
    {"- 1\na: 2\n", "f:2:1: expected \"- \" and the next item of the list\n"},
    {"a: - 1\n",
	"f:1:4: a list can't begin here; put \"- \" on a line of "
	"its own\n"},
    {"a: |x\n  y\n", "f:1:5: expected the end of the line\n"},
    {"a: \xff\n", "f:1:4: not UTF-8\n"},
    {"a: 1\nb: gr\xfc\xdf\n", "f:2:6: not UTF-8\n"},
    {"a: \xc3", "f:1:4: not UTF-8\n"},
    {"a: \xed\xa0\x80\n", "f:1:4: not UTF-8\n"},
    {"a: \x1b[31m\n",
	"f:1:4: a control character; write it as an escape in double "
	"quotes\n"},
};

static void
test_parse_errors(void **state)
{
	struct yaml *doc;
	struct ynode *n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(parse_cases); i++) {
		doc = parse(parse_cases[i].text);
		if (doc != NULL) {
			yaml_get_any(yaml_root(doc), "a", YAML_MAY, &n);
			yaml_finish(doc);
		}
		if (strcmp(buf_str(&errors), parse_cases[i].errors) != 0)
			fail_msg("for:\n%s\nexpected:\n%sfound:\n%s",
			    parse_cases[i].text, parse_cases[i].errors,
			    buf_str(&errors));
		done(&doc);
	}
}

static void
test_bounds(void **state)
{
	struct yaml *doc;
	struct buf text;
	int i;

	(void)state;
	doc = parse("[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]\n");
	assert_non_null(doc);
	done(&doc);
	doc = parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n");
	assert_null(doc);
	assert_string_equal(
	    buf_str(&errors), "f:1:17: nested more than 16 levels deep\n");
	done(&doc);

	buf_init(&text, 1 << 20);
	for (i = 0; i < YAML_NODES_MAX - 1; i++)
		buf_puts(&text, "- 1\n");
	doc = parse(buf_str(&text));
	assert_non_null(doc);
	assert_int_equal(ynode_count(yaml_root(doc)), YAML_NODES_MAX - 1);
	done(&doc);
	buf_puts(&text, "- 1\n");
	doc = parse(buf_str(&text));
	assert_null(doc);
	assert_string_equal(buf_str(&errors),
	    "f:10000:3: more than 10000 values in one file\n");
	done(&doc);
	buf_free(&text);
}

static void
test_deep_documents_of_libyaml(void **state)
{
	struct yaml *doc;
	char *text = xcalloc(60001, 1);

	(void)state;
	memset(text, '[', 60000);
	doc = parse(text);
	assert_null(doc);
	assert_non_null(strstr(buf_str(&errors), "nested"));
	done(&doc);
	free(text);
}

/* The look-ups on "k", in a row; each case's one line of errors. */
enum look { TEXT, UINT, SIZE, DURATION, WORD, MAP, SEQ };

static bool
look(struct ynode *map, enum look what)
{
	static const char *const words[] = {"accept", "defer", "never", NULL};
	const char *s;
	struct ynode *n;
	unsigned w;
	uint64_t u;

	switch (what) {
	case TEXT:
		return yaml_get_text(map, "k", YAML_NEED, &s);
	case UINT:
		return yaml_get_uint(map, "k", YAML_NEED, 1, 65535, &u);
	case SIZE:
		return yaml_get_size(map, "k", YAML_NEED, &u);
	case DURATION:
		return yaml_get_duration(map, "k", YAML_NEED, &u);
	case WORD:
		return yaml_get_word(map, "k", YAML_NEED, words, &w);
	case MAP:
		return yaml_get_map(map, "k", YAML_NEED, &n);
	case SEQ:
		return yaml_get_seq(map, "k", YAML_NEED, &n);
	}
	return false;
}

static const struct {
	enum look what;
	const char *text; /* NULL error: it is fine */
	const char *error;
} look_cases[] = {
    {TEXT, "k: x", NULL},
    {TEXT, "k: 12", NULL},
    {TEXT, "k: ''", NULL},
    {TEXT, "k:", "f:1:3: k: expected text, found nothing"},
    {TEXT, "k: [x]", "f:1:4: k: expected text, found a list"},
    {TEXT, "k: {x: y}", "f:1:4: k: expected text, found a mapping"},
    {TEXT, "j: x", "f:1:1: k: missing; expected text"},
    {UINT, "k: 1", NULL},
    {UINT, "k: 65535", NULL},
    {UINT, "k: 0", "f:1:4: k: expected a number from 1 to 65535, found \"0\""},
    {UINT, "k: 65536",
	"f:1:4: k: expected a number from 1 to 65535, found \"65536\""},
    {UINT, "k: '1'",
	"f:1:4: k: expected a number from 1 to 65535, found \"1\""},
    {UINT, "k: 1x",
	"f:1:4: k: expected a number from 1 to 65535, found \"1x\""},
    {UINT, "k: -1",
	"f:1:4: k: expected a number from 1 to 65535, found \"-1\""},
    {UINT, "k: 0x1",
	"f:1:4: k: expected a number from 1 to 65535, found \"0x1\""},
    {UINT, "j: 1", "f:1:1: k: missing; expected a number from 1 to 65535"},
    {SIZE, "k: 25M", NULL},
    {SIZE, "k: 25", NULL},
    {SIZE, "k: 25MB",
	"f:1:4: k: expected a size such as 500K, 25M or 1G (powers of "
	"1,024), found \"25MB\""},
    {DURATION, "k: 10s", NULL},
    {DURATION, "k: 10",
	"f:1:4: k: expected a time such as 10s, 5m, 2h or 60d, found "
	"\"10\""},
    {WORD, "k: accept", NULL},
    {WORD, "k: never", NULL},
    {WORD, "k: nevre",
	"f:1:4: k: expected accept, defer or never, found \"nevre\""},
    {WORD, "j: x", "f:1:1: k: missing; expected accept, defer or never"},
    {MAP, "k: {a: 1}", NULL},
    {MAP, "k: x", "f:1:4: k: expected a mapping, found \"x\""},
    {MAP, "k:", "f:1:3: k: expected a mapping, found nothing"},
    {SEQ, "k: []", NULL},
    {SEQ, "k: x", "f:1:4: k: expected a list, found \"x\""},
    {SEQ, "k: {a: 1}", "f:1:4: k: expected a list, found a mapping"},
    /* Long and many-lined text is cut. */
    {UINT, "k: |\n  one\n  two\n",
	"f:1:4: k: expected a number from 1 to 65535, found \"one...\""},
    {UINT,
	"k: "
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	"f:1:4: k: expected a number from 1 to 65535, found "
	"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\""},
    /* Nothing of it moves a terminal. */
    {UINT, "k: \"\\e[31m\"",
	"f:1:4: k: expected a number from 1 to 65535, found "
	"\"\\x1b[31m\""},
    /* A document that is no mapping. */
    {TEXT, "- k", "f:1:1: expected a mapping, found a list"},
    {TEXT, "k", "f:1:1: expected a mapping, found \"k\""},
};

static void
test_look_ups(void **state)
{
	struct yaml *doc;
	char expected[512];
	size_t i;
	bool ok;

	(void)state;
	for (i = 0; i < COUNT(look_cases); i++) {
		doc = parse(look_cases[i].text);
		assert_non_null(doc);
		ok = look(yaml_root(doc), look_cases[i].what);
		snprintf(expected, sizeof(expected), "%s%s",
		    look_cases[i].error != NULL ? look_cases[i].error : "",
		    look_cases[i].error != NULL ? "\n" : "");
		if (strcmp(buf_str(&errors), expected) != 0)
			fail_msg("for: %s\nexpected:\n%s\nfound:\n%s",
			    look_cases[i].text, expected, buf_str(&errors));
		assert_int_equal(ok, look_cases[i].error == NULL);
		assert_int_equal(yaml_errors(doc), ok ? 0 : 1);
		done(&doc);
	}
}

static void
test_values(void **state)
{
	static const char *const words[] = {"accept", "defer", NULL};
	struct yaml *doc;
	struct ynode *root;
	unsigned w;
	uint64_t u;

	(void)state;
	doc = parse("size: 25M\ntime: 2h\nword: defer\n");
	root = yaml_root(doc);
	assert_true(yaml_get_size(root, "size", YAML_NEED, &u));
	assert_true(u == 25U << 20);
	assert_true(yaml_get_duration(root, "time", YAML_NEED, &u));
	assert_true(u == 7200);
	assert_true(yaml_get_word(root, "word", YAML_NEED, words, &w));
	assert_int_equal(w, 1);
	assert_false(yaml_get_uint(root, "none", YAML_MAY, 0, 9, &u));
	yaml_finish(doc);
	assert_int_equal(yaml_errors(doc), 0);
	done(&doc);
}

static void
test_all_errors_are_collected(void **state)
{
	struct ynode *root, *ssh;
	struct yaml *doc;
	const char *s;
	uint64_t u;

	(void)state;
	doc = parse("name: [x]\n"
		    "ssh: {prot: 22}\n"
		    "\"odd\\nkey\": 1\n"
		    "rest: &a 1\n");
	root = yaml_root(doc);
	yaml_get_text(root, "name", YAML_NEED, &s);
	assert_true(yaml_get_map(root, "ssh", YAML_NEED, &ssh));
	yaml_get_uint(ssh, "port", YAML_NEED, 1, 65535, &u);
	yaml_get_text(ssh, "key", YAML_MAY, &s);
	yaml_get_text(root, "rest", YAML_NEED, &s);
	yaml_finish(doc);
	assert_string_equal(buf_str(&errors),
	    "f:4:7: anchors (&a) are not allowed; write the value out\n"
	    "f:1:7: name: expected text, found a list\n"
	    "f:2:6: ssh.port: missing; expected a number from 1 to 65535\n"
	    "f:2:7: ssh: unknown key \"prot\"; expected one of port, key\n"
	    "f:3:1: unknown key \"odd\\x0akey\"; expected one of name, ssh, "
	    "rest\n");
	assert_int_equal(yaml_errors(doc), 5);
	done(&doc);
}

static void
test_finish_goes_into_lists(void **state)
{
	struct ynode *list, *n;
	struct yaml *doc;

	(void)state;
	doc = parse("list:\n  - {a: 1}\n  - {b: {c: 1}}\n");
	yaml_get_seq(yaml_root(doc), "list", YAML_NEED, &list);
	yaml_get_any(ynode_item(list, 0), "a", YAML_NEED, &n);
	yaml_get_any(ynode_item(list, 1), "b", YAML_NEED, &n);
	yaml_finish(doc);
	assert_string_equal(
	    buf_str(&errors), "f:3:10: list[2].b: unknown key \"c\"\n");
	done(&doc);
}

static void
test_errors_stay_within_the_buffer(void **state)
{
	struct yaml *doc;
	struct buf small;

	(void)state;
	buf_init(&small, 20);
	doc = yaml_parse("name", "a: &x 1\nb: *x\n", 14, &small);
	assert_non_null(doc);
	assert_int_equal(yaml_errors(doc), 2);
	assert_true(small.len <= 20);
	yaml_doc_free(&doc);
	buf_free(&small);
}

static void
test_long_paths_are_cut(void **state)
{
	struct yaml *doc;
	struct ynode *n;
	char text[512];

	(void)state;
	memset(text, 'x', 200);
	snprintf(text + 200, sizeof(text) - 200, ": {yyy: 1}\n");
	doc = parse(text);
	n = ynode_value(ynode_value(yaml_root(doc), 0), 0);
	assert_int_equal(ynode_line(n), 1);
	assert_string_equal(ynode_path(n), "yyy");
	assert_ptr_equal(ynode_path(n), ynode_path(n));
	done(&doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_tree),
	    help_test(test_parse_errors),
	    help_test(test_bounds),
	    help_test(test_deep_documents_of_libyaml),
	    help_test(test_look_ups),
	    help_test(test_values),
	    help_test(test_all_errors_are_collected),
	    help_test(test_finish_goes_into_lists),
	    help_test(test_errors_stay_within_the_buffer),
	    help_test(test_long_paths_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
