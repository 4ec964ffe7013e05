/* SPDX-License-Identifier: MIT */
/*
 * layout - the directories of a node, who owns them and with what mode
 * (SPEC N-13.2), and the secret files' owners.
 *
 * SECURITY: each user can change only what is its own. Directories and
 * files are opened without following symbolic links before their owner
 * is set, for their parents may belong to another user than root.
 */
#ifndef AGAMID_LAYOUT_H
#define AGAMID_LAYOUT_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "mail/conf.h"
#include "util/error.h"

/* Files in conf->secret_dir. */
#define SECRET_OPENPGP "openpgp.asc"
#define SECRET_RECEIPT "receipt.seed"
#define SECRET_RECOVERY "recovery.asc" /* recovery.h */
#define SECRET_TICKET "ticket.seed"
#define SECRET_NODE "node.secret"
#define SECRET_SEALED "sealed.seed"
#define SEALED_PUBLIC "sealed.pub" /* in the state directory, for all */
#define SECRET_SSH_CLIENT "ssh-client"
#define SECRET_SSH_HOST "ssh-host"

struct manifest;

/*
 * May owners be set: are we root, without --root, with all of Agamid's
 * users there? If not, why_r says why.
 */
bool layout_sets_owners(const struct conf *conf, struct error *why_r);

/*
 * Make what is missing and correct what has another owner or mode, with
 * incoming/PEER for each peer, and the owners and modes of the secret
 * files that are there. owners: as layout_sets_owners() said. What is
 * right is not touched; *changed_r counts what was not.
 */
int layout_make(const struct conf *conf, bool owners,
    struct manifest *const *peers, size_t peer_count, unsigned *changed_r,
    struct error *error_r);

/* Every directory and secret of the layout, whether it is there or not. */
struct layout_entry {
	const char *path;
	const char *user, *group;
	mode_t mode;
	bool is_dir;
	bool is_secret;
	bool may_miss;
};
void layout_each(const struct conf *conf, struct manifest *const *peers,
    size_t peer_count,
    void (*tell)(void *ctx, const struct layout_entry *entry), void *ctx);

/* Where a secret file is; malloc'ed. */
char *layout_secret(const struct conf *conf, const char *name);

#endif
