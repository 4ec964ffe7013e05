/* SPDX-License-Identifier: MIT */
/*
 * Tests of manifests/sign.c: the examples verify (they were signed by
 * another program), ours verify, and every change of the text, of the
 * signature or of a key is noticed.
 */
#include "help.h"
#include "net_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/text.h"
#include "mail/openpgp.h"
#include "manifests/sign.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* A node's key and its recovery key, made once for all tests. */
static char *primary, *recovery, *secret;

static struct manifest *
parse(const char *text)
{
	struct manifest *m;
	struct buf errors;

	buf_init(&errors, 65536);
	m = manifest_parse("test.yaml", text, strlen(text), &errors);
	if (m == NULL)
		fail_msg("%s", buf_str(&errors));
	buf_free(&errors);
	return m;
}

static int
verify(const char *text, struct error *e)
{
	struct manifest *m = parse(text);
	int rc = sign_verify(m, help_dir(), e);

	if (rc != 0)
		assert_string_equal(m->fpr, "");
	manifest_free(&m);
	return rc;
}

/* The block "  LABEL: |" with this key, each line indented. */
static char *
with_key(const char *text, const char *label, const char *armored)
{
	static const char end[] = "-----END PGP PUBLIC KEY BLOCK-----\n";
	char *begin = xasprintf("%s: |\n", label);
	const char *at = strstr(text, begin), *tail, *p;
	struct buf b;
	char *out;
	int indent = 0;

	assert_non_null(at);
	while (at - indent > text && at[-1 - indent] == ' ')
		indent++;
	at += strlen(begin);
	free(begin);
	tail = strstr(at, end);
	assert_non_null(tail);
	buf_init(&b, MANIFEST_MAX);
	buf_put(&b, text, (size_t)(at - text));
	for (p = armored; *p != '\0'; p += strcspn(p, "\n") + 1)
		buf_printf(&b, "%*s%.*s\n", *p != '\n' ? indent + 2 : 0, "",
		    (int)strcspn(p, "\n"), p);
	buf_puts(&b, tail + strlen(end));
	out = xstrdup(buf_str(&b));
	buf_free(&b);
	return out;
}

/* A manifest by our own keys, its more lines given, signed. */
static char *
signed_text(const char *more)
{
	struct net_node node = {.name = "erin", .more = more};
	char *text = net_yaml(&node), *next;
	struct error e;
	struct buf out;

	next = with_key(text, "openpgp", primary);
	free(text);
	text = with_key(next, "recovery", recovery);
	free(next);
	help_write(help_path("secret"), secret, strlen(secret));
	buf_init(&out, MANIFEST_MAX);
	if (sign_make(text, strlen(text), help_path("secret"), help_dir(), &out,
		&e) != 0)
		fail_msg("%s", e.text);
	free(text);
	text = xstrdup(buf_str(&out));
	buf_free(&out);
	return text;
}

static char *
changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf(
	    "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* SPEC M-6.1: what gpg signed verifies. */
static void
examples_verify(void **state)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave"};
	struct manifest *m;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < N(names); i++) {
		m = parse(help_read(
		    help_source("manifests/examples/%s.yaml", names[i]), NULL));
		if (sign_verify(m, help_dir(), &e) != 0)
			fail_msg("%s: %s", names[i], e.text);
		assert_int_equal(strlen(m->fpr), 40);
		assert_int_equal(strlen(m->recovery_fpr), 40);
		assert_string_not_equal(m->fpr, m->recovery_fpr);
		if (i == 0) {
			assert_int_equal(strlen(m->mailboxes[0].fpr), 40);
			assert_string_equal(m->mailboxes[1].fpr, "");
		}
		manifest_free(&m);
	}
}

