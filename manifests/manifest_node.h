/* SPDX-License-Identifier: MIT */
/*
 * manifest_node - the part of manifest_parse.c that reads what stands under
 * node. Only manifest_parse.c asks.
 */
#ifndef AGAMID_MANIFEST_NODE_H
#define AGAMID_MANIFEST_NODE_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/yaml.h"
#include "manifests/manifest.h"

struct manifest_parse {
	const char *name;
	struct manifest *m;
	struct yaml *doc;
	struct ynode *root, *node;
	struct buf *errors;
	unsigned wrong; /* errors that doc didn't count */
	bool ended; /* a line "..." was there */
};

/* Fills p->m from p->node, a mapping. 0 (what is wrong is reported), or
 * AG_ENOMEM. */
int manifest_parse_node(struct manifest_parse *p);

#endif
