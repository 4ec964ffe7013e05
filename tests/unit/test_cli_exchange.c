/* SPDX-License-Identifier: MIT */
/*
 * Tests of the pure parts around exchanged manifests: names in the inbox,
 * the list of refused ones, a body as text, what peers have, what DNS said.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "cli/inbox.h"
#include "cli/issue.h"
#include "cli/refused.h"
#include "cli/show.h"
#include "cli/store.h"
#include "cli/world.h"
#include "cli_help.h"
#include "util/text.h"

/* SPEC M-9.7 */
static void
test_inbox_names(void **state)
{
	static const struct {
		const char *file, *node;
		unsigned long long serial;
	} rows[] = {
	    {"bob.2026112201.0123456789abcdef.yaml", "bob", 2026112201},
	    {"a-1.1.0123456789abcdef.yaml", "a-1", 1},
	    {"bob.18446744073709551615.0123456789abcdef.yaml", "bob",
		18446744073709551615ULL},
	    {"bob.18446744073709551616.0123456789abcdef.yaml", NULL, 0},
	    {"bob.01.0123456789abcdef.yaml", NULL, 0},
	    {"bob..0123456789abcdef.yaml", NULL, 0},
	    {".1.0123456789abcdef.yaml", NULL, 0},
	    {"-b.1.0123456789abcdef.yaml", NULL, 0},
	    {"Bob.1.0123456789abcdef.yaml", NULL, 0},
	    {"../bob.1.0123456789abcdef.yaml", NULL, 0},
	    {"b/b.1.0123456789abcdef.yaml", NULL, 0},
	    {"bob.1.0123456789abcde.yaml", NULL, 0},
	    {"bob.1.0123456789abcdeg.yaml", NULL, 0},
	    {"bob.1.0123456789abcdef.yaml ", NULL, 0},
	    {"bob.1.0123456789abcdef.yml", NULL, 0},
	    {"bob.1", NULL, 0},
	    {"bob", NULL, 0},
	    {"", NULL, 0},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.1.0123456789abcdef.yaml", NULL,
		0},
	};
	char node[INBOX_NODE_MAX];
	uint64_t serial;
	size_t i;
	bool good;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good = inbox_parse_name(rows[i].file, node, &serial);
		if (good != (rows[i].node != NULL))
			fail_msg("%s: %d", rows[i].file, good);
		if (!good)
			continue;
		assert_string_equal(node, rows[i].node);
		assert_true(serial == rows[i].serial);
	}
}

/* SPEC M-9.8: one printable line each, the last 64. */
static void
test_refused(void **state)
{
	struct refusal r = {.time = 100}, got;
	struct buf b;
	struct cursor c;
	unsigned i, n = 0;

	(void)state;
	buf_init(&b, REFUSED_MAX);
	assert_false(refused_has(&b, "x"));
	for (i = 0; i < 70; i++) {
		snprintf(r.sha256, sizeof(r.sha256), "%064x", i);
		r.serial = i;
		snprintf(r.reason, sizeof(r.reason), "bad\n\033[2J\xff %u", i);
		refused_add(&b, &r);
	}
	assert_false(refused_has(&b,
	    "000000000000000000000000000000000000000"
	    "0000000000000000000000005"));
	refused_begin(&b, &c);
	while (refused_next(&c, &got)) {
		assert_int_equal(got.serial, 6 + n++);
		assert_int_equal(got.time, 100);
		assert_memory_equal(got.reason, "bad??[2J? ", 10);
	}
	assert_int_equal(n, REFUSED_KEPT);
	assert_true(
	    refused_has(&b, got.sha256[0] == '\0' ? r.sha256 : r.sha256));
	/* A damaged file is empty. */
	buf_reset(&b);
	assert_int_equal(buf_puts(&b, "agamid-refused 2\nhello\n"), 0);
	refused_begin(&b, &c);
	assert_false(refused_next(&c, &got));
	buf_free(&b);
}

static void
test_other_names(void **state)
{
	(void)state;
	assert_true(store_other_serial("12.other-0123456789abcdef.yaml") == 12);
	assert_true(store_other_serial("12.yaml") == 0);
	assert_true(store_other_serial("12.other-0123456789abcde.yaml") == 0);
	assert_true(store_other_serial("012.other-0123456789abcdef.yaml") == 0);
	assert_true(store_other_serial("x.other-0123456789abcdef.yaml") == 0);
}

