/* SPDX-License-Identifier: MIT */
/*
 * usage - each subcommand's command line, as cli_usage() and --help print
 * it, behind "usage: agamid ". The manual pages tell of the same options;
 * tests/integration/test_manual.py compares the two.
 */
#ifndef AGAMID_CLI_USAGE_H
#define AGAMID_CLI_USAGE_H

#define USAGE_ALERT "alert | alert ask PEER | alert confirm PEER:TOKEN"

#define USAGE_APPLY "apply [--no-reload] [--quiet]"

#define USAGE_DOCTOR                                                        \
	"doctor [--json] [--quiet] [--login USER [--password-file FILE]]\n" \
	"              [--canary ADDRESS] [CHECK...] | --list | --backed-up"

#define USAGE_DRILL "drill [--to ADDRESS] [--wait TIME] [--json] PEER"

#define USAGE_FLUSH "flush [PEER]"

#define USAGE_INIT                                                           \
	"init [--batch --name NAME --network DOMAIN --host HOST\n"           \
	"           --domain DOMAIN...] [--address ADDRESS]... "             \
	"[--dynamic HOST]\n"                                                 \
	"           [--mailbox NAME=PATTERN]... "                            \
	"[--deliver-to NAME=ADDRESS]...\n"                                   \
	"           [--site SITE] [--alert ADDRESS] [--recovery-out FILE]\n" \
	"           [--allow-backup|--deny-backup|--allow-store|"            \
	"--deny-store NAME]...\n"                                            \
	"           [--quota SIZE] [--max-message-size SIZE] "               \
	"[--ssh-port PORT]\n"                                                \
	"           [--mx N] [--copies N] [--copies-before-250 N] "          \
	"[--within TIME]\n"                                                  \
	"           [--on-failure accept|defer] [--hold TIME] "              \
	"[--primary-up defer|accept]\n"                                      \
	"       agamid init --restore PAPER --manifest FILE\n"               \
	"       agamid init --restore DIR|TAR"

#define USAGE_KEY                                                          \
	"key new MAILBOX [--home DIR] [--sheet FILE]\n"                    \
	"       agamid key import MAILBOX FILE [--home DIR] [--replace]\n" \
	"       agamid key passwd|export MAILBOX [--home DIR]\n"           \
	"       agamid key remove MAILBOX"

#define USAGE_LEAVE "leave [--yes] [--wait TIME] [--now] | leave --cancel"

#define USAGE_MANIFEST                                                    \
	"manifest check FILE...\n"                                        \
	"       agamid manifest show [NAME]\n"                            \
	"       agamid manifest fingerprint [NAME]\n"                     \
	"       agamid manifest diff [FILE [FILE]]\n"                     \
	"       agamid manifest edit\n"                                   \
	"       agamid manifest publish [--force] [--wait TIME] [FILE]\n" \
	"       agamid manifest rotate [openpgp] [ticket] [receipt]\n"    \
	"       agamid manifest revoke subkeys|primary\n"                 \
	"       agamid manifest sign [FILE]"

#define USAGE_PAUSE "pause [TIME]"

#define USAGE_PEER                                                  \
	"peer add FILE [--fingerprint FPR]\n"                       \
	"       agamid peer accept NAME|FILE [--fingerprint FPR]\n" \
	"       agamid peer remove NAME\n"                          \
	"       agamid peer list"

#define USAGE_QUEUE "queue [refused | expired] [--json] | queue again ID ..."

#define USAGE_RESCUE \
	"rescue --from DIR|TAR --to MAILDIR [--recovery PAPER] [--delete]"

#define USAGE_RESUME "resume"

#define USAGE_SETUP "setup [--dry-run | --yes] [--force] [--undo]"

#define USAGE_STATUS "status [--json | --prometheus] [--watch]"

#define USAGE_TRACE "trace [ID [--json]]"

#define USAGE_VERSION "version"

#endif
