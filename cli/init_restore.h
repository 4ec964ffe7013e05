/* SPDX-License-Identifier: MIT */
/*
 * init_restore - a node on a new machine: from a backup of its files, or
 * from the paper with its recovery key and its last manifest, which every
 * friend has.
 */
#ifndef AGAMID_INIT_RESTORE_H
#define AGAMID_INIT_RESTORE_H

#include "cli/cli.h"
#include "cli/init.h"
#include "manifests/manifest.h"

/*
 * path is a directory or a tar file that holds etc/agamid,
 * var/lib/agamid/manifests and var/lib/agamid-key: put them where they
 * belong. What is there is not replaced. An exit code.
 */
int restore_backup(const struct cli *cli, const char *path);
bool restore_is_backup(const char *path);

/*
 * SPEC M-13: the next manifest: old with new keys (keys), the recovery
 * key in paper (a file that has the armored secret in it) saying so. NULL
 * after saying why not.
 */
struct manifest *restore_succeed(const struct conf *conf,
    const struct manifest *old, const struct init_keys *keys, const char *paper,
    const char *scratch);

#endif
