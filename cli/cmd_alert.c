/* SPDX-License-Identifier: MIT */
/*
 * agamid alert - the address where this node's owner is told that it is
 * down: who of the friends may write there, and how another one may.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "cli/draft.h"
#include "cli/known.h"
#include "cli/relay.h"
#include "cli/usage.h"
#include "mail/alert.h"
#include "mail/ticket.h"
#include "util/text.h"

static const char *
entry_name(const char *entry, char name[NODE_NAME_MAX + 1])
{
	snprintf(
	    name, NODE_NAME_MAX + 1, "%.*s", (int)strcspn(entry, ":"), entry);
	return name;
}

static int
show(const struct known *k)
{
	const struct manifest *self = k->roster.self;
	char name[NODE_NAME_MAX + 1];
	size_t i;

	if (self->alert == NULL) {
		cli_out("No alert address: set node.alert (agamid manifest "
			"edit).\n");
		return CLI_OK;
	}
	cli_out("%s is told when this node is down", self->alert);
	for (i = 0; i < self->alert_token_count; i++)
		cli_out("%s %s", i == 0 ? ", by one of:" : ",",
		    entry_name(self->alert_tokens[i], name));
	if (self->alert_token_count == 0)
		cli_out(" by nobody yet: agamid alert ask PEER");
	cli_out("\n");
	return CLI_OK;
}

static int
ask(const struct known *k, const char *peer)
{
	char *command = xasprintf("alert %s\n", peer);
	struct buf answer;
	struct error why;
	int rc = CLI_OK;

	buf_init(&answer, RELAY_ANSWER_MAX);
	if (relay_order(k->conf, command, &answer, &why) < 0)
		rc = cli_error("%s", why.text);
	else
		cli_out("%s was asked to write to %s. The mail has a line to "
			"type here.\nIf it does not come: agamid-relayd's log "
			"says what %s answered.\n",
		    peer, k->roster.self->alert, peer);
	buf_free(&answer);
	free(command);
	return rc;
}

/* The entries of the manifest in force, this one among them, as YAML. */
static int
list(const struct manifest *self, const char *entry, struct buf *out)
{
	char name[NODE_NAME_MAX + 1];
	size_t i, len;
	int rc;

	entry_name(entry, name);
	len = strlen(name) + 1;
	rc = buf_printf(out, "[\"%s\"", entry);
	for (i = 0; rc == 0 && i < self->alert_token_count; i++) {
		/* With its colon: of each node one. */
		if (strncmp(self->alert_tokens[i], entry, len) != 0)
			rc = buf_printf(out, ", \"%s\"", self->alert_tokens[i]);
	}
	return rc < 0 ? rc : buf_putc(out, ']');
}

static int
change_draft(const struct known *k, const char *value, struct error *why)
{
	const struct manifest *self = k->roster.self;
	char *path = draft_path(k->conf);
	struct buf draft, changed;
	int rc;

	buf_init(&draft, MANIFEST_MAX + 64);
	buf_init(&changed, MANIFEST_MAX + 64);
	rc = draft_read(path, &draft, why);
	if (rc == AG_ENOENT)
		rc = body_take(self->text, self->body_len, &draft);
	if (rc == 0) {
		rc = body_set(&draft, "alert-tokens", value, &changed);
		if (rc < 0)
			error_set(why, rc,
			    "%s is not written a key a line: put "
			    "alert-tokens: %s there yourself",
			    path, value);
	}
	if (rc == 0)
		rc = draft_write(k->conf, &changed, why);
	buf_free(&changed);
	buf_free(&draft);
	free(path);
	return rc;
}

static int
confirm(const struct known *k, const char *entry)
{
	const struct manifest *self = k->roster.self;
	struct error why = {""};
	struct buf value;
	int rc;

	if (self->alert == NULL)
		return cli_error("the manifest in force has no alert address");
	buf_init(&value, MANIFEST_MAX);
	rc = list(self, entry, &value);
	if (rc == 0)
		rc = change_draft(k, buf_str(&value), &why);
	buf_free(&value);
	if (rc < 0)
		return cli_error("%s", why.text);
	cli_out("It stands in the draft of the manifest. To make it known: "
		"agamid manifest publish\n");
	return CLI_OK;
}

int
cmd_alert(const struct cli *cli, int argc, char **argv)
{
	bool asks = argc == 3 && strcmp(argv[1], "ask") == 0;
	bool confirms = argc == 3 && strcmp(argv[1], "confirm") == 0;
	struct known k;
	int rc;

	if (argc != 1 && !(asks && text_is_node_name(argv[2])) &&
	    !(confirms && alert_entry_is(argv[2])))
		return cli_usage(USAGE_ALERT);
	rc = known_load(cli, confirms ? KNOWN_LOCKED : KNOWN_READ, &k);
	if (rc == CLI_OK && asks && k.roster.self->alert == NULL)
		rc = cli_error("the manifest in force has no alert address");
	else if (rc == CLI_OK && asks)
		rc = ask(&k, argv[2]);
	else if (rc == CLI_OK && confirms)
		rc = confirm(&k, argv[2]);
	else if (rc == CLI_OK)
		rc = show(&k);
	known_free(&k);
	return rc;
}
