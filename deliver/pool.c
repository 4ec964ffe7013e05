/* SPDX-License-Identifier: MIT */
/*
 * pool - the worker threads. See pool.h.
 */
#include "deliver/pool.h"

#include <sys/eventfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/text.h"
#include "deliver/notice.h"

struct jobs { /* a queue */
	struct job *first, *last;
};

struct pool {
	const struct home *home;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct jobs todo, done;
	bool stopping;
	int event;
	pthread_t *threads;
	unsigned count;
};

static void
jobs_put(struct jobs *q, struct job *j)
{
	j->next = NULL;
	if (q->last != NULL)
		q->last->next = j;
	else
		q->first = j;
	q->last = j;
}

static struct job *
jobs_take(struct jobs *q)
{
	struct job *j = q->first;

	if (j == NULL)
		return NULL;
	q->first = j->next;
	if (q->first == NULL)
		q->last = NULL;
	j->next = NULL;
	return j;
}

/* The next job, or NULL at the end. */
static struct job *
pool_wait(struct pool *p)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	while (p->todo.first == NULL && !p->stopping)
		pthread_cond_wait(&p->work, &p->lock);
	j = jobs_take(&p->todo);
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *
pool_thread(void *arg)
{
	struct pool *p = arg;
	struct worker worker = {.home = p->home};
	struct job *j;

	while ((j = pool_wait(p)) != NULL) {
		if (request_is_notice(j->kind))
			notice_run(&worker, j);
		else
			job_run(&worker, j);
		pthread_mutex_lock(&p->lock);
		jobs_put(&p->done, j);
		pthread_mutex_unlock(&p->lock);
		eventfd_write(p->event, 1);
	}
	worker_end(&worker);
	return NULL;
}

/* Signals are for the poll loop's thread. */
static int
pool_start(struct pool *p, unsigned threads)
{
	sigset_t all, old;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (rc == 0 && p->count < threads) {
		rc =
		    pthread_create(&p->threads[p->count], NULL, pool_thread, p);
		if (rc == 0)
			p->count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0 ? 0 : AG_EIO;
}

int
pool_new(const struct home *home, unsigned threads, struct pool **p_r,
    struct error *error_r)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	int rc;

	p->home = home;
	p->threads = xcalloc(threads, sizeof(*p->threads));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->event < 0 ? AG_EIO : pool_start(p, threads);
	if (rc < 0) {
		error_set_errno(error_r, rc, "can't start threads");
		pool_free(&p);
	}
	*p_r = p;
	return rc;
}

void
pool_put(struct pool *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	jobs_put(&p->todo, j);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

struct job *
pool_take(struct pool *p)
{
	eventfd_t count;
	struct job *j;

	eventfd_read(p->event, &count);
	pthread_mutex_lock(&p->lock);
	j = jobs_take(&p->done);
	pthread_mutex_unlock(&p->lock);
	return j;
}

int
pool_fd(const struct pool *p)
{
	return p->event;
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	unsigned i;

	*pp = NULL;
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->count; i++)
		pthread_join(p->threads[i], NULL);
	if (p->event >= 0)
		close(p->event);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
}
