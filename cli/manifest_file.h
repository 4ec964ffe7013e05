/* SPDX-License-Identifier: MIT */
/*
 * manifest_file - a manifest that the operator named.
 */
#ifndef AGAMID_MANIFEST_FILE_H
#define AGAMID_MANIFEST_FILE_H

#include "manifests/manifest.h"

/* Well-formed, signed or not; NULL after saying each error, with its
 * place, to standard error. */
struct manifest *manifest_file_read(const char *path);

#endif
