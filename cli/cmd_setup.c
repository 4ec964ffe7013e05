/* SPDX-License-Identifier: MIT */
/*
 * agamid setup - tells the Postfix, Dovecot and systemd that are there
 * about Agamid, and --undo makes them forget it. See setup.h.
 */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#include "cli/known.h"
#include "cli/setup.h"
#include "cli/usage.h"

struct options {
	enum setup_do how;
	bool force, undo;
};

static int
parse(int argc, char **argv, struct options *o)
{
	int i;

	memset(o, 0, sizeof(*o));
	o->how = SETUP_ASK;
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			o->how = SETUP_DRY_RUN;
		else if (strcmp(argv[i], "--yes") == 0 &&
		    o->how != SETUP_DRY_RUN)
			o->how = SETUP_YES;
		else if (strcmp(argv[i], "--force") == 0)
			o->force = true;
		else if (strcmp(argv[i], "--undo") == 0)
			o->undo = true;
		else
			return cli_usage(USAGE_SETUP);
	}
	return CLI_OK;
}

/* What Postfix and sshd are to read must be there first. */
static int
apply(const struct cli *cli)
{
	char name[] = "apply";
	char *argv[] = {name, NULL};

	return cmd_apply(cli, 1, argv);
}

static int
do_it(const struct cli *cli, const struct options *o)
{
	struct known k;
	int rc = CLI_OK;

	if (o->how != SETUP_DRY_RUN)
		rc = apply(cli);
	if (rc != CLI_OK)
		return rc;
	rc = known_load(
	    cli, o->how == SETUP_DRY_RUN ? KNOWN_READ : KNOWN_LOCKED, &k);
	if (rc == CLI_OK)
		rc = setup_do(k.conf, &k.roster, k.scratch, o->how, o->force);
	known_free(&k);
	return rc;
}

/* Needs no manifests: these may be gone, or wrong. */
static int
undo_it(const struct cli *cli, const struct options *o)
{
	struct conf *conf = cli_conf(cli);
	char *scratch = NULL;
	int rc = CLI_FAILED, lock;

	if (conf == NULL)
		return CLI_FAILED;
	lock = cli_lock(conf);
	if (lock >= 0)
		scratch = cli_scratch_new();
	if (scratch != NULL)
		rc = setup_undo(conf, scratch, o->how);
	cli_scratch_free(&scratch);
	if (lock >= 0)
		close(lock);
	conf_free(&conf);
	return rc;
}

int
cmd_setup(const struct cli *cli, int argc, char **argv)
{
	struct options o;
	int rc = parse(argc, argv, &o);

	if (rc != CLI_OK)
		return rc;
	return o.undo ? undo_it(cli, &o) : do_it(cli, &o);
}
