/* SPDX-License-Identifier: MIT */
/*
 * conf - the node's own configuration, /etc/agamid/agamid.yaml
 * (agamid.yaml(5)), and where things are.
 *
 *	node: carol
 *	log: info			# debug, info, warn, error
 *	openpgp: auto			# auto, gpgme, rnp
 *	dsn: own			# own, all
 *	spf: none			# none, header
 *	max-message-size: 100M		# of what we accept for others
 *	reserve: 1G			# free space never used
 *	sealing: {max: 8, timeout: 2m}
 *	relay: {retry-min: 1m, retry-max: 30m, idle: 10m, gate-wait: 5m}
 *	deliver: {parallel: 2, retry: 5m, networks: [192.168.1.0/24]}
 *	mailboxes:
 *	  contact: {deliver-to: carol, seal: held}	# held, always
 *	postfix: {queue-directory: /var/spool/postfix}
 *	dovecot: {lmtp: /run/dovecot/agamid-lmtp}
 *
 * All but node may be left out; the defaults are those shown (but
 * mailboxes: a mailbox's name is where it is delivered).
 * Everything is below root, which is "" but in labs (--root DIR).
 */
#ifndef AGAMID_CONF_H
#define AGAMID_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/buf.h"
#include "util/log.h"
#include "mail/openpgp.h"

/* Users (doc/spec/node.md); the groups have the same names. */
#define USER_MILTER "agamid-milter"
#define USER_RELAY "agamid"
#define USER_SSH "agamid-ssh"
#define USER_KEY "agamid-key"
#define GROUP_SPOOL "agamid"

/* Whose senders are told when their mail expires. */
enum conf_spf {
	CONF_SPF_NONE,
	CONF_SPF_HEADER, /* Postfix puts a field on top (milter/spf.h) */
};

enum conf_dsn {
	CONF_DSN_OWN, /* our own users */
	CONF_DSN_ALL, /* strangers, too, if SPF passes */
};

struct conf_mailbox {
	char *name;
	char *deliver_to;
	bool seal_always; /* also what arrives here directly */
};

struct conf {
	char *path; /* the file it came from */
	char *node;
	enum log_level log;
	enum openpgp_engine openpgp;
	enum conf_dsn dsn;
	enum conf_spf spf;
	uint64_t max_message_size;
	uint64_t reserve;
	unsigned sealing_max;
	unsigned sealing_timeout; /* seconds */
	unsigned retry_min, retry_max, idle; /* seconds */
	unsigned gate_wait; /* seconds */
	unsigned deliver_parallel;
	unsigned deliver_retry; /* seconds */
	char **networks; /* "net/bits" */
	size_t network_count;
	struct conf_mailbox *mailboxes;
	size_t mailbox_count;
	char *queue_dir; /* Postfix's queue_directory */
	char *lmtp_socket; /* Dovecot's, for agamid-seal */

	/* Derived from root; absolute. */
	char *root; /* "" or a directory */
	char *spool_dir; /* /var/spool/agamid */
	char *state_dir; /* /var/lib/agamid */
	char *derived_dir; /* /var/lib/agamid/derived (a link) */
	char *manifest_dir; /* /var/lib/agamid/manifests */
	char *secret_dir; /* /var/lib/agamid-key */
	char *run_dir; /* /run/agamid */
};

/*
 * Read path (NULL: root + /etc/agamid/agamid.yaml). Errors, a line each
 * with file:line:column, are appended to errors. NULL on error.
 */
struct conf *conf_load(const char *path, const char *root, struct buf *errors);
/* The same from memory; path is what errors call it. Pure. */
struct conf *conf_parse(const char *path, const void *data, size_t len,
    const char *root, struct buf *errors);
void conf_free(struct conf **c);
/* Every setting in force, as YAML that conf_load() reads (-T). */
int conf_print(const struct conf *c, FILE *out);
/* The mailbox's deliver-to, or its own name. */
const char *conf_deliver_to(const struct conf *c, const char *mailbox);
/* Is the mailbox's mail sealed however it comes? */
bool conf_seals_always(const struct conf *c, const char *mailbox);
/* Is there such a mailbox? */
bool conf_seals_any(const struct conf *c);

/*
 * What all daemons' command lines share: --config FILE, --root DIR, -n
 * (check, exit 0 or 1), -T (print, exit), --version, --help; ident and
 * usage are for messages: "usage: IDENT [common options] USAGE", so usage
 * names the program's own options ("[--dial NAME]") or is "". There are no
 * other arguments. Ends the process on error or after -n, -T, --version,
 * --help; else opens the log and returns the configuration.
 * With extra (a getopt_long table ended by zeros, may be NULL) other long
 * options are passed to on_extra(val, optarg).
 */
struct option;
struct conf *conf_main(int argc, char **argv, const char *ident,
    const char *usage, const struct option *extra,
    void (*on_extra)(int val, const char *arg));

#endif