/* SPEC M-10.1: comments and order stay. */
static void
test_body_set(void **state)
{
	static const char text[] = "# mine\nversion: 1\nserial: 5 # five\n"
				   "node:\n  # a comment\n  name: x\n"
				   "  openpgp: |\n    one\n\n    two\n"
				   "  # behind\n  mailboxes:\n    m:\n"
				   "      openpgp: |\n        inner\n...\n";
	static const struct {
		const char *key, *value, *want;
	} rows[] = {
	    {"name", "y", "  # a comment\n  name: y\n  openpgp: |\n    one"},
	    {"openpgp", "new\n\nkey\n",
		"  name: x\n  openpgp: |\n    new\n\n    key\n  # behind\n"},
	    {"alert", "a@b.example", "  alert: a@b.example\n  name: x\n"},
	    {"mailboxes", "{}", "  # behind\n  mailboxes: {}\n...\n"},
	};
	struct buf in, out;
	size_t i;

	(void)state;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	assert_int_equal(buf_puts(&in, text), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    body_set(&in, rows[i].key, rows[i].value, &out), 0);
		if (strstr(buf_str(&out), rows[i].want) == NULL)
			fail_msg("%s: %s", rows[i].key, buf_str(&out));
	}
	assert_int_equal(body_set_serial(&in, 7, &out), 0);
	assert_non_null(strstr(buf_str(&out), "serial: 7 # five\n"));
	assert_true(body_is_same(&in, &out));
	buf_reset(&in);
	assert_int_equal(buf_puts(&in, "version: 1\nnode: {name: x}\n"), 0);
	assert_int_equal(body_set(&in, "name", "y", &out), AG_EINVAL);
	assert_int_equal(body_set_serial(&in, 7, &out), 0);
	assert_string_equal(
	    buf_str(&out), "version: 1\nserial: 7\nnode: {name: x}\n");
	assert_false(body_is_same(&in, &out) && out.len == 0);
	buf_free(&out);
	buf_free(&in);
}

static void
test_body_take(void **state)
{
	static const struct {
		const char *text, *body;
	} rows[] = {
	    {"a: 1\n...\n-----BEGIN", "a: 1\n...\n"},
	    {"a: 1\n", "a: 1\n...\n"},
	    {"a: 1", "a: 1\n...\n"},
	    {"", "...\n"},
	    {"a: 1\n... \nb", "a: 1\n... \nb\n...\n"},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    body_take(rows[i].text, strlen(rows[i].text), &out), 0);
		assert_string_equal(buf_str(&out), rows[i].body);
	}
	buf_free(&out);
}

/* SPEC M-10.2 */
static void
test_serials(void **state)
{
	struct issue i = {.floor = 2026112205, .now = 1795305600};
	struct buf answer;

	(void)state;
	buf_init(&answer, 4096);
	assert_int_equal(
	    buf_puts(&answer,
		"peer=bob has=\"alice:2026112201 bob:2026112202\"\n"
		"peer=dave has=\"malice:9 alice:2026112209\"\n"
		"peer=eve has=\"\"\npeer=x has=\"alice:x alice: alice:-1\"\n"),
	    0);
	assert_true(issue_newest_there(&answer, "alice") == 2026112209);
	assert_true(issue_newest_there(&answer, "bob") == 2026112202);
	assert_true(issue_newest_there(&answer, "carol") == 0);
	assert_true(issue_serial(&i, 3000000000) == 3000000000);
	assert_true(issue_serial(&i, 2026112205) == 2026112206);
	i.floor = 1;
	assert_true(issue_serial(&i, 1) == 2026112201 + 0);
	buf_free(&answer);
}

/* A real answer's form: header, question, two MX. */
static void
test_world(void **state)
{
	static const unsigned char answer[] =
	    "\0\1\x81\x80\0\1\0\2\0\0\0\0"
	    "\3bob\7example\0\0\x0f\0\1"
	    "\xc0\x0c\0\x0f\0\1\0\0\0\x3c\0\x08\0\x14\3two\xc0\x0c"
	    "\xc0\x0c\0\x0f\0\1\0\0\0\x3c\0\x08\0\x0a\3one\xc0\x0c";
	struct buf out;
	size_t len;

	(void)state;
	buf_init(&out, 4096);
	world_read_mx(answer, sizeof(answer) - 1, &out);
	assert_string_equal(
	    buf_str(&out), "10 one.bob.example, 20 two.bob.example");
	for (len = 0; len < sizeof(answer) - 1; len++) {
		buf_reset(&out);
		world_read_mx(answer, len, &out);
		assert_true(out.len > 0);
	}
	buf_free(&out);
}

static void
test_ssh_fingerprint(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(show_ssh_fingerprint(SSH_KEY_1, &out), 0);
	assert_memory_equal(buf_str(&out), "ssh-ed25519 SHA256:", 19);
	assert_int_equal(out.len, 19 + 43);
	assert_int_equal(
	    show_ssh_fingerprint("ssh-ed25519 !", &out), AG_EINVAL);
	assert_int_equal(show_ssh_fingerprint("x", &out), AG_EINVAL);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_inbox_names),
	    help_test(test_refused),
	    help_test(test_other_names),
	    help_test(test_body_set),
	    help_test(test_body_take),
	    help_test(test_serials),
	    help_test(test_world),
	    help_test(test_ssh_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
