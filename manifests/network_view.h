/* SPDX-License-Identifier: MIT */
/*
 * network_view - what a view consists of, between network.c (which answers
 * questions) and network_load.c (which makes it). Nobody else's.
 */
#ifndef AGAMID_NETWORK_VIEW_H
#define AGAMID_NETWORK_VIEW_H

#include <stdatomic.h>
#include <stddef.h>

#include "mail/keys.h"
#include "manifests/lookup.h"
#include "manifests/manifest.h"
#include "manifests/network.h"

/* A ticket or receipt key that is or was in force. */
struct network_key {
	struct network_key *next;
	struct verify_key key;
	char id[]; /* as network_key_id() makes it */
};

/* 't' or 'r', node and key name. */
#define NETWORK_KEY_ID_MAX 64

struct network {
	atomic_uint refs;
	char *dir;
	struct manifest **nodes; /* all, self too; by name */
	size_t node_count;
	const struct manifest *self; /* one of nodes */
	const struct manifest **peers; /* nodes without self */
	size_t peer_count;
	struct lookup *by_name; /* struct manifest, self too */
	struct lookup *by_domain; /* struct manifest, peers alone */
	struct lookup *by_key; /* struct verify_key */
	struct network_key *keys;
};

/* False where the names are too long for any key to be known. */
bool network_key_id(char kind, const char *node, const char *key_name,
    char id[NETWORK_KEY_ID_MAX]);
void network_free(struct network *n);

#endif
