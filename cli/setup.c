/* SPDX-License-Identifier: MIT */
/*
 * setup - makes the plan, shows it, asks, carries it out, tries it, and
 * takes it back where a trial fails. See setup.h; SPEC N-22.
 */
#include "cli/setup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/derive.h"
#include "cli/run.h"
#include "util/file.h"
#include "util/text.h"

/* ---- what the parts share ---- */

void
setup_find(struct setup *s, enum setup_level level, const char *mend,
    const char *fmt, ...)
{
	struct setup_finding *f;
	va_list ap;
	size_t i;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	for (i = 0; i < s->finding_count; i++) {
		if (strcmp(s->findings[i].text, text) == 0) {
			free(text);
			return;
		}
	}
	f = reallocarray(s->findings, s->finding_count + 1, sizeof(*f));
	if (f == NULL)
		abort();
	s->findings = f;
	f += s->finding_count++;
	f->level = level;
	f->text = text;
	f->mend = mend == NULL ? NULL : xstrdup(mend);
}

const struct setup_edit *
setup_edit_find(const struct setup_edits *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->count; i++) {
		if (strcmp(e->edit[i].name, name) == 0)
			return &e->edit[i];
	}
	return NULL;
}

void
setup_edit_add(
    struct setup_edits *e, const char *name, const char *was, const char *now)
{
	struct setup_edit *grown;

	grown = reallocarray(e->edit, e->count + 1, sizeof(*grown));
	if (grown == NULL)
		abort();
	e->edit = grown;
	grown += e->count++;
	grown->name = xstrdup(name);
	grown->was = was == NULL ? NULL : xstrdup(was);
	grown->now = xstrdup(now);
}

void
setup_edits_free(struct setup_edits *e)
{
	size_t i;

	for (i = 0; i < e->count; i++) {
		free(e->edit[i].name);
		free(e->edit[i].was);
		free(e->edit[i].now);
	}
	free(e->edit);
	memset(e, 0, sizeof(*e));
}

static void
setup_free(struct setup *s)
{
	size_t i;

	for (i = 0; i < s->finding_count; i++) {
		free(s->findings[i].text);
		free(s->findings[i].mend);
	}
	for (i = 0; i < s->file_count; i++) {
		free(s->files[i].path);
		buf_free(&s->files[i].now.data);
		buf_free(&s->files[i].base.data);
		buf_free(&s->files[i].want.data);
	}
	for (i = 0; i < s->unit_count; i++)
		free(s->units[i]);
	free(s->units);
	free(s->findings);
	free(s->files);
	setup_edits_free(&s->main);
	setup_edits_free(&s->master);
	setup_edits_free(&s->old_main);
	setup_edits_free(&s->old_master);
	buf_free(&s->journal);
}

char *
setup_path(const struct setup *s, const char *path)
{
	return file_join(s->conf->root, path);
}

bool
setup_is_live(const struct setup *s)
{
	return s->conf->root[0] == '\0';
}

int
setup_run(const char *const *argv, struct buf *out, struct error *error_r)
{
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	rc = run_program(argv, NULL, out, &said, SETUP_DEADLINE, error_r);
	if (rc > 0)
		rc = run_complaint(argv[0], &said, error_r);
	buf_free(&said);
	return rc;
}

/* ---- to say ---- */

/* Returns how many of them refuse. */
static unsigned
say_findings(const struct setup *s)
{
	static const char *const kind[] = {"note", "warning", "refused"};
	const struct setup_finding *f;
	unsigned refused = 0;
	size_t i;

	for (i = 0; i < s->finding_count; i++) {
		f = &s->findings[i];
		cli_out("%s: %s\n", kind[f->level], f->text);
		if (f->mend != NULL)
			cli_out("    mend: %s\n", f->mend);
		refused += f->level == SETUP_REFUSE;
	}
	return refused;
}

static void
say_foreign(const struct setup *s)
{
	size_t i;

	for (i = 0; i < s->file_count; i++) {
		if (s->files[i].foreign)
			cli_out("%s was changed by others since the last "
				"setup: only our part is touched\n",
			    s->files[i].path);
	}
}

static bool
changes(const struct setup *s)
{
	size_t i;

	for (i = 0; i < s->file_count; i++) {
		if (setup_file_changes(&s->files[i]))
			return true;
		if (s->files[i].later && !s->files[i].now.is)
			return true;
	}
	return false;
}

