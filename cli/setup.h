/* SPDX-License-Identifier: MIT */
/*
 * setup - agamid setup and its undo: what the parts share.
 *
 * A plan is a list of files: what each one is now, what it was (or would
 * be) without Agamid, and what it is to be. It is made without touching
 * anything: Postfix's files are edited as copies in a scratch directory.
 * setup_files.c alone writes; it keeps the files as they were, and the
 * journal, in /var/lib/agamid/setup.
 *
 * SECURITY: run by root on files that root owns. What goes into them of a
 * manifest is addresses and numbers that manifest.h has checked; peers'
 * names and domains stand in tables only (derive.h).
 */
#ifndef AGAMID_SETUP_H
#define AGAMID_SETUP_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/roster.h"
#include "mail/conf.h"

#define SETUP_FILE_MAX (4U << 20)
#define SETUP_DEADLINE 60 /* seconds, for each program */

/* ---- findings: what is said beside the changes ---- */

enum setup_level { SETUP_NOTE, SETUP_WARNING, SETUP_REFUSE };

struct setup_finding {
	enum setup_level level;
	char *text, *mend; /* mend: the line to type, or NULL */
};

/* ---- files ---- */

struct setup_state { /* of a file */
	bool is; /* is there */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct buf data;
};

struct setup_file {
	char *path;
	struct setup_state now, base, want;
	bool foreign; /* others have changed it since our last time */
	bool known; /* the journal has it */
	bool own; /* no one else writes it */
	bool later; /* a program makes it when the others are in place */
};

/* ---- what we set: a parameter of main.cf, an entry of master.cf ---- */

struct setup_edit {
	char *name; /* "relay_domains", "smtp/inet" */
	char *was; /* without Agamid; NULL: not there */
	char *now;
};

struct setup_edits {
	struct setup_edit *edit;
	size_t count;
};

struct setup {
	const struct conf *conf;
	const struct roster *roster; /* NULL to undo */
	const char *scratch;
	struct setup_finding *findings;
	size_t finding_count;
	struct setup_file *files;
	size_t file_count;
	struct setup_edits main, master; /* wanted */
	struct setup_edits old_main, old_master; /* of the journal */
	char **units; /* that we have enabled */
	size_t unit_count;
	struct buf journal; /* as it was read; empty: none */
	bool postfix, dovecot; /* are to be told */
	bool plugin; /* Dovecot is to load ours */
	bool units_change; /* drop-ins of systemd's */
};

void setup_find(struct setup *s, enum setup_level level, const char *mend,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const struct setup_edit *setup_edit_find(
    const struct setup_edits *e, const char *name);
/* was may be NULL; all are copied. */
void setup_edit_add(
    struct setup_edits *e, const char *name, const char *was, const char *now);
void setup_edits_free(struct setup_edits *e);

/* ROOT + path; malloc'ed. */
char *setup_path(const struct setup *s, const char *path);
/* Does the running system have its files here: is there no --root? */
bool setup_is_live(const struct setup *s);
/* A program, which must end with 0; its output to out (may be NULL). */
int setup_run(const char *const *argv, struct buf *out, struct error *error_r);

/* ---- setup_files.c ---- */

/* The journal, if there is one, into s->old_* and s->units. */
int setup_journal_load(struct setup *s, struct error *error_r);
/* Take a file into the plan: now and base are filled, want is as now. A
 * file that others have changed since has foreign set, and base as now: who
 * knows the file takes our part out. Borrowed from s until the next call.*/
int setup_file_add(struct setup *s, const char *path,
    struct setup_file **file_r, struct error *error_r);
/* All files of the journal that are not in the plan yet. */
int setup_file_add_known(struct setup *s, struct error *error_r);
bool setup_file_changes(const struct setup_file *f);
struct setup_file *setup_file_find(struct setup *s, const char *path);
void setup_state_set(struct setup_state *st, const void *data, size_t len);
void setup_state_copy(struct setup_state *to, const struct setup_state *from);
/* Show what is to change as a unified diff. */
int setup_show(struct setup *s, struct error *error_r);
/* Journal first, then the files. */
int setup_install(struct setup *s, struct error *error_r);
/* Put every file back as it was before setup_install(). */
int setup_rollback(struct setup *s, struct error *error_r);
/* Every file to its base; then the journal goes. */
int setup_uninstall(struct setup *s, struct error *error_r);
/* Note a unit in the journal before it is enabled. */
int setup_journal_unit(
    struct setup *s, const char *unit, struct error *error_r);
int setup_journal_remove(struct setup *s, struct error *error_r);

/* ---- setup_postfix.c, setup_promise.c ---- */

int setup_postfix(struct setup *s, struct error *error_r);
/* Take our part out of main.cf and master.cf where others have changed
 * them: fills base. */
int setup_postfix_strip(struct setup *s, struct error *error_r);
int setup_postfix_check(const struct setup *s, struct error *error_r);
void setup_postfix_tell(const struct setup *s);

/* ---- setup_dovecot.c ---- */

int setup_dovecot(struct setup *s, struct error *error_r);
int setup_dovecot_strip(struct setup *s, struct error *error_r);
int setup_dovecot_check(const struct setup *s, struct error *error_r);
void setup_dovecot_tell(const struct setup *s);

/* ---- setup_systemd.c ---- */

/* A drop-in, for units that are to write where Postfix's queue is. Its
 * folder is ours, too: UNIT.d. */
#define SETUP_DROPIN "agamid-setup.conf"
int setup_systemd(struct setup *s, struct error *error_r);
/* Enable and start what runs Agamid; without systemd, list it if say. */
int setup_systemd_start(struct setup *s, bool say, struct error *error_r);
int setup_systemd_stop(struct setup *s, struct error *error_r);

/* ---- setup.c ---- */

enum setup_do { SETUP_DRY_RUN, SETUP_ASK, SETUP_YES };

int setup_do(const struct conf *conf, const struct roster *roster,
    const char *scratch, enum setup_do how, bool force);
int setup_undo(const struct conf *conf, const char *scratch, enum setup_do how);

#endif
