/* SPDX-License-Identifier: MIT */
/*
 * network - questions to a view, and which view is the newest. See
 * network.h; a view is made in network_load.c.
 *
 * A process's threads share one network_source. While one of them reads a
 * new view the others go on with the one before; only where there is none
 * yet do they wait. A view that can't be read leaves the one before in
 * force, and is tried again after a while.
 */
#include "manifests/network.h"

#include <sys/stat.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/text.h"
#include "manifests/network_view.h"

#define RETRY_SECONDS 5
#define TRIES 5

/* What tells two settings of the link `derived` apart: its target, and,
 * for targets that come again, the link itself. */
struct link_state {
	char target[PATH_MAX]; /* "" where it is a directory itself */
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct network_source {
	char *path; /* the link */
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	bool loading; /* a thread is reading a view */
	bool failed; /* `seen` could not be read */
	time_t retry; /* when it may be tried again */
	struct link_state seen;
	struct network *view; /* or NULL */
};

/* ---- views ---- */

struct network *
network_ref(struct network *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void
network_unref(struct network **np)
{
	struct network *n = *np;

	*np = NULL;
	if (n == NULL)
		return;
	if (atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) == 1)
		network_free(n);
}

const struct manifest *
network_self(const struct network *n)
{
	return n->self;
}

size_t
network_peer_count(const struct network *n)
{
	return n->peer_count;
}

const struct manifest *
network_peer(const struct network *n, size_t i)
{
	return i < n->peer_count ? n->peers[i] : NULL;
}

const struct manifest *
network_find(const struct network *n, const char *name)
{
	return lookup_get(n->by_name, name);
}

const char *
network_dir(const struct network *n)
{
	return n->dir;
}

const struct manifest *
network_home_of(const struct network *n, const char *domain)
{
	char lower[256];

	if (strlen(domain) >= sizeof(lower))
		return NULL;
	memcpy(lower, domain, strlen(domain) + 1);
	text_lower(lower);
	return lookup_get(n->by_domain, lower);
}

bool
network_key_id(char kind, const char *node, const char *key_name,
    char id[NETWORK_KEY_ID_MAX])
{
	return snprintf(id, NETWORK_KEY_ID_MAX, "%c %s %s", kind, node,
		   key_name) < NETWORK_KEY_ID_MAX;
}

static const struct verify_key *
network_key_find(
    const struct network *n, char kind, const char *node, const char *key_name)
{
	char id[NETWORK_KEY_ID_MAX];

	return network_key_id(kind, node, key_name, id)
	    ? lookup_get(n->by_key, id)
	    : NULL;
}

const struct verify_key *
network_ticket_key(
    const struct network *n, const char *node, const char *key_name)
{
	return network_key_find(n, 't', node, key_name);
}

const struct verify_key *
network_receipt_key(
    const struct network *n, const char *node, const char *key_name)
{
	return network_key_find(n, 'r', node, key_name);
}

static bool
is_same_site(const struct manifest *a, const struct manifest *b)
{
	return strcmp(manifest_site(a), manifest_site(b)) == 0;
}

size_t
network_eligible(const struct network *n, const struct manifest *home,
    const struct manifest **out, size_t max)
{
	const struct manifest *peer;
	size_t i, count = 0;

	for (i = 0; i < n->peer_count && count < max; i++) {
		peer = n->peers[i];
		if (strcmp(peer->name, home->name) != 0 &&
		    manifest_may_hold(peer, home) &&
		    !is_same_site(peer, n->self) && !is_same_site(peer, home))
			out[count++] = peer;
	}
	return count;
}

/* The sites of those that may hold, ours among them. */
static unsigned
count_sites(const struct network *n, const struct manifest *home)
{
	const struct manifest **from;
	size_t count, i, k;
	unsigned sites = 1;

	from = calloc(n->peer_count + 1, sizeof(*from));
	if (from == NULL)
		return 1;
	count = network_eligible(n, home, from, n->peer_count);
	for (i = 0; i < count; i++) {
		for (k = 0; k < i && !is_same_site(from[k], from[i]); k++)
			;
		sites += k == i;
	}
	free(from);
	return sites;
}

unsigned
network_copies(const struct network *n, const struct manifest *home)
{
	if (home->survive == 0)
		return manifest_copies(home);
	return manifest_copies_of(home, count_sites(n, home));
}

/* ---- the newest view ---- */

struct network_source *
network_source_new(const char *derived_dir)
{
	struct network_source *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(derived_dir)) == NULL)
		log_fatal("out of memory");
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->loaded, NULL);
	return s;
}

