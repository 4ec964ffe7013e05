/* SPDX-License-Identifier: MIT */
/*
 * sealer - what sealing jobs share; see sealer.h.
 */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mail/spool.h"
#include "milter/sealer.h"
#include "util/file.h"
#include "util/log.h"

#define IDLE_MAX 4 /* engines kept */
#define ENTER_MS 2000 /* a burst of mail is over then, or it is none */
#define USABLE_MAX 64 /* keys remembered */

struct sealer {
	const struct conf *conf;
	char *seed; /* the ticket key's file */
	char *tmp_dir, *new_dir;
	pthread_mutex_t lock; /* of all below */
	struct sign_key key;
	pthread_cond_t left; /* a job has ended */
	unsigned jobs;
	bool stopping; /* no new ones */
	char *dir; /* that the engines and usable keys are of */
	struct openpgp *engines[IDLE_MAX];
	size_t engine_count;
	char usable[USABLE_MAX][OPENPGP_FPR_LEN + 1];
	size_t usable_count;
};

static int
make_places(struct sealer *s, struct error *error_r)
{
	s->tmp_dir = file_join(s->conf->spool_dir, "tmp/milter");
	s->new_dir = file_join(s->conf->spool_dir, "new");
	/* What a process that died has left there. */
	return spool_sweep(s->tmp_dir, error_r);
}

int
sealer_new(const struct conf *conf, struct sealer **s_r, struct error *error_r)
{
	struct sealer *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int rc;

	*s_r = NULL;
	if (s == NULL)
		return error_set(error_r, AG_ENOMEM, "no memory");
	s->conf = conf;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->left, &attr);
	pthread_condattr_destroy(&attr);

	if (sodium_mlock(&s->key, sizeof(s->key)) < 0)
		log_warn("the ticket key can't be locked in memory");
	s->seed = file_join(conf->secret_dir, "ticket.seed");
	rc = keys_seed_load(s->seed, &s->key, error_r);
	if (rc == AG_OK)
		rc = make_places(s, error_r);
	if (rc != AG_OK) {
		sealer_free(&s);
		return rc;
	}
	*s_r = s;
	return AG_OK;
}

static void
free_engines(struct openpgp **engines, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		openpgp_free(&engines[i]);
}

void
sealer_free(struct sealer **sealer)
{
	struct sealer *s = *sealer;

	if (s == NULL)
		return;
	free_engines(s->engines, s->engine_count);
	sodium_munlock(&s->key, sizeof(s->key)); /* wipes it */
	pthread_cond_destroy(&s->left);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s->seed);
	free(s->tmp_dir);
	free(s->new_dir);
	free(s);
	*sealer = NULL;
}

const struct conf *
sealer_conf(const struct sealer *s)
{
	return s->conf;
}

const char *
sealer_tmp_dir(const struct sealer *s)
{
	return s->tmp_dir;
}

const char *
sealer_new_dir(const struct sealer *s)
{
	return s->new_dir;
}

static void
in_ms(unsigned ms, struct timespec *ts_r)
{
	clock_gettime(CLOCK_MONOTONIC, ts_r);
	ts_r->tv_sec += ms / 1000;
	ts_r->tv_nsec += ms % 1000 * 1000000L;
	if (ts_r->tv_nsec >= 1000000000L) {
		ts_r->tv_sec++;
		ts_r->tv_nsec -= 1000000000L;
	}
}

bool
sealer_enter(struct sealer *s)
{
	struct timespec until;
	bool ok;

	in_ms(ENTER_MS, &until);
	pthread_mutex_lock(&s->lock);
	while (s->jobs >= s->conf->sealing_max && !s->stopping)
		if (pthread_cond_timedwait(&s->left, &s->lock, &until) ==
		    ETIMEDOUT)
			break;
	ok = s->jobs < s->conf->sealing_max && !s->stopping;
	if (ok)
		s->jobs++;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void
sealer_leave(struct sealer *s)
{
	pthread_mutex_lock(&s->lock);
	s->jobs--;
	pthread_cond_broadcast(&s->left);
	pthread_mutex_unlock(&s->lock);
}

bool
sealer_drain(struct sealer *s, unsigned timeout_ms)
{
	struct timespec until;
	bool drained;

	in_ms(timeout_ms, &until);
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->left);
	while (s->jobs > 0)
		if (pthread_cond_timedwait(&s->left, &s->lock, &until) ==
		    ETIMEDOUT)
			break;
	drained = s->jobs == 0;
	pthread_mutex_unlock(&s->lock);
	return drained;
}

/* With the lock: if dir is another than the engines', hand those out to
 * be freed and begin anew. */
static int
switch_dir(
    struct sealer *s, const char *dir, struct openpgp **old, size_t *old_count)
{
	char *copy;

