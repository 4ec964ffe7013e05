/* SPDX-License-Identifier: MIT */
/*
 * test_conf - lib/mail/conf.c and conf_main.c: defaults, every error, what
 * -n and -T print.
 */
#include "help.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/conf.h"
#include "util/file.h"
#include "util/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct conf *
parse(const char *text, struct buf *errors)
{
	buf_init(errors, 65536);
	return conf_parse("f", text, strlen(text), "", errors);
}

static struct conf *
parse_good(const char *text)
{
	struct buf errors;
	struct conf *c = parse(text, &errors);

	if (c == NULL)
		fail_msg("%s", buf_str(&errors));
	assert_int_equal(errors.len, 0);
	buf_free(&errors);
	return c;
}

static void
test_defaults(void **state)
{
	struct conf *c = parse_good("node: carol\n");

	(void)state;
	assert_string_equal(c->path, "f");
	assert_string_equal(c->node, "carol");
	assert_int_equal(c->log, LOG_LVL_INFO);
	assert_int_equal(c->openpgp, OPENPGP_AUTO);
	assert_int_equal(c->dsn, CONF_DSN_OWN);
	assert_int_equal(c->spf, CONF_SPF_NONE);
	assert_true(c->max_message_size == 100U << 20);
	assert_true(c->reserve == 1U << 30);
	assert_int_equal(c->sealing_max, 8);
	assert_int_equal(c->sealing_timeout, 120);
	assert_int_equal(c->retry_min, 60);
	assert_int_equal(c->retry_max, 1800);
	assert_int_equal(c->idle, 600);
	assert_int_equal(c->deliver_parallel, 2);
	assert_int_equal(c->deliver_retry, 300);
	assert_int_equal(c->network_count, 0);
	assert_int_equal(c->mailbox_count, 0);
	assert_string_equal(c->queue_dir, "/var/spool/postfix");
	assert_string_equal(conf_deliver_to(c, "contact"), "contact");
	assert_false(conf_seals_any(c));
	assert_string_equal(c->lmtp_socket, "/run/dovecot/agamid-lmtp");
	conf_free(&c);
	assert_null(c);
	conf_free(&c);
}

static const char everything[] =
    "node: carol-2\n"
    "log: debug\n"
    "openpgp: gpgme\n"
    "dsn: all\n"
    "spf: header\n"
    "max-message-size: 300M\n"
    "reserve: 1536M\n"
    "sealing: {max: 3, timeout: 90s}\n"
    "relay:\n"
    "  retry-min: 10s\n"
    "  retry-max: 2h\n"
    "  idle: 1d\n"
    "deliver:\n"
    "  parallel: 1\n"
    "  retry: 1m\n"
    "  networks: [192.168.1.0/24, \"fd00::/8\"]\n"
    "mailboxes:\n"
    "  contact: {deliver-to: carol, seal: held}\n"
    "  \"123\": {deliver-to: a.b+c@carol.example}\n"
    "  dave: {seal: always}\n"
    "postfix: {queue-directory: \"/it's/a dir\"}\n"
    "dovecot: {lmtp: /run/dove/lmtp}\n";

static void
check_everything(const struct conf *c)
{
	assert_string_equal(c->node, "carol-2");
	assert_int_equal(c->log, LOG_LVL_DEBUG);
	assert_int_equal(c->openpgp, OPENPGP_GPGME);
	assert_int_equal(c->dsn, CONF_DSN_ALL);
	assert_int_equal(c->spf, CONF_SPF_HEADER);
	assert_true(c->max_message_size == 300U << 20);
	assert_true(c->reserve == 1536U << 20);
	assert_int_equal(c->sealing_max, 3);
	assert_int_equal(c->sealing_timeout, 90);
	assert_int_equal(c->retry_min, 10);
	assert_int_equal(c->retry_max, 7200);
	assert_int_equal(c->idle, 86400);
	assert_int_equal(c->deliver_parallel, 1);
	assert_int_equal(c->deliver_retry, 60);
	assert_int_equal(c->network_count, 2);
	assert_string_equal(c->networks[1], "fd00::/8");
	assert_int_equal(c->mailbox_count, 3);
	assert_string_equal(conf_deliver_to(c, "contact"), "carol");
	assert_string_equal(conf_deliver_to(c, "123"), "a.b+c@carol.example");
	assert_string_equal(conf_deliver_to(c, "dave"), "dave");
	assert_string_equal(conf_deliver_to(c, "other"), "other");
	assert_true(conf_seals_always(c, "dave") && conf_seals_any(c));
	assert_false(conf_seals_always(c, "contact"));
	assert_false(conf_seals_always(c, "other"));
	assert_string_equal(c->queue_dir, "/it's/a dir");
	assert_string_equal(c->lmtp_socket, "/run/dove/lmtp");
}