/* SPEC M-6.1: any change of the text; no signature; another's. */
static void
examples_changed(void **state)
{
	const char *carol =
	    help_read(help_source("manifests/examples/carol.yaml"), NULL);
	const char *bob =
	    help_read(help_source("manifests/examples/bob.yaml"), NULL);
	static const char *const rows[][2] = {
	    {"192.0.2.3", "192.0.2.4"},
	    {"serial: 2026112103", "serial: 2026112104"},
	    {"# Carol's node", "# Karol's node"},
	    {"\n...\n", "\n\n...\n"},
	};
	struct error e;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		text = changed(carol, rows[i][0], rows[i][1]);
		assert_int_equal(verify(text, &e), AG_ESIG);
		assert_non_null(strstr(e.text, "the signature is not"));
		free(text);
	}
	text = xasprintf(
	    "%.*s", (int)(strstr(carol, "\n...\n") + 5 - carol), carol);
	assert_int_equal(verify(text, &e), AG_ESIG);
	assert_non_null(strstr(e.text, "the manifest is not signed"));
	i = strlen(text);
	text = realloc(text, i + strlen(bob));
	strcpy(text + i, strstr(bob, "\n...\n") + 5);
	assert_int_equal(verify(text, &e), AG_ESIG);
	free(text);
	text = changed(carol, "BEGIN PGP SIGNATURE-----\n\n",
	    "BEGIN PGP SIGNATURE-----\n\nAAAA");
	assert_true(verify(text, &e) < 0);
	free(text);
}

/* Somebody else's key in the manifest: the signature isn't by it. */
static void
examples_other_key(void **state)
{
	const char *carol =
	    help_read(help_source("manifests/examples/carol.yaml"), NULL);
	struct error e;
	char *text;

	(void)state;
	text = with_key(carol, "openpgp", primary);
	assert_int_equal(verify(text, &e), AG_ESIG);
	free(text);
}

