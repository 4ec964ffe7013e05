/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/publish.c: what is derived comes into force as a whole, or
 * not at all.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/publish.h"
#include "cli_help.h"
#include "mail/conf.h"

struct step {
	struct conf *conf;
	struct tree tree;
	struct published p;
	struct error why;
};

static int checks;

static int
pass(const struct conf *conf, const char *dir, const struct published *p,
    struct error *error_r)
{
	(void)conf;
	(void)p;
	(void)error_r;
	checks++;
	assert_true(help_exists(dir));
	return 0;
}

static int
refuse(const struct conf *conf, const char *dir, const struct published *p,
    struct error *error_r)
{
	(void)conf;
	(void)dir;
	(void)p;
	return error_set(error_r, AG_EINVAL, "no");
}

static void
put(struct tree *t, const char *path, const char *text)
{
	tree_put(t, path, text, strlen(text));
}

/* A tree with one table and one configuration, and these keys. */
static void
make_tree(struct tree *t, const char *table, const char *config)
{
	tree_init(t);
	put(t, "postfix/transport", table);
	put(t, "ssh/sshd_config", config);
	put(t, "keys", "none\n");
	tree_sort(t);
}

static int
publish(
    struct step *s, const char *table, const char *config, publish_check *check)
{
	int rc;

	make_tree(&s->tree, table, config);
	rc = publish_tree(s->conf, &s->tree, check, &s->p, &s->why);
	tree_free(&s->tree);
	return rc;
}

static const char *
in_force(const struct step *s)
{
	static char target[64];
	ssize_t n;

	n = readlink(s->conf->derived_dir, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return target;
}

static const char *
table_in_force(const struct step *s)
{
	char path[4096];

	snprintf(
	    path, sizeof(path), "%s/postfix/transport", s->conf->derived_dir);
	return help_read(help_path("%s", path + strlen(help_dir()) + 1), NULL);
}

static ino_t
inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void
begin(struct step *s)
{
	memset(s, 0, sizeof(*s));
	s->conf = fake_conf("");
	checks = 0;
}

/* SPEC N-15.2, N-15.3 */
static void
test_publish(void **state)
{
	struct step s;

	(void)state;
	begin(&s);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_true(s.p.changed && s.p.postfix && s.p.sshd);
	assert_string_equal(s.p.name, "derived.1");
	assert_string_equal(in_force(&s), "derived.1");
	assert_string_equal(table_in_force(&s), "a\n");

	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_false(s.p.changed || s.p.postfix || s.p.sshd);
	assert_string_equal(s.p.name, "derived.1");
	assert_int_equal(checks, 1);
	assert_false(
	    help_exists(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.2")));

	assert_int_equal(publish(&s, "b\n", "c\n", pass), 0);
	assert_true(s.p.changed && s.p.postfix && !s.p.sshd);
	assert_string_equal(in_force(&s), "derived.2");
	assert_string_equal(table_in_force(&s), "b\n");
	/* What is the same is the same file. */
	assert_int_equal(inode(help_path(AG_LOCALSTATEDIR
			     "/lib/agamid/derived.1/ssh/sshd_config")),
	    inode(help_path(
		AG_LOCALSTATEDIR "/lib/agamid/derived.2/ssh/sshd_config")));
	conf_free(&s.conf);
}

/* The one before is kept, older ones go, and so do half-made ones. */
static void
test_prune(void **state)
{
	struct step s;

	(void)state;
	begin(&s);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_int_equal(publish(&s, "b\n", "c\n", pass), 0);
	assert_int_equal(
	    mkdir(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.3"), 0755),
	    0);
	assert_int_equal(
	    mkdir(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.77"), 0755),
	    0);
	help_write(
	    help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.3/junk"), "x", 1);
	assert_int_equal(publish(&s, "d\n", "c\n", pass), 0);
	assert_string_equal(in_force(&s), "derived.3");
	assert_false(help_exists(
	    help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.3/junk")));
	assert_true(
	    help_exists(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.2")));
	assert_false(
	    help_exists(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.1")));
	assert_false(
	    help_exists(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.77")));
	conf_free(&s.conf);
}

/* A file that is no more wanted, or was damaged, is a change. */
static void
test_damage(void **state)
{
	struct step s;

	(void)state;
	begin(&s);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	help_write(help_path(AG_LOCALSTATEDIR
		       "/lib/agamid/derived.1/postfix/transport"),
	    "evil\n", 5);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_true(s.p.changed && s.p.postfix);
	assert_string_equal(table_in_force(&s), "a\n");

	make_tree(&s.tree, "a\n", "c\n");
	put(&s.tree, "manifests/bob.yaml", "bob\n");
	tree_sort(&s.tree);
	assert_int_equal(publish_tree(s.conf, &s.tree, pass, &s.p, &s.why), 0);
	tree_free(&s.tree);
	assert_true(s.p.changed && !s.p.postfix);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_true(s.p.changed && !s.p.postfix);
	assert_false(help_exists(help_path(
	    AG_LOCALSTATEDIR "/lib/agamid/derived/manifests/bob.yaml")));
	conf_free(&s.conf);
}

/* SPEC N-15.2: on any failure what was in force stays in force. */
static void
test_failures(void **state)
{
	static const char *const faults[] = {"derive.write error\n",
	    "derive.fsync error\n", "derive.dirsync error\n",
	    "derive.switch error\n"};
	struct step s;
	size_t i;

	(void)state;
	begin(&s);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	assert_int_equal(publish(&s, "b\n", "c\n", refuse), AG_EINVAL);
	assert_string_equal(in_force(&s), "derived.1");
	assert_false(
	    help_exists(help_path(AG_LOCALSTATEDIR "/lib/agamid/derived.2")));
#ifdef ENABLE_FAULT_POINTS
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		help_faults(faults[i]);
		assert_int_equal(publish(&s, "b\n", "c\n", pass), AG_EIO);
		help_faults(NULL);
		assert_string_equal(in_force(&s), "derived.1");
		assert_string_equal(table_in_force(&s), "a\n");
	}
#else
	(void)faults;
	(void)i;
#endif
	assert_int_equal(publish(&s, "b\n", "c\n", pass), 0);
	assert_string_equal(table_in_force(&s), "b\n");
	conf_free(&s.conf);
}

#ifdef ENABLE_FAULT_POINTS
static int
publish_and_die(void *ctx)
{
	struct step *s = ctx;

	return publish(s, "b\n", "c\n", pass) == 0 ? 0 : 1;
}

/* SPEC N-15.2: killed at any step, it is the old one or the new one. */
static void
test_kill(void **state)
{
	static const char *const faults[] = {"derive.write kill\n",
	    "derive.fsync kill\n", "derive.dirsync kill 3\n",
	    "derive.switch kill\n"};
	struct step s;
	size_t i;

	(void)state;
	begin(&s);
	assert_int_equal(publish(&s, "a\n", "c\n", pass), 0);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		help_faults(faults[i]);
		assert_int_equal(help_child(publish_and_die, &s), 128 + 9);
		help_faults(NULL);
		assert_string_equal(table_in_force(&s), "a\n");
	}
	assert_int_equal(publish(&s, "b\n", "c\n", pass), 0);
	assert_string_equal(table_in_force(&s), "b\n");
	conf_free(&s.conf);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_publish),
	    help_test(test_prune),
	    help_test(test_damage),
	    help_test(test_failures),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_kill),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
