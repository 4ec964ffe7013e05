/* SPDX-License-Identifier: MIT */
/*
 * setup_postfix - main.cf and master.cf, changed by postconf(1) on copies
 * in the scratch directory. See setup.h and setup_postfix.h.
 */
#include "cli/setup_postfix.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/postfix.h"
#include "cli/run.h"
#include "cli/setup_list.h"
#include "util/file.h"
#include "util/text.h"

#define CONFIG "/etc/postfix"
#define SETTINGS_MAX (4U << 20)
#define ADDRESSES_MAX 65536

/* ---- postconf ---- */

static int
postconf(const char *dir, const char *flag, const char *value, struct buf *out,
    struct error *error_r)
{
	const char *argv[] = {"postconf", "-c", dir, flag, value, NULL};

	if (flag == NULL)
		argv[3] = NULL;
	return setup_run(argv, out, error_r);
}

void
pf_init(struct pf *pf, const char *derived)
{
	buf_init(&pf->raw, SETTINGS_MAX);
	buf_init(&pf->full, SETTINGS_MAX);
	buf_init(&pf->set, SETTINGS_MAX);
	buf_init(&pf->master, SETTINGS_MAX);
	pf->derived = derived;
	pf->at_home = false;
}

void
pf_free(struct pf *pf)
{
	buf_free(&pf->raw);
	buf_free(&pf->full);
	buf_free(&pf->set);
	buf_free(&pf->master);
}

/* By postconf -c dir. */
static int
pf_load(
    struct pf *pf, const char *dir, const char *derived, struct error *error_r)
{
	int rc;

	pf_init(pf, derived);
	rc = postconf(dir, NULL, NULL, &pf->raw, error_r);
	if (rc == 0)
		rc = postconf(dir, "-x", NULL, &pf->full, error_r);
	if (rc == 0)
		rc = postconf(dir, "-n", NULL, &pf->set, error_r);
	if (rc == 0)
		rc = postconf(dir, "-M", NULL, &pf->master, error_r);
	return rc;
}

/* ---- the copies ---- */

struct copies {
	char *dir;
	struct setup_file *main, *master;
};

/* A minute old: Postfix's programs read a younger file slowly. With a
 * newline at its end: postconf would write on in the last line. */
static int
write_copy(const char *dir, const char *name, const struct setup_state *st,
    struct error *error_r)
{
	const struct timespec old = {time(NULL) - 60, 0};
	const struct timespec times[2] = {old, old};
	char *path = file_join(dir, name), *text;
	size_t len = st->data.len;
	int rc;

	text = xasprintf("%s%s", buf_str(&st->data),
	    len == 0 || st->data.data[len - 1] == '\n' ? "" : "\n");
	rc =
	    file_replace(path, text, strlen(text), 0600, "setup.copy", error_r);
	free(text);
	if (rc == 0)
		(void)utimensat(AT_FDCWD, path, times, 0);
	free(path);
	return rc;
}

static int
read_copy(const char *dir, const char *name, struct setup_state *st,
    struct error *error_r)
{
	char *path = file_join(dir, name);
	struct buf b;
	int rc;

	buf_init(&b, SETUP_FILE_MAX);
	rc = file_read(path, &b, error_r);
	if (rc == 0)
		setup_state_set(st, buf_str(&b), b.len);
	buf_free(&b);
	free(path);
	return rc;
}

/* main.cf and master.cf as they are, in SCRATCH/name. */
static int
make_copies(
    struct setup *s, const char *name, struct copies *c, struct error *error_r)
{
	char *main_cf = setup_path(s, CONFIG "/main.cf"),
	     *master_cf = setup_path(s, CONFIG "/master.cf");
	int rc;

	c->dir = file_join(s->scratch, name);
	rc = setup_file_add(s, main_cf, &c->main, error_r);
	if (rc == 0)
		rc = setup_file_add(s, master_cf, &c->master, error_r);
	if (rc == 0) /* the list may have moved */
		c->main = setup_file_find(s, main_cf);
	if (rc == 0 && (!c->main->now.is || !c->master->now.is))
		rc = error_set(error_r, AG_ENOENT,
		    "there is no %s: install Postfix first (apt install "
		    "postfix postfix-pcre)",
		    c->main->now.is ? master_cf : main_cf);
	if (rc == 0)
		rc = file_mkdirs(c->dir, 0700, error_r);
	if (rc == 0)
		rc = write_copy(c->dir, "main.cf", &c->main->now, error_r);
	if (rc == 0)
		rc = write_copy(c->dir, "master.cf", &c->master->now, error_r);
	free(master_cf);
	free(main_cf);
	return rc;
}

/* ---- edits ---- */

/* What one postconf is to do: its flag, and its arguments. */
struct batch {
	const char *flag;
	char **arg;
	size_t count;
};

