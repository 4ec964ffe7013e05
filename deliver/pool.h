/* SPDX-License-Identifier: MIT */
/*
 * pool - the worker threads: jobs go in, run, and come out again. One
 * other thread uses it (the poll loop of server.c).
 */
#ifndef AGAMID_DELIVER_POOL_H
#define AGAMID_DELIVER_POOL_H

#include "deliver/job.h"
#include "util/error.h"

struct pool;

int pool_new(const struct home *home, unsigned threads, struct pool **p_r,
    struct error *error_r);
/* A job in; it is the pool's until it comes out. */
void pool_put(struct pool *p, struct job *j);
/* A job that has run, or NULL. */
struct job *pool_take(struct pool *p);
/* Readable when one has run; pool_take() until NULL after that. */
int pool_fd(const struct pool *p);
/* Waits for the threads; no job may be inside. */
void pool_free(struct pool **p);

#endif
