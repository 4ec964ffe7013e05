/* SPDX-License-Identifier: MIT */
/*
 * agamid rescue - a lost node's mail, from its friends into a Maildir.
 */
#include "cli/rescue.h"

#include <getopt.h>

#include "cli/usage.h"

static int
parse(int argc, char **argv, struct rescue *x, const char **to_r)
{
	static const struct option options[] = {
	    {"from", required_argument, NULL, 'f'},
	    {"to", required_argument, NULL, 't'},
	    {"recovery", required_argument, NULL, 'r'},
	    {"delete", no_argument, NULL, 'd'}, {0}};
	int val;

	optind = 0;
	while ((val = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (val == 'f')
			x->kit = optarg;
		else if (val == 't')
			*to_r = optarg;
		else if (val == 'r')
			x->paper = optarg;
		else if (val == 'd')
			x->remove = true;
		else
			return cli_usage(USAGE_RESCUE);
	}
	if (optind < argc || x->kit == NULL || *to_r == NULL)
		return cli_usage(USAGE_RESCUE);
	return CLI_OK;
}

int
cmd_rescue(const struct cli *cli, int argc, char **argv)
{
	struct rescue x = {.lock = -1};
	const char *to = NULL;
	int rc;

	if (cli->root[0] != '\0' || cli->config != NULL)
		return cli_usage(USAGE_RESCUE);
	rc = parse(argc, argv, &x, &to);
	if (rc == CLI_OK)
		rc = rescue_prepare(&x, to);
	if (rc == CLI_OK)
		rc = rescue_start(&x);
	if (rc == CLI_OK)
		rc = rescue_watch(&x);
	rescue_end(&x);
	return rc;
}
