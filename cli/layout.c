/* SPDX-License-Identifier: MIT */
/*
 * layout - the directories of a node and their owners. See layout.h.
 *
 * The two tables below are the layout: every program relies on them.
 */
#include "cli/layout.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifests/manifest.h"
#include "util/file.h"
#include "util/text.h"

enum base { SPOOL, STATE, SECRET, RUN, QUEUE };

struct place {
	enum base base;
	const char *name; /* below base; "" is base itself */
	const char *user, *group;
	mode_t mode;
};

/* Parents stand before what is in them. */
static const struct place dirs[] = {
    {SPOOL, "", "root", "root", 0755},
    {SPOOL, "tmp", "root", "root", 0755},
    {SPOOL, "tmp/milter", USER_MILTER, GROUP_SPOOL, 02770},
    {SPOOL, "tmp/relay", USER_SSH, GROUP_SPOOL, 02770},
    {SPOOL, "new", USER_MILTER, GROUP_SPOOL, 02770},
    {SPOOL, "dsn", USER_MILTER, GROUP_SPOOL, 02770},
    {SPOOL, "incoming", "root", "root", 0755},
    {SPOOL, "held", USER_RELAY, GROUP_SPOOL, 0750},
    {STATE, "", "root", "root", 0755},
    {STATE, "manifests", "root", "root", 0755},
    {STATE, "state", USER_RELAY, GROUP_SPOOL, 0750},
    {SECRET, "", USER_KEY, USER_KEY, 0711},
    {SECRET, "refused", USER_KEY, USER_KEY, 0700},
    {SECRET, "quarantine", USER_KEY, USER_KEY, 0700},
    {RUN, "", "root", "root", 0755},
    {RUN, "relayd", USER_RELAY, GROUP_SPOOL, 0755},
    {RUN, "deliver", USER_KEY, USER_KEY, 0755},
    {RUN, "deliver/gnupg", USER_KEY, USER_KEY, 0700},
};

/* Only where Postfix has its queue directory. */
static const struct place queue_dir = {
    QUEUE, "agamid", USER_MILTER, "postfix", 02710};

static const struct place secrets[] = {
    {SECRET, SECRET_OPENPGP, USER_KEY, USER_KEY, 0400},
    {SECRET, SECRET_RECOVERY, USER_KEY, USER_KEY, 0400},
    {SECRET, SECRET_RECEIPT, USER_KEY, USER_KEY, 0400},
    {SECRET, SECRET_NODE, USER_KEY, USER_KEY, 0400},
    {SECRET, SECRET_SEALED, USER_KEY, USER_KEY, 0400},
    {SECRET, SECRET_TICKET, USER_MILTER, USER_MILTER, 0400},
    {SECRET, SECRET_SSH_CLIENT, USER_RELAY, USER_RELAY, 0400},
    {SECRET, SECRET_SSH_HOST, "root", "root", 0600},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct ids {
	uid_t uid;
	gid_t gid;
};

static const char *
base_dir(const struct conf *conf, enum base base)
{
	switch (base) {
	case SPOOL:
		return conf->spool_dir;
	case STATE:
		return conf->state_dir;
	case SECRET:
		return conf->secret_dir;
	case RUN:
		return conf->run_dir;
	case QUEUE:
		break;
	}
	return conf->queue_dir;
}

static char *
place_path(const struct conf *conf, const struct place *p)
{
	const char *base = base_dir(conf, p->base);

	return *p->name == '\0' ? xstrdup(base) : file_join(base, p->name);
}

static bool
find_ids(const struct place *p, struct ids *ids_r)
{
	struct passwd *pw = getpwnam(p->user);
	struct group *gr;

	if (pw == NULL)
		return false;
	ids_r->uid = pw->pw_uid;
	gr = getgrnam(p->group);
	if (gr == NULL)
		return false;
	ids_r->gid = gr->gr_gid;
	return true;
}

bool
layout_sets_owners(const struct conf *conf, struct error *why_r)
{
	struct ids ids;
	size_t i;

	if (geteuid() != 0) {
		error_set(why_r, AG_EPERM, "not run as root");
		return false;
	}
	if (conf->root[0] != '\0') {
		error_set(why_r, AG_EPERM, "run with --root");
		return false;
	}
	for (i = 0; i < COUNT(dirs); i++) {
		if (find_ids(&dirs[i], &ids))
			continue;
		error_set(why_r, AG_ENOENT,
		    "the user %s or the group %s does not exist "
		    "(systemd-sysusers makes them)",
		    dirs[i].user, dirs[i].group);
		return false;
	}
	return true;
}

static bool
is_right(const struct stat *st, const struct place *p, const struct ids *ids)
{
	return (st->st_mode & 07777) == p->mode &&
	    (ids == NULL || (st->st_uid == ids->uid && st->st_gid == ids->gid));
}

static int
make_dir(const struct conf *conf, const struct place *p, bool owners,
    unsigned *changed, struct error *error_r)
{
	char *path = place_path(conf, p);
	struct stat st;
	struct ids ids = {0, 0};
	int rc = 0;

	if (owners && !find_ids(p, &ids)) {
		rc = error_set(error_r, AG_ENOENT,
		    "%s: the user %s or the group %s does not exist", path,
		    p->user, p->group);
		goto out;
	}
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    is_right(&st, p, owners ? &ids : NULL))
		goto out;
	++*changed;
	if (*p->name == '\0')
		rc = file_mkdirs(path, 0755, error_r);
	if (rc == 0)
		rc = file_dir(path, owners ? p->user : NULL,
		    owners ? p->group : NULL, p->mode, error_r);
out:
	free(path);
	return rc;
}

