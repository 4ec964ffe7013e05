/* SPDX-License-Identifier: MIT */
/*
 * agamid apply - from the manifests to what everybody reads: directories,
 * the derived directory, Postfix's reload. Run again, it changes nothing.
 *
 * A bad manifest is reported and leaves the others in force. The mark
 * .reload in the state directory says that a table has changed and
 * Postfix has not been told yet: so a run that died in between, or one
 * with --no-reload, is made good by the next.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/apply.h"
#include "cli/derive.h"
#include "cli/intake.h"
#include "cli/known.h"
#include "cli/layout.h"
#include "cli/postfix.h"
#include "cli/publish.h"
#include "cli/recovery.h"
#include "cli/roster.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "manifests/network.h"
#include "util/file.h"

#define SSHD_DEADLINE 20 /* seconds */
#define RELOAD_SECONDS 20
#define SSHD_RUN_DIR "/run/sshd" /* sshd's own; -t wants it too */

/* ---- checks before the switch ---- */

/* sshd -t, for the version that is installed. */
static int
check_sshd(const char *dir, struct error *error_r)
{
	char *config = file_join(dir, DERIVED_SSHD_CONFIG);
	const char *argv[] = {"sshd", "-t", "-f", config, NULL};
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	if (geteuid() == 0)
		(void)file_mkdirs(SSHD_RUN_DIR, 0755, NULL);
	rc = run_program(argv, NULL, NULL, &said, SSHD_DEADLINE, error_r);
	if (rc == AG_ENOENT) {
		cli_warn("there is no sshd: its configuration is not tested; "
			 "install the package openssh-server");
		rc = 0;
	} else if (rc > 0) {
		rc = run_complaint("sshd -t", &said, error_r);
	}
	buf_free(&said);
	free(config);
	return rc;
}

static int
check_tables(const struct conf *conf, const char *dir, struct error *error_r)
{
	static const char *const tables[] = {
	    DERIVED_OWN_RECIPIENTS, DERIVED_OWN_ALIASES};
	char *path;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
		path = file_join(dir, tables[i]);
		rc = postfix_check_pcre(conf, path, error_r);
		free(path);
	}
	if (rc == AG_ENOENT) {
		cli_warn("there is no Postfix: its tables are not tested");
		rc = 0;
	}
	return rc;
}

/* As the daemons will read it. */
static int
check_view(const struct conf *conf, const char *dir, const struct published *p,
    struct error *error_r)
{
	struct network *network = network_load(dir, error_r);

	(void)conf;
	(void)p;
	if (network == NULL)
		return AG_EINVAL;
	network_unref(&network);
	return 0;
}

/* Then as sshd and Postfix will. */
static int
check_derived(const struct conf *conf, const char *dir,
    const struct published *p, struct error *error_r)
{
	int rc;

	rc = check_view(conf, dir, p, error_r);
	if (rc == 0 && p->sshd)
		rc = check_sshd(dir, error_r);
	if (rc == 0 && p->postfix)
		rc = check_tables(conf, dir, error_r);
	return rc;
}

/* ---- after the switch ---- */

static char *
reload_mark(const struct conf *conf)
{
	return file_join(conf->state_dir, ".reload");
}

