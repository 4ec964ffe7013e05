/* SPDX-License-Identifier: MIT */
/*
 * place - how many copies a bundle gets, and who is drawn to hold them
 * (doc/spec/relay.md, chapter 7). Pure: randomness is an argument.
 */
#ifndef AGAMID_RELAYD_PLACE_H
#define AGAMID_RELAYD_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "mail/ticket.h"

#define PLACE_BIG (1024 * 1024) /* over it, two copies are enough */
#define PLACE_COPIES_MAX 8

/* A number below `below` (> 0), all equally likely. */
typedef uint32_t place_random_fn(uint32_t below, void *ctx);

/* How many nodes are to hold it in all, the acceptor among them. */
unsigned place_copies(const struct ticket *t);

/*
 * Draw need of n candidates: out gets their indices (room for need). Every
 * set is equally likely. The count, less than need only if n is.
 */
size_t place_draw(
    size_t n, size_t need, place_random_fn *rnd, void *ctx, size_t *out);

/* place_random_fn from the system's generator. */
uint32_t place_random(uint32_t below, void *ctx);

#endif
