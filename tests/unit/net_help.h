/* SPDX-License-Identifier: MIT */
/*
 * net_help - derived directories for tests: nodes in a few words, whole
 * manifests and all that network_load() reads out of them. Keys are made
 * of the names, so they are the same each time; OpenPGP keys look like
 * such and are none.
 */
#ifndef AGAMID_TEST_NET_HELP_H
#define AGAMID_TEST_NET_HELP_H

#include <stddef.h>
#include <stdint.h>

#include "manifests/network.h"

struct net_node {
	const char *name;
	uint64_t serial; /* 0: 1 */
	unsigned key; /* which of its keys; another one, other keys */
	const char *domains; /* NULL: "[NAME.example]" */
	const char *more; /* further lines under node, indented by two */
};

/* The manifest, unsigned, in help_dir()'s time (freed by the caller). */
char *net_yaml(const struct net_node *node);
/* Write a new derived directory with these nodes in force and switch the
 * link to it; the path of the link. old: older manifests, may be NULL. */
const char *net_derive(const char *self, const struct net_node *nodes,
    size_t count, const struct net_node *old, size_t old_count);
/* The directory that the link names now. */
const char *net_derived(void);
/* Made-up fingerprint of a node's key: 40 hex digits; freed by the
 * caller. what is "primary", "recovery" or a mailbox. */
char *net_fpr(const char *node, const char *what);
/* A ticket ('t') or receipt ('r') key. */
void net_key(
    char kind, const char *node, unsigned key, struct verify_key *key_r);

#endif
