/* SPDX-License-Identifier: MIT */
/*
 * draft - the operator's own copy of this node's manifest, manifest.yaml
 * beside agamid.yaml: YAML without a signature, with his comments. He, or
 * a script, edits it; agamid manifest publish signs it.
 *
 * Its serial says which manifest it was made from, so that a draft that
 * is behind is not published by mistake.
 */
#ifndef AGAMID_DRAFT_H
#define AGAMID_DRAFT_H

#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/buf.h"
#include "util/error.h"

#define DRAFT_FILE "manifest.yaml"

/* Where it is; malloc'ed. */
char *draft_path(const struct conf *conf);

/* The body in a file (body.h); AG_ENOENT. */
int draft_read(const char *path, struct buf *body, struct error *error_r);

/* This body becomes the draft. */
int draft_write(
    const struct conf *conf, const struct buf *body, struct error *error_r);

/*
 * After m was signed: the draft gets its body, if there is none yet or if
 * it has nothing of its own: before is the body that was in force until
 * now (may be NULL). Else it stays, and AG_EEXIST says so.
 */
int draft_follow(const struct conf *conf, const struct manifest *m,
    const struct buf *before, struct error *error_r);

#endif
