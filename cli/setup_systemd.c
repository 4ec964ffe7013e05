/* SPDX-License-Identifier: MIT */
/*
 * setup_systemd - what runs Agamid's programs is enabled and started, and
 * stopped again. See setup.h.
 *
 * Only a unit that we enabled is disabled by the undo. Where systemd does
 * not run, it is said what is to be started.
 */
#include "cli/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/text.h"

#define TARGET "agamid.target"
#define WANTS "/etc/systemd/system/multi-user.target.wants"

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

int
setup_systemd_start(struct setup *s, bool say, struct error *error_r)
{
	int rc = 0;

	if (!has_systemd(s)) {
		if (say)
			list_programs();
		return 0;
	}
	if (systemctl("is-enabled", NULL) < 0) {
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
	return rc;
}
