/* SPDX-License-Identifier: MIT */
/*
 * init_options - the command line of `agamid init`. Values are checked
 * elsewhere: here they are only found.
 */
#include "cli/init.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/usage.h"

enum {
	O_BATCH = 1,
	O_NAME,
	O_NETWORK,
	O_HOST,
	O_DOMAIN,
	O_ADDRESS,
	O_DYNAMIC,
	O_SITE,
	O_ALERT,
	O_MAILBOX,
	O_DELIVER_TO,
	O_ALLOW_BACKUP,
	O_DENY_BACKUP,
	O_ALLOW_STORE,
	O_DENY_STORE,
	O_QUOTA,
	O_MAX_MESSAGE_SIZE,
	O_SSH_PORT,
	O_MX,
	O_COPIES,
	O_COPIES_BEFORE_250,
	O_WITHIN,
	O_ON_FAILURE,
	O_HOLD,
	O_PRIMARY_UP,
	O_RECOVERY_OUT,
	O_RESTORE,
	O_MANIFEST,
};

static const struct option long_options[] = {
    {"batch", no_argument, NULL, O_BATCH},
    {"name", required_argument, NULL, O_NAME},
    {"network", required_argument, NULL, O_NETWORK},
    {"host", required_argument, NULL, O_HOST},
    {"domain", required_argument, NULL, O_DOMAIN},
    {"address", required_argument, NULL, O_ADDRESS},
    {"dynamic", required_argument, NULL, O_DYNAMIC},
    {"site", required_argument, NULL, O_SITE},
    {"alert", required_argument, NULL, O_ALERT},
    {"mailbox", required_argument, NULL, O_MAILBOX},
    {"deliver-to", required_argument, NULL, O_DELIVER_TO},
    {"allow-backup", required_argument, NULL, O_ALLOW_BACKUP},
    {"deny-backup", required_argument, NULL, O_DENY_BACKUP},
    {"allow-store", required_argument, NULL, O_ALLOW_STORE},
    {"deny-store", required_argument, NULL, O_DENY_STORE},
    {"quota", required_argument, NULL, O_QUOTA},
    {"max-message-size", required_argument, NULL, O_MAX_MESSAGE_SIZE},
    {"ssh-port", required_argument, NULL, O_SSH_PORT},
    {"mx", required_argument, NULL, O_MX},
    {"copies", required_argument, NULL, O_COPIES},
    {"copies-before-250", required_argument, NULL, O_COPIES_BEFORE_250},
    {"within", required_argument, NULL, O_WITHIN},
    {"on-failure", required_argument, NULL, O_ON_FAILURE},
    {"hold", required_argument, NULL, O_HOLD},
    {"primary-up", required_argument, NULL, O_PRIMARY_UP},
    {"recovery-out", required_argument, NULL, O_RECOVERY_OUT},
    {"restore", required_argument, NULL, O_RESTORE},
    {"manifest", required_argument, NULL, O_MANIFEST},
    {NULL, 0, NULL, 0},
};

/* Options that take one value; the last one counts. */
static const char **
single_value(struct init_options *o, int option)
{
	switch (option) {
	case O_NAME:
		return &o->name;
	case O_NETWORK:
		return &o->network;
	case O_HOST:
		return &o->host;
	case O_DYNAMIC:
		return &o->dynamic;
	case O_SITE:
		return &o->site;
	case O_ALERT:
		return &o->alert;
	case O_QUOTA:
		return &o->quota;
	case O_MAX_MESSAGE_SIZE:
		return &o->max_message_size;
	case O_SSH_PORT:
		return &o->ssh_port;
	case O_MX:
		return &o->mx;
	case O_COPIES:
		return &o->copies;
	case O_COPIES_BEFORE_250:
		return &o->copies_before_250;
	case O_WITHIN:
		return &o->within;
	case O_ON_FAILURE:
		return &o->on_failure;
	case O_HOLD:
		return &o->hold;
	case O_PRIMARY_UP:
		return &o->primary_up;
	case O_RECOVERY_OUT:
		return &o->recovery_out;
	case O_RESTORE:
		return &o->restore;
	case O_MANIFEST:
		return &o->manifest;
	}
	return NULL;
}

/* Options that may be repeated. */
static struct words *
many_values(struct init_options *o, int option)
{
	switch (option) {
	case O_DOMAIN:
		return &o->domains;
	case O_ADDRESS:
		return &o->addresses;
	case O_MAILBOX:
		return &o->mailboxes;
	case O_DELIVER_TO:
		return &o->deliver_to;
	case O_ALLOW_BACKUP:
		return &o->allow_backup;
	case O_DENY_BACKUP:
		return &o->deny_backup;
	case O_ALLOW_STORE:
		return &o->allow_store;
	case O_DENY_STORE:
		return &o->deny_store;
	}
	return NULL;
}

int
init_parse(int argc, char **argv, struct init_options *o)
{
	const char **single;
	struct words *many;
	int c;

	memset(o, 0, sizeof(*o));
	optind = 1;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == O_BATCH)
			o->batch = true;
		else if ((single = single_value(o, c)) != NULL)
			*single = optarg;
		else if ((many = many_values(o, c)) != NULL)
			words_add(many, optarg);
		else
			return cli_usage(USAGE_INIT);
	}
	if (optind != argc)
		return cli_usage(USAGE_INIT);
	if (o->restore == NULL && !o->batch &&
	    !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		return cli_error("there is no terminal to ask on: give "
				 "--batch and the options (agamid(8))");
	return CLI_OK;
}

void
init_options_free(struct init_options *o)
{
	words_free(&o->domains);
	words_free(&o->addresses);
	words_free(&o->mailboxes);
	words_free(&o->deliver_to);
	words_free(&o->allow_backup);
	words_free(&o->deny_backup);
	words_free(&o->allow_store);
	words_free(&o->deny_store);
}
