/* SPDX-License-Identifier: MIT */
/*
 * cmd_manifest - the parts of agamid manifest, between cmd_manifest.c (what
 * only looks) and cmd_publish.c (what signs).
 */
#ifndef AGAMID_CMD_MANIFEST_H
#define AGAMID_CMD_MANIFEST_H

#include "cli/cli.h"

#define MANIFEST_USAGE                                                    \
	"manifest check FILE...\n"                                        \
	"       agamid manifest show [NAME]\n"                            \
	"       agamid manifest fingerprint [NAME]\n"                     \
	"       agamid manifest diff [FILE [FILE]]\n"                     \
	"       agamid manifest edit\n"                                   \
	"       agamid manifest publish [--force] [--wait TIME] [FILE]\n" \
	"       agamid manifest rotate [openpgp] [ticket] [receipt]\n"    \
	"       agamid manifest revoke subkeys|primary\n"                 \
	"       agamid manifest sign [FILE]"

cli_command manifest_sign, manifest_publish, manifest_edit, manifest_rotate,
    manifest_revoke;

#endif
