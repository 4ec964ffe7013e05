/* SPDX-License-Identifier: MIT */
/*
 * rescue - a node that is lost: what its friends hold for it is fetched to
 * this machine, opened, and written into a Maildir. By an ordinary user,
 * with a backup of the node's keys and manifests.
 *
 * The work is agamid-relayd's and agamid-deliver's, as on the node itself:
 * they run as this user, below a root of their own beside the Maildir,
 * which goes when all has been written.
 */
#ifndef AGAMID_CLI_RESCUE_H
#define AGAMID_CLI_RESCUE_H

#include <sys/types.h>
#include <stdbool.h>

#include "cli/cli.h"
#include "cli/screen.h"

struct rescue {
	const char *kit; /* the backup: a directory or a tar file */
	const char *paper; /* the recovery key too; or NULL */
	bool remove; /* friends may delete what was written */

	/* rescue_prepare() */
	char *maildir, *work; /* absolute */
	int lock;
	struct conf *conf;

	/* rescue_start() */
	pid_t relayd, deliver;
};

/* Each an exit code, after saying why not. */
int rescue_prepare(struct rescue *x, const char *maildir);
int rescue_start(struct rescue *x);
/* Until nothing more comes; says what came of it. */
int rescue_watch(struct rescue *x);
/* Stops what was started. */
void rescue_end(struct rescue *x);

#endif