static void
batch_add(struct batch *b, char *arg)
{
	char **grown = reallocarray(b->arg, b->count + 1, sizeof(*grown));

	if (grown == NULL)
		abort();
	b->arg = grown;
	b->arg[b->count++] = arg;
}

/* "NAME=value" to set; without a value "NAME" is to go. */
static void
batch_edit(
    struct batch *set, struct batch *drop, const char *name, const char *value)
{
	if (value == NULL)
		batch_add(drop, xstrdup(name));
	else
		batch_add(set, xasprintf("%s=%s", name, value));
}

/* Do it, if there is anything to do; the arguments are freed. */
static int
batch_run(struct batch *b, const char *dir, struct error *error_r)
{
	const char **argv = xcalloc(b->count + 5, sizeof(*argv));
	size_t i;
	int rc = 0;

	argv[0] = "postconf";
	argv[1] = "-c";
	argv[2] = dir;
	argv[3] = b->flag;
	for (i = 0; i < b->count; i++)
		argv[4 + i] = b->arg[i];
	if (b->count > 0)
		rc = setup_run(argv, NULL, error_r);
	for (i = 0; i < b->count; i++)
		free(b->arg[i]);
	free(b->arg);
	free(argv);
	return rc;
}

static int
batch_both(struct batch *set, struct batch *drop, const char *dir,
    struct error *error_r)
{
	int rc = batch_run(set, dir, error_r);
	int rc2 = batch_run(drop, dir, rc < 0 ? NULL : error_r);

	return rc < 0 ? rc : rc2;
}

/* What was there without us: the journal knows better than the file. */
static void
put_was(struct setup_edit *e, char *was)
{
	free(e->was);
	e->was = was;
}

static bool
is_now(const char *is, const struct setup_edit *e)
{
	return is != NULL && strcmp(is, e->now) == 0;
}

/* Make what is wanted; keep for the journal what is ours. */
static int
edit_main(struct setup *s, const struct pf *pf, struct setup_edits *wanted,
    const char *dir, struct error *error_r)
{
	const struct setup_edit *old;
	struct setup_edit *e;
	size_t i;
	char *is;
	struct batch set = {"-e", NULL, 0}, drop = {"-X", NULL, 0};

	for (i = 0; i < wanted->count; i++) {
		e = &wanted->edit[i];
		old = setup_edit_find(&s->old_main, e->name);
		is = pf_value(&pf->set, e->name);
		if (old != NULL)
			put_was(e, pf_strip_value(pf->derived, old, is));
		if (!is_now(is, e))
			batch_edit(&set, &drop, e->name, e->now);
		if (old != NULL || !is_now(is, e))
			setup_edit_add(&s->main, e->name, e->was, e->now);
		free(is);
	}
	for (i = 0; i < s->old_main.count; i++) {
		old = &s->old_main.edit[i];
		if (setup_edit_find(&s->main, old->name) == NULL)
			setup_edit_add(&s->main, old->name, old->was, old->now);
	}
	return batch_both(&set, &drop, dir, error_r);
}

static int
edit_master(struct setup *s, const struct pf *pf, struct setup_edits *wanted,
    const char *dir, struct error *error_r)
{
	const struct setup_edit *old;
	struct setup_edit *e;
	size_t i;
	char *is;
	struct batch set = {"-M", NULL, 0}, drop = {"-MX", NULL, 0};

	for (i = 0; i < wanted->count; i++) {
		e = &wanted->edit[i];
		old = setup_edit_find(&s->old_master, e->name);
		is = pf_entry(pf, e->name);
		if (old != NULL)
			put_was(e, pf_strip_entry(pf->derived, old, is));
		if (!is_now(is, e))
			batch_edit(&set, &drop, e->name, e->now);
		if (old != NULL || !is_now(is, e))
			setup_edit_add(&s->master, e->name, e->was, e->now);
		free(is);
	}
	for (i = 0; i < s->old_master.count; i++) {
		old = &s->old_master.edit[i];
		if (setup_edit_find(&s->master, old->name) == NULL)
			setup_edit_add(
			    &s->master, old->name, old->was, old->now);
	}
	return batch_both(&set, &drop, dir, error_r);
}

/* This machine's addresses, a line each, with a "\n" before the first. */
static void
put_addresses(struct buf *b)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list, *i;
	const void *address;

	(void)buf_putc(b, '\n');
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			address = &((const struct sockaddr_in *)(const void *)
					i->ifa_addr)
				       ->sin_addr;
		else if (i->ifa_addr->sa_family == AF_INET6)
			address = &((const struct sockaddr_in6 *)(const void *)
					i->ifa_addr)
				       ->sin6_addr;
		else
			continue;
		if (inet_ntop(i->ifa_addr->sa_family, address, text,
			sizeof(text)) != NULL)
			(void)buf_printf(b, "%s\n", text);
	}
	freeifaddrs(list);
}

