/* SPDX-License-Identifier: MIT */
/*
 * agamid version - this program and the OpenPGP engines it was built with.
 */
#include "cli/cli.h"

#include "cli/usage.h"
#include "mail/openpgp.h"

int
cmd_version(const struct cli *cli, int argc, char **argv)
{
	static const enum openpgp_engine engines[] = {
	    OPENPGP_GPGME, OPENPGP_RNP};
	size_t i;

	(void)cli;
	(void)argv;
	if (argc > 1)
		return cli_usage(USAGE_VERSION);
	cli_out("agamid %s\n", PACKAGE_VERSION);
	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (openpgp_engine_built(engines[i]))
			cli_out("%s\n", openpgp_engine_version(engines[i]));
	}
	return CLI_OK;
}