/* What conf_print() writes; freed by the caller. */
static char *
printed(const struct conf *c)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(conf_print(c, out), 0);
	fclose(out);
	return text;
}

static void
test_everything_and_back(void **state)
{
	struct conf *c = parse_good(everything);
	char *text = printed(c), *again;
	struct conf *d;

	(void)state;
	check_everything(c);
	d = parse_good(text);
	check_everything(d);
	again = printed(d);
	assert_string_equal(text, again);
	free(text);
	free(again);
	conf_free(&c);
	conf_free(&d);
	c = parse_good("node: 123\n");
	text = printed(c);
	d = parse_good(text);
	assert_string_equal(d->node, "123");
	free(text);
	conf_free(&c);
	conf_free(&d);
}

static const struct {
	const char *text, *errors;
} bad[] = {
    {"", "f:1:1: the file is empty; expected settings\n"},
    {"log: info\n", "f:1:1: node: missing; expected text\n"},
    {"- carol\n", "f:1:1: expected a mapping, found a list\n"},
    {"node: Carol\n",
	"f:1:7: node: expected a name of 1 to 32 of a-z, 0-9 "
	"and \"-\", found \"Carol\"\n"},
    {"node: ../x\n",
	"f:1:7: node: expected a name of 1 to 32 of a-z, 0-9 "
	"and \"-\", found \"../x\"\n"},
    {"node: a\nlog: loud\n",
	"f:2:6: log: expected debug, info, warn or error, found \"loud\"\n"},
    {"node: a\ndsn: none\n",
	"f:2:6: dsn: expected own or all, found \"none\"\n"},
    {"node: a\nopenpgp: pgp\n",
	"f:2:10: openpgp: expected auto, gpgme or rnp, found \"pgp\"\n"},
    {"node: a\nmax-message-size: 1K\n",
	"f:2:19: max-message-size: expected 65536 to 1099511627776 bytes, "
	"found 1K\n"},
    {"node: a\nreserve: 1g\n",
	"f:2:10: reserve: expected a size such as 500K, 25M or 1G (powers of "
	"1,024), found \"1g\"\n"},
    {"node: a\nsealing: {max: 0}\n",
	"f:2:16: sealing.max: expected a number from 1 to 256, found "
	"\"0\"\n"},
    {"node: a\nsealing: {timeout: 1s}\n",
	"f:2:20: sealing.timeout: expected 5s to 3600s, found 1s\n"},
    {"node: a\nsealing: 8\n",
	"f:2:10: sealing: expected a mapping, found \"8\"\n"},
    {"node: a\nrelay: {retry-min: 2h, retry-max: 1h}\n",
	"f:2:8: relay: expected retry-min (7200s) not above retry-max "
	"(3600s)\n"},
    {"node: a\nrelay: {retry-min: 2h}\n",
	"f:2:8: relay: expected retry-min (7200s) not above retry-max "
	"(1800s)\n"},
    {"node: a\ndeliver: {networks: [10.0.0.0/33, [x], \"::/0\"]}\n",
	"f:2:22: deliver.networks[1]: expected an address or a network such "
	"as 192.168.1.0/24, found \"10.0.0.0/33\"\n"
	"f:2:35: deliver.networks[2]: expected text, found a list\n"},
    {"node: a\nmailboxes: {b: c}\n",
	"f:2:16: mailboxes.b: expected a mapping, found \"c\"\n"},
    {"node: a\nmailboxes: {b: {}}\n",
	"f:2:16: mailboxes.b.deliver-to: missing; expected text\n"},
    {"node: a\nmailboxes: {b/c: {deliver-to: x}}\n",
	"f:2:18: mailboxes: expected names of 1 to 64 letters, digits, "
	"\".\", \"_\" and \"-\", found \"b/c\"\n"},
    {"node: a\nmailboxes: {b: {deliver-to: \"x y\"}}\n",
	"f:2:29: mailboxes.b.deliver-to: expected a user or an address, "
	"found \"x y\"\n"},
    {"node: a\nmailboxes: {b: {deliver-to: x, seal: now}}\n",
	"f:2:38: mailboxes.b.seal: expected held or always, found \"now\"\n"},
    {"node: a\ndovecot: {lmtp: x}\n",
	"f:2:17: dovecot.lmtp: expected a path that begins with "
	"\"/\", found \"x\"\n"},
    {"node: a\npostfix: {queue-directory: spool}\n",
	"f:2:28: postfix.queue-directory: expected a path that begins with "
	"\"/\", found \"spool\"\n"},
    {"node: a\nnod: b\nsealing: {maxx: 1}\n",
	"f:2:1: unknown key \"nod\"; expected one of node, log, openpgp, "
	"dsn, spf, max-message-size, reserve, sealing, relay, deliver, "
	"mailboxes, "
	"postfix, dovecot\n"
	"f:3:11: sealing: unknown key \"maxx\"; expected one of max, "
	"timeout\n"},
};

