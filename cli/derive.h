/* SPDX-License-Identifier: MIT */
/*
 * derive - everything that follows from the manifests in force, by one
 * function: what other programs read (manifests/network.h), Postfix's
 * tables, the keys and configuration of Agamid's own sshd, the sealing
 * keys. Pure: from a roster into a tree, no file is read or written.
 */
#ifndef AGAMID_DERIVE_H
#define AGAMID_DERIVE_H

#include "cli/roster.h"
#include "cli/tree.h"
#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

/* Paths in the tree. */
#define DERIVED_RELAY_DOMAINS "postfix/relay_domains"
#define DERIVED_RELAY_RECIPIENTS "postfix/relay_recipients"
#define DERIVED_TRANSPORT "postfix/transport"
#define DERIVED_PEERS "postfix/peers"
#define DERIVED_HOME_USERS "postfix/home_users"
#define DERIVED_OWN_RECIPIENTS "postfix/own_recipients.pcre"
#define DERIVED_OWN_ALIASES "postfix/own_aliases.pcre"
#define DERIVED_AUTHORIZED_KEYS "ssh/authorized_keys"
#define DERIVED_SSHD_CONFIG "ssh/sshd_config"
#define DERIVED_SEALING "sealing"
#define DERIVED_AT_HOME "at-home"

#define DERIVED_HEADER "# Made by agamid apply; changes here are lost.\n"

/*
 * The whole tree, sorted. Warnings (a line each) are appended to
 * problems. An error means that nothing may be published.
 */
int derive_all(const struct conf *conf, const struct roster *r, struct tree *t,
    struct buf *problems, struct error *error_r);

/* Its parts. */
int derive_postfix(const struct conf *conf, const struct roster *r,
    struct tree *t, struct buf *problems, struct error *error_r);
/* Routes are appended to those of transport_maps. */
int derive_home(const struct conf *conf, const struct manifest *self,
    struct tree *t, struct buf *routes, struct buf *problems,
    struct error *error_r);
int derive_ssh(const struct conf *conf, const struct roster *r, struct tree *t,
    struct error *error_r);
int derive_keys(const struct roster *r, struct tree *t, struct error *error_r);

/* Where a mailbox's mail goes: deliver-to, in the first own domain where it
 * names none. malloc'ed; NULL if it can't stand in a table. */
char *derive_target(const struct conf *conf, const struct manifest *self,
    const struct manifest_mailbox *box, struct error *error_r);

#endif
