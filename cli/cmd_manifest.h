/* SPDX-License-Identifier: MIT */
/*
 * cmd_manifest - the parts of agamid manifest, between cmd_manifest.c (what
 * only looks) and cmd_publish.c (what signs).
 */
#ifndef AGAMID_CMD_MANIFEST_H
#define AGAMID_CMD_MANIFEST_H

#include "cli/cli.h"

cli_command manifest_sign, manifest_publish, manifest_edit, manifest_rotate,
    manifest_revoke;

#endif