/* The owner and mode of a secret, if it is there. */
static int
own_secret(const struct conf *conf, const struct place *p, bool owners,
    unsigned *changed, struct error *error_r)
{
	char *path = place_path(conf, p);
	struct stat st;
	struct ids ids;
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT)
			rc = error_set_errno(
			    error_r, AG_EIO, "can't open %s", path);
		goto out;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		rc = error_set(error_r, AG_EINVAL,
		    "%s is no file of its own; see who put it there", path);
	} else if (owners && !find_ids(p, &ids)) {
		rc = error_set(
		    error_r, AG_ENOENT, "there is no user %s", p->user);
	} else if (!is_right(&st, p, owners ? &ids : NULL)) {
		++*changed;
		if ((owners && fchown(fd, ids.uid, ids.gid) < 0) ||
		    fchmod(fd, p->mode) < 0)
			rc = error_set_errno(error_r, AG_EIO,
			    "can't set the owner and mode of %s", path);
	}
	close(fd);
out:
	free(path);
	return rc;
}

static int
make_incoming(const struct conf *conf, bool owners, const char *peer,
    unsigned *changed, struct error *error_r)
{
	char *name = xasprintf("incoming/%s", peer);
	struct place p = {SPOOL, name, USER_SSH, GROUP_SPOOL, 02770};
	int rc;

	rc = make_dir(conf, &p, owners, changed, error_r);
	free(name);
	return rc;
}

static int
make_queue_dir(const struct conf *conf, bool owners, unsigned *changed,
    struct error *error_r)
{
	struct stat st;

	if (stat(conf->queue_dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return make_dir(conf, &queue_dir, owners, changed, error_r);
}

int
layout_make(const struct conf *conf, bool owners, struct manifest *const *peers,
    size_t peer_count, unsigned *changed_r, struct error *error_r)
{
	size_t i;
	int rc = 0;

	*changed_r = 0;
	for (i = 0; rc == 0 && i < COUNT(dirs); i++)
		rc = make_dir(conf, &dirs[i], owners, changed_r, error_r);
	for (i = 0; rc == 0 && i < peer_count; i++)
		rc = make_incoming(
		    conf, owners, peers[i]->name, changed_r, error_r);
	for (i = 0; rc == 0 && i < COUNT(secrets); i++)
		rc = own_secret(conf, &secrets[i], owners, changed_r, error_r);
	if (rc == 0)
		rc = make_queue_dir(conf, owners, changed_r, error_r);
	return rc;
}

static void
tell_place(const struct conf *conf, const struct place *p, bool is_dir,
    void (*tell)(void *ctx, const struct layout_entry *entry), void *ctx)
{
	char *path = place_path(conf, p);
	struct layout_entry e = {path, p->user, p->group, p->mode, is_dir,
	    p->base == SECRET,
	    /* Only a node that was restored has it. */
	    strcmp(p->name, SECRET_RECOVERY) == 0};

	tell(ctx, &e);
	free(path);
}

void
layout_each(const struct conf *conf, struct manifest *const *peers,
    size_t peer_count,
    void (*tell)(void *ctx, const struct layout_entry *entry), void *ctx)
{
	size_t i;

	for (i = 0; i < COUNT(dirs); i++)
		tell_place(conf, &dirs[i], true, tell, ctx);
	for (i = 0; i < peer_count; i++) {
		char *name = xasprintf("incoming/%s", peers[i]->name);
		struct place p = {SPOOL, name, USER_SSH, GROUP_SPOOL, 02770};

		tell_place(conf, &p, true, tell, ctx);
		free(name);
	}
	tell_place(conf, &queue_dir, true, tell, ctx);
	for (i = 0; i < COUNT(secrets); i++)
		tell_place(conf, &secrets[i], false, tell, ctx);
}

char *
layout_secret(const struct conf *conf, const char *name)
{
	return file_join(conf->secret_dir, name);
}