	*old_count = 0;
	if (s->dir != NULL && strcmp(s->dir, dir) == 0)
		return AG_OK;
	if ((copy = strdup(dir)) == NULL)
		return AG_ENOMEM;
	memcpy(old, s->engines, sizeof(s->engines));
	*old_count = s->engine_count;
	s->engine_count = 0;
	s->usable_count = 0;
	free(s->dir);
	s->dir = copy;
	return AG_OK;
}

int
sealer_engine_get(struct sealer *s, const struct network *net,
    struct openpgp **pgp_r, struct error *error_r)
{
	struct openpgp *old[IDLE_MAX];
	size_t old_count;
	char *keys;
	int rc;

	*pgp_r = NULL;
	pthread_mutex_lock(&s->lock);
	rc = switch_dir(s, network_dir(net), old, &old_count);
	if (rc == AG_OK && s->engine_count > 0)
		*pgp_r = s->engines[--s->engine_count];
	pthread_mutex_unlock(&s->lock);
	free_engines(old, old_count);
	if (rc != AG_OK)
		return error_set(error_r, rc, "no memory");
	if (*pgp_r != NULL)
		return AG_OK;
	keys = file_join(network_dir(net), "sealing");
	rc = openpgp_new_public(s->conf->openpgp, keys, pgp_r, error_r);
	free(keys);
	return rc;
}

void
sealer_engine_put(
    struct sealer *s, const struct network *net, struct openpgp **pgp)
{
	pthread_mutex_lock(&s->lock);
	if (s->dir != NULL && strcmp(s->dir, network_dir(net)) == 0 &&
	    s->engine_count < IDLE_MAX) {
		s->engines[s->engine_count++] = *pgp;
		*pgp = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	openpgp_free(pgp);
}

static bool
is_remembered(struct sealer *s, const struct network *net, const char *fpr)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&s->lock);
	if (s->dir != NULL && strcmp(s->dir, network_dir(net)) == 0)
		for (i = 0; i < s->usable_count && !found; i++)
			found = strcmp(s->usable[i], fpr) == 0;
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void
remember(struct sealer *s, const struct network *net, const char *fpr)
{
	pthread_mutex_lock(&s->lock);
	if (s->dir != NULL && strcmp(s->dir, network_dir(net)) == 0 &&
	    s->usable_count < USABLE_MAX)
		memcpy(s->usable[s->usable_count++], fpr, OPENPGP_FPR_LEN + 1);
	pthread_mutex_unlock(&s->lock);
}

/* One key; the engine is made when the first is asked for. */
static bool
key_usable(struct sealer *s, const struct network *net, const char *fpr,
    struct openpgp **pgp, struct error *error_r)
{
	if (is_remembered(s, net, fpr))
		return true;
	if (strlen(fpr) != OPENPGP_FPR_LEN) {
		error_set(error_r, AG_ECRYPTO, "its fingerprint is not known");
		return false;
	}
	if (*pgp == NULL && sealer_engine_get(s, net, pgp, error_r) != AG_OK)
		return false;
	if (openpgp_usable(*pgp, fpr, error_r) != AG_OK)
		return false;
	remember(s, net, fpr);
	return true;
}

bool
sealer_usable(
    struct sealer *s, const struct network *net, const struct target *t)
{
	struct openpgp *pgp = NULL;
	struct error error = {""};
	bool ok;

	ok = key_usable(s, net, t->home->fpr, &pgp, &error) &&
	    key_usable(s, net, t->home->recovery_fpr, &pgp, &error) &&
	    (t->class.key[0] == '\0' ||
		key_usable(s, net, t->class.key, &pgp, &error));
	if (pgp != NULL)
		sealer_engine_put(s, net, &pgp);
	if (!ok)
		log_warn("key not usable home=%s error=%s", t->home->name,
		    error.text);
	return ok;
}

int
sealer_sign(struct sealer *s, const struct network *net, struct ticket *t)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	if (keys_seed_follow(s->seed, &network_self(net)->ticket_key, &s->key))
		log_info("the ticket key is a new one");
	rc = ticket_sign(t, &s->key);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

bool
sealer_key_usable(struct sealer *s, const struct network *net, const char *fpr)
{
	struct openpgp *pgp = NULL;
	struct error error = {""};
	bool ok = key_usable(s, net, fpr, &pgp, &error);

	if (pgp != NULL)
		sealer_engine_put(s, net, &pgp);
	if (!ok)
		log_warn("key not usable key=%s error=%s", fpr, error.text);
	return ok;
}

void
sealer_room(const struct sealer *s, struct room *room_r)
{
	room_r->limit = s->conf->max_message_size;
	room_r->reserve = s->conf->reserve;
	room_r->free = spool_free_bytes(s->new_dir);
}