static void
ours_verify(void **state)
{
	char *text = signed_text("");
	struct manifest *m = parse(text);
	struct error e;

	(void)state;
	if (sign_verify(m, help_dir(), &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(strncmp(m->text + m->body_len - 5, "\n...\n", 5), 0);
	manifest_free(&m);
	free(text);
}

/* SPEC M-2.3: the line "..." is added where it is missing, and only there. */
static void
make_end(void **state)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
	    {"a: 1", "a: 1\n...\n-----BEGIN PGP SIG"},
	    {"a: 1\n", "a: 1\n...\n-----BEGIN PGP SIG"},
	    {"a: 1\n...\n", "a: 1\n...\n-----BEGIN PGP SIG"},
	    {"a: 1\n...", "a: 1\n...\n-----BEGIN PGP SIG"},
	    {"a: ...", "a: ...\n...\n-----BEGIN PGP SIG"},
	};
	struct error e;
	struct buf out;
	char *big;
	size_t i;

	(void)state;
	help_write(help_path("secret"), secret, strlen(secret));
	for (i = 0; i < N(rows); i++) {
		buf_init(&out, MANIFEST_MAX);
		assert_int_equal(sign_make(rows[i].body, strlen(rows[i].body),
				     help_path("secret"), help_dir(), &out, &e),
		    0);
		if (strncmp(
			buf_str(&out), rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s: %s", rows[i].body, buf_str(&out));
		buf_free(&out);
	}
	/* With its signature it would be too long: nobody would read it. */
	big = xcalloc(1, MANIFEST_MAX);
	memset(big, '#', MANIFEST_MAX);
	buf_init(&out, 2 * MANIFEST_MAX);
	assert_int_equal(sign_make(big, MANIFEST_MAX - 10, help_path("secret"),
			     help_dir(), &out, &e),
	    AG_ETOOBIG);
	assert_int_equal(sign_make(big, MANIFEST_MAX, help_path("secret"),
			     help_dir(), &out, &e),
	    AG_ETOOBIG);
	assert_int_equal(out.len, 0);
	buf_free(&out);
	free(big);
	assert_true(
	    sign_make("a", 1, help_path("none"), help_dir(), &out, &e) < 0);
}

/* SPEC M-6.2: what a key must be fit for. */
static void
keys_unfit(void **state)
{
	static const struct {
		const char *label, *file, *error;
	} rows[] = {
	    {"openpgp", "noenc", "node.openpgp: the key has no encryption"},
	    {"openpgp", "certonly", "node.openpgp: the primary key must"},
	    {"recovery", "noenc", "node.recovery: the key has no encryption"},
	};
	struct net_node node = {.name = "erin"};
	char *plain = net_yaml(&node), *text, *one;
	const char *key;
	struct error e;
	struct buf out;
	size_t i;

	(void)state;
	help_write(help_path("secret"), secret, strlen(secret));
	for (i = 0; i < N(rows); i++) {
		key = help_read(
		    help_source("tests/unit/keys/%s.asc", rows[i].file), NULL);
		one = with_key(plain, "openpgp", primary);
		text = with_key(one, "recovery", recovery);
		free(one);
		one = with_key(text, rows[i].label, key);
		free(text);
		buf_init(&out, MANIFEST_MAX);
		assert_int_equal(sign_make(one, strlen(one),
				     help_path("secret"), help_dir(), &out, &e),
		    0);
		assert_int_equal(verify(buf_str(&out), &e), AG_ECRYPTO);
		if (strstr(e.text, rows[i].error) == NULL)
			fail_msg("%s", e.text);
		buf_free(&out);
		free(one);
	}
	free(plain);
}

/* SPEC M-6.2: the recovery key is another, not the same in another dress. */
static void
keys_same(void **state)
{
	char *dressed = changed(
	    primary, "BLOCK-----\n\n", "BLOCK-----\nComment: recovery\n\n");
	char *saved = recovery, *text;
	struct error e;

	(void)state;
	recovery = dressed;
	text = signed_text("");
	recovery = saved;
	assert_int_equal(verify(text, &e), AG_ECRYPTO);
	assert_non_null(strstr(e.text, "node.recovery: expected another key"));
	free(text);
	free(dressed);
}

/* SPEC M-6.3: a mailbox's key must take mail; the clock decides nothing. */
static void
keys_mailbox(void **state)
{
	static const struct {
		const char *file;
		int rc;
	} rows[] = {
	    {"noenc", AG_ECRYPTO},
	    {"revoked", 0}, /* SPEC M-6.4 */
	    {"certonly", 0},
	    {"expired", 0},
	};
	struct error e;
	struct buf b;
	const char *p;
	char *text, *lines;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		p = help_read(
		    help_source("tests/unit/keys/%s.asc", rows[i].file), NULL);
		buf_init(&b, 8192);
		for (; *p != '\0'; p += strcspn(p, "\n") + 1)
			buf_printf(
			    &b, "        %.*s\n", (int)strcspn(p, "\n"), p);
		lines = xasprintf("  mailboxes:\n"
				  "    own:\n"
				  "      openpgp: |\n"
				  "%s",
		    buf_str(&b));
		buf_free(&b);
		text = signed_text(lines);
		if (verify(text, &e) != rows[i].rc)
			fail_msg("%s", rows[i].file);
		if (rows[i].rc != 0)
			assert_non_null(
			    strstr(e.text, "node.mailboxes.own.openpgp: "));
		free(text);
		free(lines);
	}
}

/* What looks like a key and is none. */
static void
keys_garbage(void **state)
{
	struct net_node node = {.name = "erin"};
	char *text = net_yaml(&node);
	struct manifest *m = parse(text);
	struct error e;

	(void)state;
	assert_int_equal(sign_verify(m, help_dir(), &e), AG_ECRYPTO);
	assert_non_null(strstr(e.text, "node.openpgp: "));
	manifest_free(&m);
	free(text);
}

static int
make_keys(void **state)
{
	struct buf pub, sec, pub2, sec2;
	char dir[] = "/tmp/agamid-sign.XXXXXX";
	struct error e;

	(void)state;
	buf_init(&pub, OPENPGP_KEY_MAX);
	buf_init(&sec, OPENPGP_KEY_MAX);
	buf_init(&pub2, OPENPGP_KEY_MAX);
	buf_init(&sec2, OPENPGP_KEY_MAX);
	assert_non_null(mkdtemp(dir));
	if (openpgp_key_generate(
		"Erin <erin@erin.example>", dir, &pub, &sec, &e) != 0 ||
	    openpgp_key_generate("Erin (recovery) <erin@erin.example>", dir,
		&pub2, &sec2, &e) != 0)
		fail_msg("%s", e.text);
	primary = xstrdup(buf_str(&pub));
	secret = xstrdup(buf_str(&sec));
	recovery = xstrdup(buf_str(&pub2));
	buf_free(&pub);
	buf_free(&sec);
	buf_free(&pub2);
	buf_free(&sec2);
	rmdir(dir);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	free(primary);
	free(secret);
	free(recovery);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(examples_verify),
	    help_test(examples_changed),
	    help_test(examples_other_key),
	    help_test(ours_verify),
	    help_test(make_end),
	    help_test(keys_unfit),
	    help_test(keys_same),
	    help_test(keys_mailbox),
	    help_test(keys_garbage),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
