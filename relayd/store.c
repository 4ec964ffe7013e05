/* SPDX-License-Identifier: MIT */
/*
 * store - the bundles in held/. See store.h.
 *
 * A file is never changed here: it comes by rename(2), and goes by
 * unlink(2) when its home's receipt is durable. What can't be moved or
 * removed stays where it is, and is tried again at the next start.
 */
#include "relayd/store.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fault.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define POINT "relay"

struct store {
	char *spool_dir, *held_dir;
	struct peers *peers;
	struct index *index;
	char **dirty; /* directories to fsync */
	size_t dirty_count;
	uint64_t generation;
};

struct store *
store_new(const char *spool_dir, struct peers *peers)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->peers = peers;
	st->generation = 1;
	st->index = index_new();
	if (st->index == NULL) {
		free(st);
		return NULL;
	}
	st->spool_dir = xstrdup(spool_dir);
	st->held_dir = file_join(spool_dir, "held");
	return st;
}

static void
forget_dirty(struct store *st)
{
	size_t i;

	for (i = 0; i < st->dirty_count; i++)
		free(st->dirty[i]);
	free(st->dirty);
	st->dirty = NULL;
	st->dirty_count = 0;
}

void
store_free(struct store **stp)
{
	struct store *st = *stp;

	if (st == NULL)
		return;
	forget_dirty(st);
	index_free(&st->index);
	free(st->spool_dir);
	free(st->held_dir);
	free(st);
	*stp = NULL;
}

struct index *
store_index(struct store *st)
{
	return st->index;
}

size_t
store_count(const struct store *st)
{
	return index_count(st->index);
}

uint64_t
store_generation(const struct store *st)
{
	return st->generation;
}

struct held *
store_find(struct store *st, const char *id)
{
	return index_find(st->index, id);
}

struct peer *
store_home(struct store *st, const struct held *h)
{
	return peers_at(st->peers, h->home);
}

uint64_t
store_room(struct store *st)
{
	return spool_free_bytes(st->spool_dir);
}

static int
mark_dirty(struct store *st, const char *dir)
{
	char **list;
	size_t i;

	for (i = 0; i < st->dirty_count; i++) {
		if (strcmp(st->dirty[i], dir) == 0)
			return 0;
	}
	list = reallocarray(st->dirty, st->dirty_count + 1, sizeof(*list));
	if (list == NULL)
		return AG_ENOMEM;
	st->dirty = list;
	list[st->dirty_count] = strdup(dir);
	if (list[st->dirty_count] == NULL)
		return AG_ENOMEM;
	st->dirty_count++;
	return 0;
}

static struct held *
add_entry(struct store *st, const struct spool_name *n, struct peer *home,
    unsigned from)
{
	struct held *h = index_add(st->index, n->id);

	if (h == NULL)
		return NULL;
	h->size = n->size;
	h->day = n->day;
	h->home = home->number;
	h->from = from;
	peer_account(home, from, n->size, 1);
	st->generation++;
	return h;
}

struct loading {
	struct store *st;
	struct peer *home;
};

static int
load_one(const struct spool_name *n, const char *file, void *ctx)
{
	struct loading *l = ctx;

	if (!n->has_day)
		return 0;
	if (add_entry(l->st, n, l->home, 0) == NULL)
		log_warn("bundle held twice id=%s home=%s file=%s", n->id,
		    l->home->name, file);
	return 0;
}

int
store_load(struct store *st, struct error *error_r)
{
	struct loading l = {.st = st};
	struct dirent *de;
	char *path;
	DIR *d;
	int rc = 0;

	d = opendir(st->held_dir);
	if (d == NULL)
		return error_set_errno(
		    error_r, AG_EIO, "can't read %s", st->held_dir);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (!text_is_node_name(de->d_name))
			continue;
		l.home = peers_get(st->peers, de->d_name);
		if (l.home == NULL)
			continue;
		path = file_join(st->held_dir, de->d_name);
		rc = spool_each(path, load_one, &l, error_r);
		free(path);
	}
	closedir(d);
	return rc;
}

/* held/HOME, made if it isn't there; malloc'ed, or NULL. */
static char *
home_dir(struct store *st, const char *home, struct error *error_r)
{
	char *dir = file_join(st->held_dir, home);

	if (mkdir(dir, 0750) == 0) {
		if (!fault_point("relay.mkdir") &&
		    mark_dirty(st, st->held_dir) == 0)
			return dir;
	} else if (errno == EEXIST) {
		return dir;
	}
	error_set_errno(error_r, AG_EIO, "can't make %s", dir);
	free(dir);
	return NULL;
}

