/* SPDX-License-Identifier: MIT */
/*
 * bpipe - a bounded pipe in memory between two threads. See bpipe.h.
 *
 * A ring under one lock. Only the two sides' own waits use the clock
 * (monotonic); there is no thread of its own.
 *
 * SECURITY: it carries mail in clear. Its memory is left out of core
 * dumps and wiped when freed; nothing of it is ever logged.
 */
#include "util/bpipe.h"

#include <sys/mman.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/error.h"

struct bpipe {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned timeout_ms;
	bool finished, aborted;
	char *ring;
	size_t size;
	size_t first; /* where the oldest byte is */
	size_t used;
};

struct bpipe *
bpipe_new(size_t size, unsigned timeout_ms)
{
	struct bpipe *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (p == NULL || size == 0)
		goto fail;
	p->ring = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->ring == MAP_FAILED)
		goto fail;
	if (madvise(p->ring, size, MADV_DONTDUMP) < 0) {
		munmap(p->ring, size);
		goto fail;
	}
	p->size = size;
	p->timeout_ms = timeout_ms;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	return p;
fail:
	free(p);
	return NULL;
}

void
bpipe_free(struct bpipe **pipe)
{
	struct bpipe *p = *pipe;

	*pipe = NULL;
	if (p == NULL)
		return;
	explicit_bzero(p->ring, p->size);
	munmap(p->ring, p->size);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct timespec
bpipe_deadline(const struct bpipe *p)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += p->timeout_ms / 1000;
	t.tv_nsec += (long)(p->timeout_ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Wait for the other side; the lock is held. */
static int
bpipe_wait(struct bpipe *p, const struct timespec *deadline)
{
	if (pthread_cond_timedwait(&p->changed, &p->lock, deadline) ==
	    ETIMEDOUT)
		return AG_EAGAIN;
	return 0;
}

/* As much as there is room for behind the newest byte; may be less than
 * the room where the ring's end comes between. */
static size_t
bpipe_fill(struct bpipe *p, const char *data, size_t len)
{
	size_t at = (p->first + p->used) % p->size;
	size_t n = p->size - p->used;

	if (n > p->size - at)
		n = p->size - at;
	if (n > len)
		n = len;
	memcpy(p->ring + at, data, n);
	p->used += n;
	return n;
}

int
bpipe_push(struct bpipe *p, const void *data, size_t len)
{
	const struct timespec deadline = bpipe_deadline(p);
	const char *from = data;
	size_t n;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (len > 0) {
		if (p->aborted || p->finished) {
			rc = AG_EIO;
			break;
		}
		if (p->used < p->size) {
			n = bpipe_fill(p, from, len);
			from += n;
			len -= n;
			pthread_cond_broadcast(&p->changed);
			continue;
		}
		rc = bpipe_wait(p, &deadline);
		if (rc < 0 && p->used == p->size)
			break;
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void
bpipe_finish(struct bpipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->finished = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void
bpipe_abort(struct bpipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->aborted = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static size_t
bpipe_drain(struct bpipe *p, char *data, size_t len)
{
	size_t done = 0, n;

	while (done < len && p->used > 0) {
		n = p->size - p->first;
		if (n > p->used)
			n = p->used;
		if (n > len - done)
			n = len - done;
		memcpy(data + done, p->ring + p->first, n);
		p->first = (p->first + n) % p->size;
		p->used -= n;
		done += n;
	}
	return done;
}

ssize_t
bpipe_pull(struct bpipe *p, void *data, size_t len)
{
	const struct timespec deadline = bpipe_deadline(p);
	ssize_t rc = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		if (p->aborted) {
			rc = AG_EIO;
			break;
		}
		if (p->used > 0) {
			rc = (ssize_t)bpipe_drain(p, data, len);
			pthread_cond_broadcast(&p->changed);
			break;
		}
		if (p->finished || rc < 0)
			break;
		rc = bpipe_wait(p, &deadline);
	}
	if (p->finished && rc == AG_EAGAIN)
		rc = 0;
	pthread_mutex_unlock(&p->lock);
	return rc;
}
