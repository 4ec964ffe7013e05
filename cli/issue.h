/* SPDX-License-Identifier: MIT */
/*
 * issue - the next manifest of this node: checked as its peers will, with
 * a serial above all that anybody knows, signed, kept (SPEC M-10).
 */
#ifndef AGAMID_ISSUE_H
#define AGAMID_ISSUE_H

#include <stdint.h>

#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/buf.h"
#include "util/error.h"

#define ISSUE_EXPIRY_MARGIN (60 * 86400) /* seconds, behind hold */

struct issue {
	const struct conf *conf;
	const char *scratch;
	const struct manifest *before; /* in force until now, or NULL */
	uint64_t floor; /* the highest serial that anybody knows */
	int64_t now;
};

/* The highest serial of this node that is on this machine: kept, come by
 * exchange, or refused. */
uint64_t issue_newest_here(const struct conf *conf);

/* The highest one of node that a peer has, by relayd's answer to
 * "serials". Pure. */
uint64_t issue_newest_there(const struct buf *answer, const char *node);

/*
 * May this body become the next manifest? Each reason why not is a line in
 * wrong (name is what they call the file), what the operator should know a
 * line in notes. The parsed draft, or NULL.
 */
struct manifest *issue_check(const struct issue *i, const char *name,
    const struct buf *body, struct buf *wrong, struct buf *notes);

/* The serial that the next one gets; wished is that of the draft. Pure. */
uint64_t issue_serial(const struct issue *i, uint64_t wished);

/* The body with this serial, signed, verified, and kept. NULL on error. */
struct manifest *issue_sign(const struct issue *i, const struct buf *body,
    uint64_t serial, struct error *error_r);

#endif