void
network_source_free(struct network_source **sp)
{
	struct network_source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	network_unref(&s->view);
	pthread_cond_destroy(&s->loaded);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/* All zeros where there is nothing. */
static void
link_read(const char *path, struct link_state *r)
{
	struct stat st;
	ssize_t len;

	memset(r, 0, sizeof(*r));
	if (lstat(path, &st) != 0)
		return;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	r->changed = st.st_ctim;
	len = readlink(path, r->target, sizeof(r->target) - 1);
	if (len > 0)
		r->target[len] = '\0';
}

static bool
link_same(const struct link_state *a, const struct link_state *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
	    a->changed.tv_sec == b->changed.tv_sec &&
	    a->changed.tv_nsec == b->changed.tv_nsec &&
	    strcmp(a->target, b->target) == 0;
}

static time_t
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Is there something to read that has not just failed? */
static bool
source_is_stale(const struct network_source *s, const struct link_state *now)
{
	if (!link_same(&s->seen, now))
		return true;
	if (s->failed)
		return seconds_now() >= s->retry;
	return s->view == NULL;
}

/* Reads a view, anew where the link was switched meanwhile: what it named
 * before may have been removed under our eyes, file by file. *moved_r: it
 * was so to the last. */
static struct network *
load_settled(const char *path, struct link_state *seen, bool *moved_r,
    struct error *error_r)
{
	struct link_state after;
	struct network *view = NULL;
	unsigned tries = 0;

	do {
		network_unref(&view);
		link_read(path, seen);
		view = network_load(path, error_r);
		link_read(path, &after);
		*moved_r = !link_same(seen, &after);
	} while (*moved_r && ++tries < TRIES);
	if (*moved_r)
		network_unref(&view);
	return view;
}

/* Called with the lock, which is let go of while reading. */
static void
source_load(struct network_source *s, struct error *error_r)
{
	struct network *view, *old = s->view;
	struct link_state seen;
	bool moved;

	s->loading = true;
	pthread_mutex_unlock(&s->lock);
	view = load_settled(s->path, &seen, &moved, error_r);
	pthread_mutex_lock(&s->lock);
	s->loading = false;
	s->failed = view == NULL && !moved;
	s->retry = seconds_now() + RETRY_SECONDS;
	s->seen = seen;
	if (view != NULL) {
		s->view = view;
		network_unref(&old);
	}
	if (!s->failed)
		error_r->text[0] = '\0';
	pthread_cond_broadcast(&s->loaded);
}

struct network *
network_current(struct network_source *s, struct error *error_r)
{
	struct network *view = NULL;
	struct link_state now;
	struct error why;

	why.text[0] = '\0';
	link_read(s->path, &now);
	pthread_mutex_lock(&s->lock);
	while (s->loading && s->view == NULL)
		pthread_cond_wait(&s->loaded, &s->lock);
	if (!s->loading && (s->view == NULL || source_is_stale(s, &now)))
		source_load(s, &why);
	if (s->view != NULL)
		view = network_ref(s->view);
	pthread_mutex_unlock(&s->lock);
	if (view == NULL)
		error_set(error_r, AG_ENOENT, "%s",
		    why.text[0] != '\0' ? why.text
					: "the derived directory is changing");
	else if (why.text[0] != '\0')
		log_warn("network kept as before error=%s", why.text);
	return view;
}
