/* SPDX-License-Identifier: MIT */
/*
 * setup_systemd - what runs Agamid's programs is enabled and started, and
 * stopped again. See setup.h.
 *
 * Only a unit that we enabled is disabled by the undo. Where systemd does
 * not run, it is said what is to be started.
 *
 * The units may write below Debian's queue directory. Where Postfix has
 * another, each that needs it gets a drop-in.
 */
#include "cli/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

#define TARGET "agamid.target"
#define WANTS "/etc/systemd/system/multi-user.target.wants"

#define QUEUE "/var/spool/postfix"

static const struct {
	const char *unit, *below; /* the queue directory: what it writes */
} writers[] = {
    {"agamid-milter.service", "agamid"},
    {"agamid-seal.service", "agamid"},
    {"agamid-deliver.service", "maildrop"},
};
#define WRITERS (sizeof(writers) / sizeof(writers[0]))

/* ---- where they may write ---- */

static char *
dropin_path(const struct setup *s, size_t i)
{
	char *name = xasprintf(
		 "/etc/systemd/system/%s.d/" SETUP_DROPIN, writers[i].unit),
	     *path = setup_path(s, name);

	free(name);
	return path;
}

static int
want_dropin(struct setup *s, size_t i, const char *queue, struct error *error_r)
{
	char *path = dropin_path(s, i), *text;
	struct setup_file *f;
	int rc = 0;

	/* Not made where it is not wanted; but taken back. */
	if (queue == NULL && access(path, F_OK) < 0)
		goto out;
	rc = setup_file_add(s, path, &f, error_r);
	if (rc < 0)
		goto out;
	if (!f->now.is)
		f->own = true;
	if (queue == NULL && f->known) {
		setup_state_copy(&f->want, &f->base);
	} else if (queue != NULL) {
		text = xasprintf("# Made by agamid setup: where Postfix's "
				 "queue is.\n[Service]\n"
				 "ReadWritePaths=-%s/%s\n",
		    queue, writers[i].below);
		setup_state_set(&f->want, text, strlen(text));
		free(text);
	}
	s->units_change = s->units_change || setup_file_changes(f);
out:
	free(path);
	return rc;
}

/* What a unit with ProtectHome= and PrivateTmp= does not see at all. */
static bool
is_hidden(const char *path)
{
	static const char *const hidden[] = {
	    "/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"};
	size_t i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (strncmp(path, hidden[i], strlen(hidden[i])) == 0)
			return true;
	}
	return false;
}

int
setup_systemd(struct setup *s, struct error *error_r)
{
	const char *queue = s->conf->queue_dir + strlen(s->conf->root);
	size_t i;
	int rc = 0;

	if (strcmp(queue, QUEUE) == 0) {
		queue = NULL;
	} else if (is_hidden(queue) || strpbrk(queue, " \t\"'\\%") != NULL) {
		setup_find(s, SETUP_REFUSE, NULL,
		    "Postfix's queue_directory is %s, which Agamid's units "
		    "in systemd can't be given",
		    queue);
		queue = NULL;
	}
	for (i = 0; rc == 0 && i < WRITERS; i++)
		rc = want_dropin(s, i, queue, error_r);
	return rc;
}

/* ---- started and stopped ---- */

/* sd_booted(3). */
static bool
has_systemd(const struct setup *s)
{
	return setup_is_live(s) && access("/run/systemd/system", F_OK) == 0;
}

static int
systemctl(const char *verb, struct error *error_r)
{
	const char *argv[] = {"systemctl", verb, TARGET, NULL};

	return setup_run(argv, NULL, error_r);
}

static void
list_programs(void)
{
	cli_out("systemd does not run here: nothing was started. Each of "
		"these is to run, as this user:\n"
		"  agamid-milter  " AG_LIBEXECDIR "/agamid-milter\n"
		"  agamid-milter  " AG_LIBEXECDIR "/agamid-seal\n"
		"  agamid         " AG_LIBEXECDIR "/agamid-relayd\n"
		"  agamid-key     " AG_LIBEXECDIR
		"/agamid-deliver (and group postdrop)\n"
		"  root           /usr/sbin/sshd -D -f "
		"/var/lib/agamid/derived/ssh/sshd_config\n"
		"and agamid apply when /var/lib/agamid/state/apply changes.\n");
}

/* Drop-ins came or went. */
static int
reload_units(const struct setup *s, struct error *error_r)
{
	const char *reload[] = {"systemctl", "daemon-reload", NULL};
	const char *restart[WRITERS + 3] = {"systemctl", "try-restart"};
	size_t i;
	int rc;

	if (!s->units_change)
		return 0;
	for (i = 0; i < WRITERS; i++)
		restart[i + 2] = writers[i].unit;
	rc = setup_run(reload, NULL, error_r);
	return rc < 0 ? rc : setup_run(restart, NULL, error_r);
}

int
setup_systemd_start(struct setup *s, bool say, struct error *error_r)
{
	int rc;

	if (!has_systemd(s)) {
		if (say)
			list_programs();
		return 0;
	}
	rc = reload_units(s, error_r);
	if (rc == 0 && systemctl("is-enabled", NULL) < 0) {
		rc = setup_journal_unit(s, TARGET, error_r);
		if (rc == 0)
			rc = systemctl("enable", error_r);
		if (rc == 0)
			cli_out("%s enabled\n", TARGET);
	}
	if (rc == 0 && systemctl("is-active", NULL) < 0) {
		rc = systemctl("start", error_r);
		if (rc == 0)
			cli_out("%s started\n", TARGET);
	}
	return rc;
}

/* A unit that is not installed any more can't be disabled: what enabled
 * it is a link to nothing. */
static void
remove_dead_link(const struct setup *s, const char *unit)
{
	char *name = xasprintf(WANTS "/%s", unit), *path = setup_path(s, name);

	if (access(path, F_OK) < 0 && errno == ENOENT)
		(void)unlink(path);
	free(path);
	free(name);
}

int
setup_systemd_stop(struct setup *s, struct error *error_r)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < s->unit_count; i++)
		remove_dead_link(s, s->units[i]);
	if (!has_systemd(s))
		return 0;
	for (i = 0; i < WRITERS; i++) {
		char *path = dropin_path(s, i);

		s->units_change =
		    s->units_change || setup_file_find(s, path) != NULL;
		free(path);
	}
	for (i = 0; rc == 0 && i < s->unit_count; i++) {
		const char *there[] = {"systemctl", "cat", s->units[i], NULL};
		const char *disable[] = {
		    "systemctl", "disable", "--now", s->units[i], NULL};

		/* Where its package is gone it runs no more. */
		if (setup_run(there, NULL, NULL) < 0)
			continue;
		rc = setup_run(disable, NULL, error_r);
		if (rc == 0)
			cli_out("%s stopped and disabled\n", s->units[i]);
	}
	return rc < 0 ? rc : reload_units(s, error_r);
}
