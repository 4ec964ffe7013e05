/* SPDX-License-Identifier: MIT */
/*
 * cli_help - manifests and rosters in memory, for the tests of cli/.
 */
#ifndef AGAMID_CLI_HELP_H
#define AGAMID_CLI_HELP_H

#include "cli/roster.h"
#include "manifests/manifest.h"

/* SSH client keys that are well-formed and differ. */
#define SSH_KEY_1      \
	"ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAIHwI/hXmp/Kh4hDb97k1+uWrSBxG897IYmJn6K+W04CL"
#define SSH_KEY_2      \
	"ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAICMhZlfsz8OF7eo1NFvNvBvQFNzHNKUQJVcs1nKTqZGt"

/* NAME at NAME.friends.example for NAME.example, with fingerprints made of
 * fill and one SSH client key. Free with fake_free(). */
struct manifest *fake_manifest(const char *name, char fill, const char *ssh);
void fake_domain(struct manifest *m, const char *domain);
/* pattern NULL: the mailbox matches its own name. */
void fake_mailbox(struct manifest *m, const char *name, const char *pattern);
void fake_free(struct manifest **m);

/* self and up to one peer (may be NULL) in force; free with fake_unroster(),
 * which leaves the manifests. */
void fake_roster(
    struct roster *r, struct manifest *self, struct manifest *peer);
void fake_unroster(struct roster *r);

/* A node's configuration below the scratch directory. yaml is added to
 * "node: carol". conf_free() it. */
struct conf *fake_conf(const char *yaml);

#endif
