/* SPDX-License-Identifier: MIT */
/*
 * bpipe - a bounded pipe in memory between two threads of one process.
 *
 * One thread pushes (a milter callback), another pulls (an OpenPGP
 * engine). Neither waits past the deadline. The bytes are wiped on free,
 * and the memory is excluded from core dumps.
 */
#ifndef AGAMID_BPIPE_H
#define AGAMID_BPIPE_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

struct bpipe;

/* size: bytes of capacity; timeout_ms: the longest any single push or
 * pull waits. NULL when memory is out. */
struct bpipe *bpipe_new(size_t size, unsigned timeout_ms);
void bpipe_free(struct bpipe **pipe);

/* 0; AG_EAGAIN: the deadline passed; AG_EIO: the reader has gone. */
int bpipe_push(struct bpipe *pipe, const void *data, size_t len);
/* The writer is done: the reader gets 0 after the last byte. */
void bpipe_finish(struct bpipe *pipe);
/* Either side gives up: both sides get AG_EIO from now on. */
void bpipe_abort(struct bpipe *pipe);
/* 1 ... len bytes; 0 at the end; AG_EAGAIN, AG_EIO as above. */
ssize_t bpipe_pull(struct bpipe *pipe, void *data, size_t len);

#endif
