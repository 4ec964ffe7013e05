/* SPDX-License-Identifier: MIT */
/*
 * agamid - the operator's program: sets a node up, knows its peers, and
 * makes what all other programs and Postfix read. See agamid(8).
 *
 * Run by root, but for rescue. Only peer add (which asks DNS), doctor,
 * drill and rescue use the network. It asks agamid-relayd and
 * agamid-deliver over their sockets, and runs ssh-keygen, sshd -t,
 * postconf, postmap and postfix by argument vectors, never through a shell.
 */
#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/usage.h"
#include "mail/keys.h"
#include "util/log.h"
#include "util/text.h"

struct command {
	const char *name;
	cli_command *run;
	const char *what;
	const char *usage;
};

static const struct command commands[] = {
    {"init", cmd_init, "make this node's keys and its signed manifest",
	USAGE_INIT},
    {"manifest", cmd_manifest, "check, edit, publish or show a manifest",
	USAGE_MANIFEST},
    {"peer", cmd_peer, "add, accept, remove or list peers", USAGE_PEER},
    {"apply", cmd_apply, "derive tables and keys from the manifests",
	USAGE_APPLY},
    {"setup", cmd_setup, "tell this machine's Postfix and Dovecot",
	USAGE_SETUP},
    {"status", cmd_status, "how this node is", USAGE_STATUS},
    {"doctor", cmd_doctor, "check the whole node", USAGE_DOCTOR},
    {"queue", cmd_queue, "the bundles held here; mail that was refused",
	USAGE_QUEUE},
    {"trace", cmd_trace, "what became of a bundle, and who said so",
	USAGE_TRACE},
    {"drill", cmd_drill, "send a test mail by way of a friend", USAGE_DRILL},
    {"pause", cmd_pause, "tell peers that this node will be away", USAGE_PAUSE},
    {"resume", cmd_resume, "tell peers that it is back", USAGE_RESUME},
    {"leave", cmd_leave, "hand on what is held, and leave the network",
	USAGE_LEAVE},
    {"rescue", cmd_rescue, "a lost node's mail into a Maildir", USAGE_RESCUE},
    {"alert", cmd_alert, "who tells you that this node is down", USAGE_ALERT},
    {"flush", cmd_flush, "call peers, and try what waits, now", USAGE_FLUSH},
    {"key", cmd_key, "the OpenPGP key of a mailbox", USAGE_KEY},
    {"version", cmd_version, "this program's version and engines",
	USAGE_VERSION},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_usage(FILE *out)
{
	size_t i;

	fputs("usage: agamid [--config FILE] [--root DIR] COMMAND ...\n"
	      "       agamid [--config FILE] [--root DIR] -n | -T\n"
	      "\n",
	    out);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].what);
	fputs("\nagamid COMMAND --help says how each is called. -n checks the "
	      "configuration,\n-T prints it. More: man 8 agamid\n",
	    out);
}

/* Takes "--NAME VALUE" or "--NAME=VALUE" at *at out of the arguments. */
static bool
take_option(
    int *argc, char **argv, int at, const char *name, const char **value_r)
{
	size_t len = strlen(name);
	int used = 1, i;

	if (strncmp(argv[at], name, len) != 0)
		return false;
	if (argv[at][len] == '=') {
		*value_r = argv[at] + len + 1;
	} else if (argv[at][len] == '\0' && at + 1 < *argc) {
		*value_r = argv[at + 1];
		used = 2;
	} else {
		return false;
	}
	for (i = at; i + used <= *argc; i++)
		argv[i] = argv[i + used];
	*argc -= used;
	return true;
}

/* --root and --config may stand before or behind the subcommand. */
static void
take_options(int *argc, char **argv, struct cli *cli)
{
	int i = 1;

	while (i < *argc && strcmp(argv[i], "--") != 0) {
		if (!take_option(argc, argv, i, "--root", &cli->root) &&
		    !take_option(argc, argv, i, "--config", &cli->config))
			i++;
	}
}

/* "/" and "" are the same root; others become absolute. */
static int
resolve_root(struct cli *cli, char path[PATH_MAX])
{
	struct stat st;

	if (cli->root[0] == '\0' || strcmp(cli->root, "/") == 0) {
		cli->root = "";
		return 0;
	}
	if (realpath(cli->root, path) == NULL || stat(path, &st) < 0)
		return cli_error("--root %s: %s", cli->root, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return cli_error("--root %s is no directory", cli->root);
	cli->root = strcmp(path, "/") == 0 ? "" : path;
	return 0;
}

/* -n and -T are conf_main()'s; it ends the process. */
static int
print_config(const struct cli *cli, const char *flag)
{
	char *argv[7];
	int argc = 0;

	argv[argc++] = xstrdup("agamid");
	if (cli->root[0] != '\0') {
		argv[argc++] = xstrdup("--root");
		argv[argc++] = xstrdup(cli->root);
	}
	if (cli->config != NULL) {
		argv[argc++] = xstrdup("--config");
		argv[argc++] = xstrdup(cli->config);
	}
	argv[argc++] = xstrdup(flag);
	argv[argc] = NULL;
	conf_main(argc, argv, "agamid", "usage: agamid -n | -T\n", NULL, NULL);
	return CLI_FAILED;
}

static bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return true;
	}
	return false;
}

static int
run_command(const struct cli *cli, int argc, char **argv)
{
	size_t i = 0;

	while (i < COMMANDS && strcmp(argv[0], commands[i].name) != 0)
		i++;
	if (i < COMMANDS && wants_help(argc, argv)) {
		printf("usage: agamid %s\n", commands[i].usage);
		return CLI_OK;
	}
	if (i < COMMANDS)
		return commands[i].run(cli, argc, argv);
	cli_error("there is no command %s", argv[0]);
	print_usage(stderr);
	return CLI_USAGE;
}

int
main(int argc, char **argv)
{
	struct cli cli = {"", NULL};
	char root[PATH_MAX];
	int rc;

	umask(022);
	log_open("agamid", LOG_LVL_WARN);
	take_options(&argc, argv, &cli);
	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(&cli, argc - 1, argv + 1);
	if (resolve_root(&cli, root) != 0)
		return CLI_FAILED;
	if (strcmp(argv[1], "-n") == 0 || strcmp(argv[1], "-T") == 0)
		return print_config(&cli, argv[1]);
	if (keys_init() < 0)
		return cli_error("libsodium can't be started");
	rc = run_command(&cli, argc - 1, argv + 1);
	if (fflush(stdout) != 0)
		return cli_error("can't write the output: %s", strerror(errno));
	return rc;
}
