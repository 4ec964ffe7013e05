/* SPDX-License-Identifier: MIT */
/*
 * agamid flush - call a peer, or all, now; and try what waits.
 */
#include "cli/cli.h"

#include <stdlib.h>

#include "cli/relay.h"
#include "cli/usage.h"
#include "util/text.h"

int
cmd_flush(const struct cli *cli, int argc, char **argv)
{
	const char *peer = argc == 2 ? argv[1] : NULL;
	unsigned long long calls;
	struct conf *conf;
	struct buf answer;
	struct error why;
	int rc = CLI_OK;
	char *command;

	if (argc > 2 || (peer != NULL && !text_is_node_name(peer)))
		return cli_usage(USAGE_FLUSH);
	conf = cli_conf(cli);
	if (conf == NULL)
		return CLI_FAILED;
	command = xasprintf("flush %s\n", peer == NULL ? "" : peer);
	buf_init(&answer, RELAY_ANSWER_MAX);
	if (relay_order(conf, command, &answer, &why) < 0) {
		rc = cli_error("%s", why.text);
	} else {
		calls = relay_number(buf_str(&answer), answer.len, "flushed");
		cli_out("%llu peer%s called, and own mail that waits is tried "
			"now\n",
		    calls, calls == 1 ? " is" : "s are");
	}
	buf_free(&answer);
	free(command);
	conf_free(&conf);
	return rc;
}