/* Yes, if the operator says so. */
static bool
agreed(enum setup_do how)
{
	char answer[16];

	if (how == SETUP_YES)
		return true;
	if (!isatty(STDIN_FILENO)) {
		cli_error("nobody to ask: use --yes, or --dry-run");
		return false;
	}
	cli_out("Make these changes? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- setup ---- */

static int
make_plan(struct setup *s, struct error *error_r)
{
	int rc;

	rc = setup_journal_load(s, error_r);
	if (rc == 0)
		rc = setup_postfix_strip(s, error_r);
	if (rc == 0)
		rc = setup_postfix(s, error_r);
	if (rc == 0)
		rc = setup_dovecot(s, error_r);
	if (rc == 0)
		rc = setup_dovecot_strip(s, error_r);
	if (rc == 0)
		rc = setup_systemd(s, error_r);
	return rc;
}

static int
check_sshd(const struct setup *s, struct error *error_r)
{
	char *path = file_join(s->conf->derived_dir, DERIVED_SSHD_CONFIG);
	const char *argv[] = {"sshd", "-t", "-f", path, NULL};
	int rc;

	rc = setup_run(argv, NULL, error_r);
	free(path);
	return rc;
}

static int
check_all(const struct setup *s, struct error *error_r)
{
	int rc;

	rc = setup_postfix_check(s, error_r);
	if (rc == 0)
		rc = setup_dovecot_check(s, error_r);
	if (rc == 0)
		rc = check_sshd(s, error_r);
	return rc;
}

static int
carry_out(struct setup *s, struct error *error_r)
{
	struct error why;
	int rc;

	rc = setup_install(s, error_r);
	if (rc == 0)
		rc = check_all(s, error_r);
	if (rc == 0)
		return 0;
	if (setup_rollback(s, &why) < 0)
		cli_warn("%s; agamid setup --undo tries again", why.text);
	else
		cli_out("every file is as it was before\n");
	return rc;
}

static void
tell(const struct setup *s)
{
	if (s->postfix)
		setup_postfix_tell(s);
	if (s->dovecot)
		setup_dovecot_tell(s);
}

static int
make_changes(struct setup *s, enum setup_do how)
{
	struct error why;
	bool changed = changes(s);

	if (!changed) {
		cli_out("no change\n");
	} else {
		if (how == SETUP_DRY_RUN) {
			cli_out("nothing was changed (--dry-run)\n");
			return CLI_OK;
		}
		if (!agreed(how))
			return cli_error("nothing was changed");
		if (carry_out(s, &why) < 0)
			return cli_error("%s", why.text);
	}
	if (how == SETUP_DRY_RUN)
		return CLI_OK;
	if (setup_systemd_start(s, changed, &why) < 0)
		cli_warn("%s; see: systemctl status agamid.target", why.text);
	tell(s);
	return CLI_OK;
}

int
setup_do(const struct conf *conf, const struct roster *roster,
    const char *scratch, enum setup_do how, bool force)
{
	struct setup s = {.conf = conf, .roster = roster, .scratch = scratch};
	struct error why;
	unsigned refused;
	int rc;

	if (make_plan(&s, &why) < 0 || setup_show(&s, &why) < 0) {
		rc = cli_error("%s; nothing was changed", why.text);
		goto out;
	}
	say_foreign(&s);
	/* Among them: a peer's domain that this Postfix has already. */
	cli_lines(&roster->problems);
	refused = say_findings(&s);
	if (refused > 0 && !force) {
		rc = cli_error("%u thing%s in the way (\"refused\" above): "
			       "mend %s and try again; nothing was changed",
		    refused, refused == 1 ? " is" : "s are",
		    refused == 1 ? "it" : "them");
		goto out;
	}
	rc = make_changes(&s, how);
out:
	setup_free(&s);
	return rc;
}

/* ---- undo ---- */

static int
plan_undo(struct setup *s, struct error *error_r)
{
	size_t i;
	int rc;

	rc = setup_file_add_known(s, error_r);
	if (rc == 0)
		rc = setup_postfix_strip(s, error_r);
	if (rc == 0)
		rc = setup_dovecot_strip(s, error_r);
	for (i = 0; rc == 0 && i < s->file_count; i++)
		setup_state_copy(&s->files[i].want, &s->files[i].base);
	s->postfix = s->dovecot = true;
	return rc;
}

static int
take_back(struct setup *s, enum setup_do how)
{
	struct error why;

	if (how == SETUP_DRY_RUN) {
		cli_out("nothing was changed (--dry-run)\n");
		return CLI_OK;
	}
	if (!agreed(how))
		return cli_error("nothing was changed");
	if (setup_uninstall(s, &why) < 0)
		return cli_error("%s; run agamid setup --undo again", why.text);
	if (setup_postfix_check(s, &why) < 0)
		cli_warn("%s", why.text);
	tell(s);
	if (setup_systemd_stop(s, &why) < 0)
		cli_warn("%s", why.text);
	if (setup_journal_remove(s, &why) < 0)
		return cli_error("%s", why.text);
	cli_out("undone; bundles, keys and manifests are kept; what is still "
		"in Postfix's queue for peers goes to their own servers\n");
	return CLI_OK;
}

int
setup_undo(const struct conf *conf, const char *scratch, enum setup_do how)
{
	struct setup s = {.conf = conf, .scratch = scratch};
	struct error why;
	int rc;

	if (setup_journal_load(&s, &why) < 0) {
		rc = cli_error("%s", why.text);
	} else if (s.journal.len == 0) {
		cli_out("nothing to undo\n");
		rc = CLI_OK;
	} else if (plan_undo(&s, &why) < 0 || setup_show(&s, &why) < 0) {
		rc = cli_error("%s; nothing was changed", why.text);
	} else {
		say_foreign(&s);
		rc = take_back(&s, how);
	}
	setup_free(&s);
	return rc;
}
