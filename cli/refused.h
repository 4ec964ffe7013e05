/* SPDX-License-Identifier: MIT */
/*
 * refused - manifests that came by exchange and were not taken, in
 * manifests/NAME/refused: so that each is judged once, and told.
 *
 *	agamid-refused 1
 *	SHA256 SERIAL TIME REASON		(the last one is the newest)
 *
 * The reason is one line of printable text. At most REFUSED_KEPT are
 * remembered for a node. refused_add() and refused_next() are pure.
 */
#ifndef AGAMID_REFUSED_H
#define AGAMID_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

#define REFUSED_KEPT 64
#define REFUSED_REASON_MAX 400
#define REFUSED_MAX 65536 /* bytes of the file */
#define REFUSED_SHA256 65
#define REFUSED_TOLD (7 * 86400) /* seconds that it is told */

struct refusal {
	char sha256[REFUSED_SHA256];
	uint64_t serial;
	int64_t time;
	char reason[REFUSED_REASON_MAX + 1];
};

/* The file of a node; empty where there is none, or a damaged one. */
void refused_read(const struct conf *conf, const char *node, struct buf *b);
int refused_write(const struct conf *conf, const char *node,
    const struct buf *b, struct error *error_r);

/* A cursor over its records. */
void refused_begin(const struct buf *b, struct cursor *c);
bool refused_next(struct cursor *c, struct refusal *r);
bool refused_has(const struct buf *b, const char *sha256);

/* Add one at the end; the oldest fall out. */
void refused_add(struct buf *b, const struct refusal *r);

#endif
