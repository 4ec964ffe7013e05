/* SPDX-License-Identifier: MIT */
/*
 * world - what the world's DNS says about a domain, for the operator's
 * eyes: he is asked whether a peer is who he thinks.
 */
#ifndef AGAMID_WORLD_H
#define AGAMID_WORLD_H

#include <stddef.h>

#include "util/buf.h"

/*
 * One line into out: "10 bob.friends.example, 20 ...", sorted; or why
 * there is none ("no such domain", "DNS can't be asked now"). A few
 * seconds at most.
 */
void world_mx(const char *domain, struct buf *out);

/* The same from the bytes of an answer. Pure: for tests. */
void world_read_mx(const unsigned char *answer, size_t len, struct buf *out);

#endif
