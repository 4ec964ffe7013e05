/* SPDX-License-Identifier: MIT */
/*
 * dsn - the files in dsn/, and their way to agamid-deliver. See dsn.h.
 *
 * One at a time is handed over, on a connection of its own. That it is
 * still to be done is in the database, with the expiry itself; the file
 * goes when agamid-deliver has answered, after the commit. What happens
 * twice because something died in between, agamid-deliver does once.
 */
#include "relayd/dsn.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/errand.h"
#include "relayd/state_expiry.h"

#define ORPHAN_SECONDS 86400 /* its bundle may still be on its way */

struct dsn {
	struct relayd *r;
	struct errand *errand; /* agamid-deliver has been asked */
	char id[BUNDLE_ID_LEN + 1]; /* about this one */
	char after[BUNDLE_ID_LEN + 1]; /* the last one tried */
	struct event *again;
};

static void pump(struct dsn *d);

static char *
path_of(struct relayd *r, const char *id)
{
	return xasprintf("%s/dsn/%s", r->conf->spool_dir, id);
}

bool
dsn_is_asked(struct relayd *r, const char *id)
{
	char *path = path_of(r, id);
	bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

void
dsn_forget(struct relayd *r, const char *id)
{
	char *path = path_of(r, id);

	if (unlink(path) < 0 && errno != ENOENT)
		log_warn("can't remove path=%s", path);
	free(path);
}

/* Handing over ------------------------------------------------------------- */

static void
wait_again(struct dsn *d)
{
	struct timeval tv = {(time_t)d->r->conf->deliver_retry, 0};

	evtimer_add(d->again, &tv);
}

/* relayd_after_fn */
static void
remove_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	(void)number;
	(void)len;
	/* If that was not durable it is begun anew, without the file. */
	dsn_forget(r, text);
}

static void
finish(struct dsn *d, const char *id)
{
	if (state_dsn_done(d->r->state, id) == 0)
		relayd_after_flush(d->r, remove_after, 0, id, strlen(id));
}

/* errand_fn */
static void
answered(struct relayd *r, const char *word, const char *text, void *ctx)
{
	struct dsn *d = ctx;

	(void)r;
	d->errand = NULL;
	if (strcmp(word, "done") == 0)
		log_info("sender was told of expiry id=%s", d->id);
	else
		log_warn("sender is not told of expiry id=%s reply=%s "
			 "error=\"%s\"",
		    d->id, word, text);
	if (strcmp(word, "retry") != 0)
		finish(d, d->id);
	pump(d);
}

static void
hand_over(struct dsn *d, const char *id)
{
	char *path = path_of(d->r, id), *line;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	free(path);
	if (fd < 0) {
		log_warn("nobody can be told of expiry id=%s", id);
		finish(d, id);
		return;
	}
	memcpy(d->id, id, sizeof(d->id));
	line = xasprintf("dsn %s", id);
	d->errand = errand_new(d->r, line, fd, answered, d);
	free(line);
	if (d->errand == NULL)
		wait_again(d);
}

/* Each that is open is tried once, then all again after a while. */
static void
pump(struct dsn *d)
{
	char id[BUNDLE_ID_LEN + 1];

	if (d->errand != NULL || evtimer_pending(d->again, NULL))
		return;
	while (d->errand == NULL && !evtimer_pending(d->again, NULL) &&
	    state_dsn_next(d->r->state, d->after, id) == 1) {
		memcpy(d->after, id, sizeof(d->after));
		hand_over(d, id);
	}
	if (d->errand != NULL || evtimer_pending(d->again, NULL))
		return;
	d->after[0] = '\0';
	if (state_dsn_count(d->r->state) > 0)
		wait_again(d);
}

static void
on_again(evutil_socket_t fd, short what, void *ctx)
{
	struct dsn *d = ctx;

	(void)fd;
	(void)what;
	d->after[0] = '\0';
	pump(d);
}

/* relayd_after_fn */
static void
pump_after(struct relayd *r, uint64_t number, const char *text, size_t len)
{
	(void)number;
	(void)text;
	(void)len;
	pump(r->dsn);
}

void
dsn_news(struct relayd *r)
{
	relayd_after_flush(r, pump_after, 0, "", 0);
}

/* Order -------------------------------------------------------------------- */

static bool
is_orphan(struct relayd *r, const char *name, int dir)
{
	struct stat st;

	if (!text_is_hex(name, BUNDLE_ID_LEN) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	/* A clock that was set back makes it young: it stays for longer. */
	return store_find(r->store, name) == NULL &&
	    !state_lapse_is(r->state, name) &&
	    (int64_t)time(NULL) - st.st_mtime > ORPHAN_SECONDS;
}

void
dsn_sweep(struct relayd *r)
{
	char *path = file_join(r->conf->spool_dir, "dsn");
	DIR *dir = opendir(path);
	struct dirent *de;

	/* Where nothing was ever sealed it may be missing. */
	while (dir != NULL && (de = readdir(dir)) != NULL) {
		if (is_orphan(r, de->d_name, dirfd(dir)))
			dsn_forget(r, de->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
}

void
dsn_load(struct relayd *r)
{
	dsn_sweep(r);
	pump(r->dsn);
}

int
dsn_new(struct relayd *r, struct dsn **d_r, struct error *error_r)
{
	struct dsn *d = xcalloc(1, sizeof(*d));

	*d_r = d;
	d->r = r;
	d->again = evtimer_new(r->base, on_again, d);
	if (d->again == NULL)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	return 0;
}

void
dsn_free(struct dsn **dp)
{
	struct dsn *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	errand_free(&d->errand);
	if (d->again != NULL)
		event_free(d->again);
	free(d);
}
