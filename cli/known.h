/* SPDX-License-Identifier: MIT */
/*
 * known - all that most subcommands begin with: the configuration, the
 * lock, a scratch directory, the manifests that may be believed.
 */
#ifndef AGAMID_KNOWN_H
#define AGAMID_KNOWN_H

#include "cli/cli.h"
#include "cli/roster.h"

struct known {
	struct conf *conf;
	int lock; /* -1: none */
	char *scratch;
	struct verified *verified;
	char *verified_path;
	struct buf verified_text; /* as it was read */
	struct roster roster;
	bool loaded;
};

enum known_lock { KNOWN_READ, KNOWN_LOCKED };

/* CLI_OK, or an exit code after saying why. known_free() either way. */
int known_load(const struct cli *cli, enum known_lock lock, struct known *k);
/* Read the manifests anew: some have come since. */
int known_reload(struct known *k);
/* Others may go on; nothing may be changed any more. */
void known_unlock(struct known *k);
void known_free(struct known *k);

#endif