static void
test_errors(void **state)
{
	struct buf errors;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		c = parse(bad[i].text, &errors);
		assert_null(c);
		if (strcmp(buf_str(&errors), bad[i].errors) != 0)
			fail_msg("for:\n%s\nexpected:\n%s\nfound:\n%s",
			    bad[i].text, bad[i].errors, buf_str(&errors));
		buf_free(&errors);
	}
}

static void
test_an_engine_that_is_not_built(void **state)
{
	struct buf errors;
	struct conf *c = parse("node: a\nopenpgp: rnp\n", &errors);

	(void)state;
	if (openpgp_engine_built(OPENPGP_RNP)) {
		assert_non_null(c);
		assert_int_equal(c->openpgp, OPENPGP_RNP);
	} else {
		assert_null(c);
		assert_string_equal(buf_str(&errors),
		    "f:2:10: openpgp: this build has no rnp engine; expected "
		    "auto\n");
	}
	conf_free(&c);
	buf_free(&errors);
}

/* What must never get into a Postfix table. */
static void
test_targets(void **state)
{
	static const char *const wrong[] = {"''", "'a,b'", "'|cmd'", "/file",
	    "':include:/x'", "$x", "a@b", "a@", "'@b.example'", "-x", ".x",
	    "a@b@c.example", "\"a\\nb\"", "'\"a\"@b.example'", "a@B.example"};
	struct buf errors;
	struct conf *c;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++) {
		snprintf(text, sizeof(text),
		    "node: a\nmailboxes: {m: {deliver-to: %s}}\n", wrong[i]);
		c = parse(text, &errors);
		if (c != NULL)
			fail_msg("accepted: %s", wrong[i]);
		assert_non_null(strstr(buf_str(&errors),
		    "mailboxes.m.deliver-to: expected a user or an address"));
		buf_free(&errors);
	}
}

static void
test_paths_below_root(void **state)
{
	const char *root = help_path("root");
	char *dir = xasprintf("%s" AG_SYSCONFDIR, root);
	char *path = xasprintf("%s/agamid.yaml", dir);
	struct buf errors;
	struct conf *c;
	size_t len = strlen(root);

	(void)state;
	buf_init(&errors, 65536);
	assert_null(conf_load(NULL, root, &errors));
	assert_non_null(strstr(buf_str(&errors), path));
	assert_non_null(strstr(buf_str(&errors), "No such file"));
	buf_reset(&errors);

	assert_int_equal(file_mkdirs(dir, 0700, NULL), 0);
	help_write(path, "node: bob\n", 10);
	c = conf_load(NULL, root, &errors);
	assert_non_null(c);
	assert_string_equal(c->path, path);
	assert_memory_equal(c->spool_dir, root, len);
	assert_string_equal(
	    c->spool_dir + len, AG_LOCALSTATEDIR "/spool/agamid");
	assert_string_equal(c->state_dir + len, AG_LOCALSTATEDIR "/lib/agamid");
	assert_string_equal(
	    c->derived_dir + len, AG_LOCALSTATEDIR "/lib/agamid/derived");
	assert_string_equal(
	    c->manifest_dir + len, AG_LOCALSTATEDIR "/lib/agamid/manifests");
	assert_string_equal(
	    c->secret_dir + len, AG_LOCALSTATEDIR "/lib/agamid-key");
	assert_string_equal(c->run_dir + len, "/run/agamid");
	assert_string_equal(c->queue_dir + len, "/var/spool/postfix");
	conf_free(&c);
	buf_free(&errors);
	free(dir);
	free(path);
}

/* The command line ------------------------------------------------------ */

static const char *dialled;

static void
on_extra(int val, const char *arg)
{
	assert_int_equal(val, 'd');
	dialled = arg;
}

/* A daemon that tells what it would run with. */
static int
run_main(void *ctx)
{
	static const struct option extra[] = {
	    {"dial", required_argument, NULL, 'd'},
	    {NULL, 0, NULL, 0},
	};
	char **argv = ctx;
	struct conf *c;
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	setenv("JOURNAL_STREAM", "9:1", 1);
	c = conf_main(argc, argv, "agamid-x", "[--dial NAME]", extra, on_extra);
	printf("node=%s root=%s dial=%s\n", c->node, c->root,
	    dialled != NULL ? dialled : "");
	log_info("started");
	conf_free(&c);
	return 0;
}

#define MAIN_ARGS 8

