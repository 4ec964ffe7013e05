/* SPDX-License-Identifier: MIT */
/*
 * init - the parts of `agamid init`: what was asked for, the secrets, the
 * first manifest and the configuration file. Each part makes only what is
 * missing, so that a run that was cut off is finished by the next.
 */
#ifndef AGAMID_INIT_H
#define AGAMID_INIT_H

#include "cli/cli.h"
#include "util/buf.h"
#include "util/error.h"

/* The command line; all text is borrowed from it. */
struct init_options {
	bool batch;
	const char *name, *network, *host, *dynamic, *site, *alert;
	const char *recovery_out;
	const char *restore, *manifest; /* --restore, --manifest */
	struct words domains, addresses;
	struct words mailboxes; /* NAME=PATTERN */
	struct words deliver_to; /* MAILBOX=ADDRESS */
	struct words allow_backup, deny_backup, allow_store, deny_store;
	const char *ssh_port, *quota, *max_message_size; /* NULL: default */
	const char *mx, *copies, *copies_before_250, *within, *on_failure;
	const char *hold, *primary_up;
};

/* The command line into *o: CLI_OK, or an exit code after saying why not.
 * init_options_free() either way. */
int init_parse(int argc, char **argv, struct init_options *o);
void init_options_free(struct init_options *o);

/* The keys that the manifest is made of. */
struct init_keys {
	struct buf openpgp, recovery; /* armored public */
	struct buf recovery_secret;
	char ticket[64], receipt[64]; /* "ed25519:..." */
	struct buf ssh_client, ssh_host; /* "ssh-ed25519 AAAA" */
};

/* Are the options enough, and of the right form? Each error is a line. */
int init_check(const struct init_options *o, struct buf *errors);

/* agamid.yaml for this node. */
int init_config_text(const struct init_options *o, const char *queue_dir,
    struct buf *out, struct error *error_r);

/* The manifest's YAML, up to its last line "...". */
int init_manifest_text(const struct init_options *o,
    const struct init_keys *keys, uint64_t serial, struct buf *out);

void init_keys_init(struct init_keys *keys);
void init_keys_wipe(struct init_keys *keys);

/* Are all secret files there? */
bool init_has_secrets(const struct conf *conf);
/* Make those that are missing; read the public parts of all. */
int init_make_secrets(const struct conf *conf, const char *domain,
    const char *scratch, struct init_keys *keys, struct error *error_r);
/* The recovery key, whose secret is in no file. */
int init_make_recovery(const struct conf *conf, const char *domain,
    const char *scratch, struct init_keys *keys, struct error *error_r);

#endif
