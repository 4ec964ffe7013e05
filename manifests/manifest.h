/* SPDX-License-Identifier: MIT */
/*
 * manifest - one node's signed description of itself
 * (doc/spec/manifest.md, agamid-manifest(5)), into a typed struct.
 *
 * A file is at most MANIFEST_MAX bytes of UTF-8 YAML that ends in a line
 * "...", then an armored detached OpenPGP signature over the bytes up to
 * and including that line. Parsing and checking are pure; the signature
 * is checked by sign.h.
 */
#ifndef AGAMID_MANIFEST_H
#define AGAMID_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/keys.h"
#include "manifests/match.h"

#define MANIFEST_MAX 65536
#define MANIFEST_SERIAL_MAX (1ULL << 53)
#define MANIFEST_SSH_PORT 2222 /* where none is given */

struct manifest_mailbox {
	char *name;
	char *matches; /* as written; NULL: matches only its own name */
	struct match *match; /* compiled */
	char *openpgp; /* armored key of its own, or NULL */
	char fpr[41]; /* of openpgp; "" until sign.h fills it */
};

struct name_list { /* of node names, or "*" */
	char **names;
	size_t count;
};

enum on_failure { ON_FAILURE_ACCEPT, ON_FAILURE_DEFER };
enum primary_up { PRIMARY_UP_DEFER, PRIMARY_UP_ACCEPT };

struct manifest {
	uint64_t serial;
	char *name, *network, *host;
	char **addresses; /* text, checked */
	size_t address_count;
	char *dynamic; /* or NULL */
	char *site; /* or NULL: the node's own name counts */
	char **domains; /* lower case, A-labels */
	size_t domain_count;
	char *openpgp, *recovery; /* armored public keys */
	char fpr[41], recovery_fpr[41]; /* "" until sign.h fills them */
	struct verify_key ticket_key, receipt_key;
	unsigned ssh_port;
	char **ssh_host_keys; /* "ssh-ed25519 AAAA..." */
	size_t ssh_host_key_count;
	char **ssh_client_keys;
	size_t ssh_client_key_count;
	bool has_mailboxes; /* false: any address is accepted */
	struct manifest_mailbox *mailboxes;
	size_t mailbox_count;
	struct name_list backups_allow, backups_deny;
	unsigned backups_mx;
	struct name_list stores_allow, stores_deny;
	uint64_t quota, max_message_size; /* bytes */
	/* As wished; what holders grant say the functions below. */
	unsigned copies, copies_before_250;
	unsigned survive; /* percent of those that may hold; 0: copies counts */
	unsigned within; /* seconds */
	uint64_t hold; /* seconds */
	enum on_failure on_failure;
	enum primary_up primary_up;
	char *alert; /* or NULL */
	char **alert_tokens; /* "NODE:TOKEN" (mail/alert.h) */
	size_t alert_token_count;
	/* The recovery key's word for the primary and SSH client keys
	 * (sign.h), or NULL; of several the highest serial counts. */
	char *succession;
	uint64_t succession_serial;
	size_t body_len; /* bytes up to and including "..." */
	char *text; /* the whole file */
	size_t text_len;
};

/*
 * Parse and check everything that one file can tell. name is what errors
 * call it. Errors are appended to errors, a line each. NULL on error. The
 * seed's small form (only host and mailboxes under node) is an error that
 * lists what is missing.
 */
struct manifest *manifest_parse(
    const char *name, const void *data, size_t len, struct buf *errors);
void manifest_free(struct manifest **m);

/* Where the armored signature begins in m->text, or NULL if unsigned. */
const char *manifest_signature(const struct manifest *m);

enum match_result;
/*
 * Which mailbox does this local part belong to? MATCH_YES with *mailbox_r
 * (NULL where the manifest lists none), MATCH_NO, or MATCH_LIMIT when a
 * pattern hit its limits. postmaster and abuse always match: their
 * *mailbox_r is the first mailbox.
 */
enum match_result manifest_match(const struct manifest *m, const char *local,
    const struct manifest_mailbox **mailbox_r);

/* The mailbox of this name, or NULL. */
const struct manifest_mailbox *manifest_mailbox(
    const struct manifest *m, const char *name);
bool manifest_has_domain(const struct manifest *m, const char *domain);
/* allow contains name or "*", and deny doesn't contain name. */
bool name_list_allows(const struct name_list *allow,
    const struct name_list *deny, const char *name);
const char *manifest_site(const struct manifest *m);
/* The policy that others grant: copies at most 8, within at most 20 s, hold
 * at most 90 days. */
unsigned manifest_copies(const struct manifest *m);
/* The same where so many sites may hold its mail: with `survive` as many as
 * leave one when that part of them is gone. */
unsigned manifest_copies_of(const struct manifest *m, unsigned sites);
unsigned manifest_copies_before_250(const struct manifest *m);
unsigned manifest_within(const struct manifest *m);
uint64_t manifest_hold(const struct manifest *m);
/* May `holder` accept and hold mail of `home`? Both sides' lists. */
bool manifest_may_hold(
    const struct manifest *holder, const struct manifest *home);

#endif