static int
main_with(const char **out_r, const char *const *args)
{
	char *argv[MAIN_ARGS + 2] = {NULL};
	int i, rc;

	argv[0] = xstrdup("agamid-x");
	for (i = 0; i < MAIN_ARGS && args[i] != NULL; i++)
		argv[i + 1] = xstrdup(args[i]);
	rc = help_child_output(run_main, argv, out_r);
	for (i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	return rc;
}

#define main_is(out, ...) \
	main_with(out, (const char *const[]){__VA_ARGS__, NULL})

static void
test_main_starts(void **state)
{
	const char *path = help_path("a.yaml"), *out;

	(void)state;
	help_write(path, "node: bob\n", 10);
	assert_int_equal(main_is(&out, "--config", path), 0);
	assert_string_equal(
	    out, "<6>agamid-x: started\nnode=bob root= dial=\n");
	assert_int_equal(main_is(&out, "--config", path, "--dial", "carol",
			     "--root", "/x//"),
	    0);
	assert_string_equal(
	    out, "<6>agamid-x: started\nnode=bob root=/x dial=carol\n");
	help_write(path, "node: bob\nlog: warn\n", 20);
	assert_int_equal(main_is(&out, "--config", path, "--root", "/"), 0);
	assert_string_equal(out, "node=bob root= dial=\n");
}

static void
test_main_checks_and_prints(void **state)
{
	const char *path = help_path("a.yaml"), *out;
	char *expected;

	(void)state;
	help_write(path, "node: bob\n", 10);
	assert_int_equal(main_is(&out, "--config", path, "-n"), 0);
	expected = xasprintf("%s: ok\n", path);
	assert_string_equal(out, expected);
	free(expected);
	assert_int_equal(main_is(&out, "--config", path, "-T"), 0);
	assert_non_null(strstr(out, "\nnode: bob\n"));
	assert_non_null(strstr(out, "\nreserve: 1G\n"));
	assert_non_null(strstr(out, "\n  timeout: 2m\n"));
	assert_null(strstr(out, "started"));
}

static void
test_main_tells_all_errors(void **state)
{
	const char *path = help_path("a.yaml"), *out;
	char *expected;

	(void)state;
	help_write(path, "nod: bob\nlog: x\n", 16);
	expected = xasprintf(
	    "%s:1:1: node: missing; expected text\n"
	    "%s:2:6: log: expected debug, info, warn or error, found \"x\"\n"
	    "%s:1:1: unknown key \"nod\"; expected one of node, log, openpgp, "
	    "dsn, spf, max-message-size, reserve, sealing, relay, deliver, "
	    "mailboxes, "
	    "postfix, dovecot\n",
	    path, path, path);
	assert_int_equal(main_is(&out, "--config", path, "-n"), 1);
	assert_string_equal(out, expected);
	assert_int_equal(main_is(&out, "--config", path, "-T"), 1);
	assert_string_equal(out, expected);
	free(expected);
	/* A daemon tells them to the log, and doesn't start. */
	assert_int_equal(main_is(&out, "--config", path), 1);
	expected = xasprintf("<3>agamid-x: configuration error=\"%s:1:1: node: "
			     "missing; expected text\"\n",
	    path);
	assert_memory_equal(out, expected, strlen(expected));
	assert_non_null(strstr(out, "<3>agamid-x: not started: "));
	assert_null(strstr(out, "started\nnode="));
	free(expected);
}

static void
test_main_usage(void **state)
{
	static const char usage[] = "usage: agamid-x [--config FILE] "
				    "[--root DIR] [-n | -T] [--dial NAME]\n";
	const char *out;

	(void)state;
	assert_int_equal(main_is(&out, "--help"), 0);
	assert_string_equal(out, usage);
	assert_int_equal(main_is(&out, "--version"), 0);
	assert_string_equal(out, "agamid-x (" PACKAGE_STRING ")\n");
	assert_int_equal(main_is(&out, "--nonsense"), 2);
	assert_non_null(strstr(out, usage));
	assert_int_equal(main_is(&out, "extra"), 2);
	assert_non_null(strstr(out, "unexpected argument \"extra\""));
	assert_int_equal(main_is(&out, "--root", "relative"), 2);
	assert_non_null(strstr(out, "--root: expected a path"));
	assert_int_equal(main_is(&out, "--config", "/nonexistent/x", "-n"), 1);
	assert_non_null(strstr(out, "can't open /nonexistent/x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_defaults),
	    help_test(test_everything_and_back),
	    help_test(test_errors),
	    help_test(test_an_engine_that_is_not_built),
	    help_test(test_targets),
	    help_test(test_paths_below_root),
	    help_test(test_main_starts),
	    help_test(test_main_checks_and_prints),
	    help_test(test_main_tells_all_errors),
	    help_test(test_main_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
