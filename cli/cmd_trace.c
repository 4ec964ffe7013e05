/* SPDX-License-Identifier: MIT */
/*
 * agamid trace - what this node knows of a bundle: accepted, held where,
 * receipted, removed, delivered; when, and who said it.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli/deliver.h"
#include "cli/jsonout.h"
#include "cli/relay.h"
#include "cli/trace.h"
#include "cli/usage.h"
#include "util/sock.h"
#include "util/text.h"

#define DELIVER_SECONDS 10

static int
print(const struct trace *t, bool json)
{
	struct screen screen;
	struct buf out;
	json_t *o;

	if (json) {
		o = trace_json(t);
		jsonout_print(o);
		json_decref(o);
		return CLI_OK;
	}
	screen_find(&screen);
	screen.width = 512; /* replies and IDs whole */
	buf_init(&out, TRACE_TEXT_MAX);
	trace_text(t, &screen, &out);
	screen_put(stdout, &screen, &out, false);
	buf_free(&out);
	return CLI_OK;
}

/* agamid-deliver knows own mail only; what does not run tells nothing. */
static int
trace(const struct conf *conf, const char *id, bool json)
{
	char *command = xasprintf("trace %s\n", id), *request = NULL;
	struct buf relay, deliver;
	struct error why;
	struct trace t;
	int rc;

	buf_init(&relay, RELAY_ANSWER_MAX);
	buf_init(&deliver, SOCK_MESSAGE_MAX);
	if (relay_order(conf, command, &relay, &why) < 0) {
		rc = cli_error("%s", why.text);
		goto out;
	}
	trace_init(&t, conf->node, &relay, &deliver);
	request = xasprintf("trace %s\n", t.id);
	if (deliver_ask(conf, request, -1, DELIVER_SECONDS, &deliver, &why) < 0)
		cli_warn("%s", why.text);
	if (trace_is_empty(&t))
		rc = cli_error("nothing is known here of %s", id);
	else
		rc = print(&t, json);
out:
	buf_free(&deliver);
	buf_free(&relay);
	free(request);
	free(command);
	return rc;
}

static int
latest(const struct conf *conf)
{
	struct screen screen;
	struct buf relay, out;
	struct error why;
	int rc = CLI_OK;

	screen_find(&screen);
	buf_init(&relay, RELAY_ANSWER_MAX);
	buf_init(&out, TRACE_TEXT_MAX);
	if (relay_order(conf, "events\n", &relay, &why) < 0)
		rc = cli_error("%s", why.text);
	trace_events_text(&relay, &screen, &out);
	screen_put(stdout, &screen, &out, false);
	buf_free(&out);
	buf_free(&relay);
	return rc;
}

int
cmd_trace(const struct cli *cli, int argc, char **argv)
{
	bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
	struct conf *conf;
	int rc;

	if (argc > 3 || (argc == 3 && !json) ||
	    (argc > 1 &&
		(strlen(argv[1]) > BUNDLE_ID_LEN ||
		    !text_is_hex(argv[1], strlen(argv[1])))))
		return cli_usage(USAGE_TRACE);
	conf = cli_conf(cli);
	if (conf == NULL)
		return CLI_FAILED;
	rc = argc == 1 ? latest(conf) : trace(conf, argv[1], json);
	conf_free(&conf);
	return rc;
}
