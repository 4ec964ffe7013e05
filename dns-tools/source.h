/* SPDX-License-Identifier: MIT */
/*
 * source - the manifests that agamid-zone is to use: files, directories
 * of them, or a node's derived directory.
 *
 * Signatures are checked, once for each file: what was found good is
 * remembered by its SHA-256 (manifests/verified.h). The files of a derived
 * directory were checked by `agamid apply`; they are taken as they are if
 * nobody but root and the caller could have written there.
 */
#ifndef AGAMID_ZONE_SOURCE_H
#define AGAMID_ZONE_SOURCE_H

#include "dns-tools/options.h"
#include "manifests/folder.h"

/* What is bad is told on standard error and counted. NULL: no memory. */
struct folder *source_read(const struct options *o, size_t *refused_r);

#endif