static int
set_reload_mark(const struct conf *conf)
{
	char *mark = reload_mark(conf);
	int fd, rc = CLI_OK;

	fd = open(mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = cli_error("can't make %s: %s", mark, strerror(errno));
	else
		close(fd);
	free(mark);
	return rc;
}

/* Only a Postfix that runs needs to be told: it reads tables on start. */
static int
reload_postfix(const struct conf *conf)
{
	char *mark = reload_mark(conf);
	struct error why;
	int rc = CLI_OK;

	if (access(mark, F_OK) < 0)
		goto out;
	if (postfix_runs(conf)) {
		if (postfix_reload(conf, &why) < 0) {
			rc = cli_error("%s; the tables are in place: run "
				       "postfix reload",
			    why.text);
			goto out;
		}
		cli_out("Postfix reloaded\n");
	}
	if (unlink(mark) < 0)
		rc = cli_error("can't remove %s: %s", mark, strerror(errno));
out:
	free(mark);
	return rc;
}

/* Agamid's own sshd reads its configuration when it starts or is told. */
static void
reload_sshd(const struct conf *conf, bool quiet)
{
	static const char *const argv[] = {
	    "systemctl", "try-reload-or-restart", "agamid-sshd.service", NULL};
	bool told = conf->root[0] == '\0' &&
	    access("/run/systemd/system", F_OK) == 0 &&
	    run_program(argv, NULL, NULL, NULL, RELOAD_SECONDS, NULL) == 0;

	if (!quiet)
		cli_out("sshd's configuration has changed: %s\n",
		    told ? "Agamid's sshd reads it"
			 : "restart Agamid's sshd (systemctl restart "
			   "agamid-sshd)");
}

/* sshd without PAM refuses a user whose password is locked. */
static void
check_ssh_user(void)
{
	struct spwd *sp = getspnam(USER_SSH);

	if (sp != NULL && sp->sp_pwdp != NULL && sp->sp_pwdp[0] == '!')
		cli_warn("the user " USER_SSH " is locked, so that sshd lets "
			 "no peer in; run: usermod -p '*' " USER_SSH);
}

static void
say(const struct roster *r, const struct published *p, unsigned dirs)
{
	if (!p->changed && dirs == 0) {
		cli_out("no change (%s)\n", p->name);
		return;
	}
	if (dirs > 0)
		cli_out("%u director%s or owner%s set right\n", dirs,
		    dirs == 1 ? "y" : "ies", dirs == 1 ? "" : "s");
	if (p->changed)
		cli_out("%s is in force: %zu peer%s\n", p->name, r->peer_count,
		    r->peer_count == 1 ? "" : "s");
}

/* ---- the whole ---- */

static int
make_layout(const struct conf *conf, const struct roster *r, bool quiet,
    unsigned *changed_r)
{
	struct error why;
	bool owners;

	owners = layout_sets_owners(conf, &why);
	if (owners)
		check_ssh_user();
	else if (!quiet)
		cli_warn("owners are left as they are: %s", why.text);
	if (layout_make(
		conf, owners, r->peers, r->peer_count, changed_r, &why) < 0)
		return cli_error("%s", why.text);
	return CLI_OK;
}

/* mark before the switch, so that no death in between forgets Postfix. */
static int
mark_and_check(const struct conf *conf, const char *dir,
    const struct published *p, struct error *error_r)
{
	int rc;

	rc = check_derived(conf, dir, p, error_r);
	if (rc == 0 && p->postfix && set_reload_mark(conf) != CLI_OK)
		rc = error_set(error_r, AG_EIO, "nothing was changed");
	return rc;
}

static int
apply(const struct conf *conf, struct roster *r, const struct apply_options *o)
{
	struct published p;
	struct error why;
	struct tree tree;
	unsigned dirs = 0;
	int rc;

	tree_init(&tree);
	rc = make_layout(conf, r, o->quiet, &dirs);
	if (rc == CLI_OK && derive_all(conf, r, &tree, &r->problems, &why) < 0)
		rc = cli_error("%s; nothing was changed", why.text);
	if (rc == CLI_OK &&
	    publish_tree(conf, &tree, o->untried ? check_view : mark_and_check,
		&p, &why) < 0)
		rc =
		    cli_error("%s; what was in force stays in force", why.text);
	cli_lines(&r->problems);
	if (rc == CLI_OK) {
		if (!o->quiet)
			say(r, &p, dirs);
		if (!o->no_reload) {
			if (p.sshd)
				reload_sshd(conf, o->quiet);
			rc = reload_postfix(conf);
		}
	}
	tree_free(&tree);
	return rc;
}

/* SPEC M-9: what came by exchange, before all else. */
static int
take_in(struct known *k)
{
	struct intake in = {.conf = k->conf,
	    .known = k->verified,
	    .scratch = k->scratch,
	    .roster = &k->roster,
	    .now = time(NULL)};
	struct error why;
	int rc = CLI_OK;

	buf_init(&in.told, INTAKE_TOLD_MAX);
	if (intake_run(&in, &why) < 0)
		rc = cli_error("%s; it is tried again", why.text);
	cli_lines(&in.told);
	buf_free(&in.told);
	if (in.judged > 0 && known_reload(k) != CLI_OK)
		rc = CLI_FAILED;
	return rc;
}

int
apply_known(struct known *k, const struct apply_options *o)
{
	int taken, rc;

	taken = take_in(k);
	recovery_expire(k->conf, time(NULL));
	if (!k->loaded)
		return CLI_FAILED;
	rc = apply(k->conf, &k->roster, o);
	return rc != CLI_OK ? rc : taken;
}

static int
parse(int argc, char **argv, struct apply_options *o)
{
	int i;

	memset(o, 0, sizeof(*o));
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--no-reload") == 0)
			o->no_reload = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			o->quiet = true;
		else
			return cli_usage(USAGE_APPLY);
	}
	return CLI_OK;
}

int
cmd_apply(const struct cli *cli, int argc, char **argv)
{
	struct apply_options o;
	struct known k;
	int rc;

	rc = parse(argc, argv, &o);
	if (rc != CLI_OK)
		return rc;
	rc = known_load(cli, KNOWN_LOCKED, &k);
	if (rc == CLI_OK)
		rc = apply_known(&k, &o);
	known_free(&k);
	return rc;
}