/* ---- what setup.h promises ---- */

int
setup_postfix(struct setup *s, struct error *error_r)
{
	struct setup_edits main = {0}, master = {0};
	struct copies c = {0};
	struct buf local;
	struct pf pf;
	int rc;

	pf_init(&pf, s->conf->derived_dir);
	buf_init(&local, ADDRESSES_MAX);
	rc = make_copies(s, "postfix", &c, error_r);
	if (rc == 0)
		rc = pf_load(&pf, c.dir, s->conf->derived_dir, error_r);
	if (rc < 0)
		goto out;
	pf.at_home = conf_seals_any(s->conf);
	put_addresses(&local);
	pf_want(&pf, s->roster->self, buf_str(&local), &main, &master);
	pf_find_promises(s, &pf);
	rc = edit_main(s, &pf, &main, c.dir, error_r);
	if (rc == 0)
		rc = edit_master(s, &pf, &master, c.dir, error_r);
	if (rc == 0)
		rc = read_copy(c.dir, "main.cf", &c.main->want, error_r);
	if (rc == 0)
		rc = read_copy(c.dir, "master.cf", &c.master->want, error_r);
	if (rc == 0)
		s->postfix =
		    setup_file_changes(c.main) || setup_file_changes(c.master);
out:
	setup_edits_free(&main);
	setup_edits_free(&master);
	buf_free(&local);
	pf_free(&pf);
	free(c.dir);
	return rc;
}

static int
strip_main(struct setup *s, const struct pf *pf, const char *dir,
    struct error *error_r)
{
	const struct setup_edit *e;
	char *is, *rest;
	size_t i;
	struct batch set = {"-e", NULL, 0}, drop = {"-X", NULL, 0};

	for (i = 0; i < s->old_main.count; i++) {
		e = &s->old_main.edit[i];
		is = pf_value(&pf->set, e->name);
		rest = pf_strip_value(pf->derived, e, is);
		if (is != NULL && (rest == NULL || strcmp(rest, is) != 0))
			batch_edit(&set, &drop, e->name, rest);
		free(rest);
		free(is);
	}
	return batch_both(&set, &drop, dir, error_r);
}

static int
strip_master(struct setup *s, const struct pf *pf, const char *dir,
    struct error *error_r)
{
	const struct setup_edit *e;
	char *is, *rest;
	size_t i;
	struct batch set = {"-M", NULL, 0}, drop = {"-MX", NULL, 0};

	for (i = 0; i < s->old_master.count; i++) {
		e = &s->old_master.edit[i];
		is = pf_entry(pf, e->name);
		rest = pf_strip_entry(pf->derived, e, is);
		if (is != NULL && (rest == NULL || strcmp(rest, is) != 0))
			batch_edit(&set, &drop, e->name, rest);
		free(rest);
		free(is);
	}
	return batch_both(&set, &drop, dir, error_r);
}

int
setup_postfix_strip(struct setup *s, struct error *error_r)
{
	struct copies c = {0};
	struct pf pf;
	int rc;

	pf_init(&pf, s->conf->derived_dir);
	rc = make_copies(s, "postfix-base", &c, error_r);
	if (rc == AG_ENOENT) { /* Postfix is gone: nothing to take out */
		rc = 0;
		goto out;
	}
	if (rc < 0 || (!c.main->foreign && !c.master->foreign))
		goto out;
	rc = pf_load(&pf, c.dir, s->conf->derived_dir, error_r);
	if (rc == 0 && c.main->foreign) {
		rc = strip_main(s, &pf, c.dir, error_r);
		if (rc == 0)
			rc =
			    read_copy(c.dir, "main.cf", &c.main->base, error_r);
	}
	if (rc == 0 && c.master->foreign) {
		rc = strip_master(s, &pf, c.dir, error_r);
		if (rc == 0)
			rc = read_copy(
			    c.dir, "master.cf", &c.master->base, error_r);
	}
out:
	pf_free(&pf);
	free(c.dir);
	return rc;
}

int
setup_postfix_check(const struct setup *s, struct error *error_r)
{
	static const char *const check[] = {"postfix", "check", NULL};
	char *dir = setup_path(s, CONFIG);
	int rc;

	if (setup_is_live(s))
		rc = setup_run(check, NULL, error_r);
	else
		rc = postconf(dir, "-n", NULL, NULL, error_r);
	free(dir);
	return rc;
}

void
setup_postfix_tell(const struct setup *s)
{
	struct error why;

	if (!setup_is_live(s) || !postfix_runs(s->conf))
		return;
	if (postfix_reload(s->conf, &why) < 0)
		cli_warn("%s; run: postfix reload", why.text);
	else
		cli_out("Postfix reloaded\n");
}