static int
move(const char *from, const char *to, struct error *error_r)
{
	if (fault_point("relay.move") || rename(from, to) < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't move %s to %s", from, to);
	fault_after("relay.move");
	return 0;
}

int
store_take(struct store *st, const char *dir, const char *name,
    const struct ticket *t, unsigned from, uint32_t day, struct held **held_r,
    bool *new_r, struct error *error_r)
{
	struct spool_name n = {.size = t->size, .day = day, .has_day = true};
	char file[SPOOL_NAME_MAX];
	char *source = file_join(dir, name), *target = NULL, *into = NULL;
	struct peer *home;
	int rc = AG_ENOMEM;

	*new_r = false;
	*held_r = index_find(st->index, t->id);
	if (*held_r != NULL) {
		unlink(source); /* comes back after a crash? goes again */
		rc = 0;
		goto out;
	}
	memcpy(n.id, t->id, sizeof(n.id));
	spool_name_write(&n, file);
	home = peers_get(st->peers, t->home);
	if (home == NULL)
		goto out;
	rc = AG_EIO;
	into = home_dir(st, home->name, error_r);
	if (into == NULL)
		goto out;
	target = file_join(into, file);
	rc = move(source, target, error_r);
	if (rc < 0)
		goto out;
	rc = AG_ENOMEM;
	*held_r = add_entry(st, &n, home, from);
	/* The old directory need not be synced: a name that came back there
	 * would be found to be here already. */
	if (*held_r == NULL || mark_dirty(st, into) < 0)
		goto out;
	*new_r = true;
	rc = 0;
out:
	if (rc == AG_ENOMEM)
		error_set(error_r, rc, "out of memory");
	free(target);
	free(into);
	free(source);
	return rc;
}

void
store_set_from(struct store *st, struct held *h, unsigned from)
{
	struct peer *home = store_home(st, h);

	peer_account(home, h->from, h->size, -1);
	h->from = from;
	peer_account(home, from, h->size, 1);
}

static char *
held_path(struct store *st, const struct held *h)
{
	struct spool_name n = {.size = h->size, .day = h->day, .has_day = true};
	char file[SPOOL_NAME_MAX];
	char *dir, *path;

	held_id(h, n.id);
	spool_name_write(&n, file);
	dir = file_join(st->held_dir, store_home(st, h)->name);
	path = file_join(dir, file);
	free(dir);
	return path;
}

int
store_open(struct store *st, const struct held *h, struct error *error_r)
{
	char *path = held_path(st, h);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		fd = error_set_errno(error_r, AG_EIO, "can't open %s", path);
	free(path);
	return fd;
}

int
store_ticket(struct store *st, const struct held *h, struct ticket *t_r,
    struct error *error_r)
{
	int fd = store_open(st, h, error_r), rc;

	if (fd < 0)
		return fd;
	rc = spool_read_head(fd, t_r, error_r);
	close(fd);
	return rc;
}

bool
store_is_same(struct store *st, const struct held *h, const struct ticket *t)
{
	struct error error = {""};
	struct ticket here;

	if (store_ticket(st, h, &here, &error) < 0) {
		log_error("can't read a ticket id=%s error=\"%s\"", t->id,
		    error.text);
		return false;
	}
	return memcmp(here.signature, t->signature, sizeof(t->signature)) == 0;
}

int
store_drop(struct store *st, struct held *h, struct error *error_r)
{
	char *path = held_path(st, h);
	char *slash;
	int rc = 0;

	if (fault_point("relay.unlink") ||
	    (unlink(path) < 0 && errno != ENOENT)) {
		rc = error_set_errno(error_r, AG_EIO, "can't remove %s", path);
		goto out;
	}
	fault_after("relay.unlink");
	slash = strrchr(path, '/');
	*slash = '\0';
	rc = mark_dirty(st, path);
	peer_account(store_home(st, h), h->from, h->size, -1);
	index_del(st->index, h);
	st->generation++;
out:
	free(path);
	return rc;
}

int
store_sync(struct store *st, struct error *error_r)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < st->dirty_count && rc == 0; i++)
		rc = file_sync_dir(st->dirty[i], POINT, error_r);
	/* After a failed fsync nobody knows: nothing is told, and all are
	 * synced again before anything is. */
	if (rc == 0)
		forget_dirty(st);
	return rc;
}
