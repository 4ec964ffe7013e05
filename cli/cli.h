/* SPDX-License-Identifier: MIT */
/*
 * cli - what the subcommands of agamid(8) share: the command line's
 * --root and --config, messages, the scratch directory, the lock.
 *
 * The program is run by the operator, as root. It serves one job and
 * ends: memory that is out ends it (xstrdup() and friends).
 *
 * SECURITY: manifests come from others. What is printed to a terminal
 * goes through cli_out() and cli_error(), which escape control bytes.
 */
#ifndef AGAMID_CLI_H
#define AGAMID_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
	const char *root; /* "" or --root's directory, absolute */
	const char *config; /* --config's file, or NULL */
};

/* A subcommand: argv[0] is its name. An exit code. */
typedef int cli_command(const struct cli *cli, int argc, char **argv);

cli_command cmd_alert, cmd_init, cmd_manifest, cmd_peer, cmd_apply, cmd_status,
    cmd_queue, cmd_flush, cmd_setup, cmd_version, cmd_doctor, cmd_key,
    cmd_trace, cmd_pause, cmd_resume, cmd_drill, cmd_leave, cmd_rescue;

/* "agamid: ..." to standard error; CLI_FAILED, so that a caller can write
 * return cli_error("..."). */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* To standard output; every control byte but "\n" escaped. */
void cli_out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Each line of a buffer of errors, as it is, to standard error. */
void cli_lines(const struct buf *lines);
/* "usage: agamid ..." to standard error; CLI_USAGE. */
int cli_usage(const char *usage);

/* The configuration, or NULL after saying why not. */
struct conf *cli_conf(const struct cli *cli);

/* A new private directory, in memory where there is one; NULL after
 * saying why not. cli_scratch_free() removes it with what is in it; if the
 * program is killed before that, the next one does. One at a time. */
char *cli_scratch_new(void);
void cli_scratch_free(char **dir);

/* One agamid at a time changes the state directory: a descriptor to
 * close, or -1 after saying why not. Waits at most 10 seconds. */
int cli_lock(const struct conf *conf);

/* A list of words, as options that may be repeated make it. */
struct words {
	const char **word; /* borrowed from argv */
	size_t count;
};
void words_add(struct words *w, const char *word);
void words_free(struct words *w);

#endif
