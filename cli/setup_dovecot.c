/* SPDX-License-Identifier: MIT */
/*
 * setup_dovecot - the Sieve script that ends duplicates, and the settings
 * that have LMTP and LDA run it (SPEC N-22.8); the plugin, and the door for
 * mail that is sealed always (SPEC N-22.9). See setup.h.
 *
 * How other own mail is delivered stays the operator's: where it does not
 * go through Dovecot's LMTP or LDA, that is said, and nothing is changed.
 */
#include "cli/setup_dovecot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/dovecot.h"
#include "cli/setup.h"
#include "cli/setup_list.h"
#include "util/file.h"
#include "util/text.h"

#define CONFIG "/etc/dovecot"
#define SCRIPT CONFIG "/agamid.sieve"
#define BINARY CONFIG "/agamid.svbin"
#define SETTINGS CONFIG "/conf.d/99-agamid.conf"
#define PASSDB CONFIG "/conf.d/00-agamid.conf"
#define SIEVE_PLUGIN "lib90_sieve_plugin.so"
#define OUR_PLUGIN "lib05_agamid_plugin.so"
#define CRYPT_PLUGIN "auth/lib20_auth_var_expand_crypt.so"
#define PIDFILE "/run/dovecot/master.pid"
#define ANSWER_MAX (1U << 20)

static const char script_text[] =
    "require [\"duplicate\", \"imap4flags\"];\n" DOVECOT_MADE
    "# Mail that came through friends: marked, and never twice.\n"
    "if exists \"X-Agamid-Once\" {\n"
    "  if duplicate :handle \"agamid\" :header \"X-Agamid-Once\" "
    ":seconds 7776000 {\n"
    "    discard;\n"
    "    stop;\n"
    "  }\n"
    "  addflag \"$Backup\";\n"
    "}\n";

/* ---- the machine ---- */

/* What doveconf -c ours says; "" where it says nothing. */
static void
ask(const struct setup *s, const char *flag, const char *name, struct buf *out)
{
	char *conf = setup_path(s, CONFIG "/dovecot.conf");
	const char *argv[] = {"doveconf", "-c", conf, flag, name, NULL};

	if (*flag == '\0') {
		argv[3] = name;
		argv[4] = NULL;
	}
	buf_reset(out);
	if (setup_run(argv, out, NULL) < 0)
		buf_reset(out);
	free(conf);
}

static bool
has_plugin(const struct setup *s, const char *name)
{
	struct buf answer;
	char *path;
	bool has;

	buf_init(&answer, ANSWER_MAX);
	ask(s, "-h", "mail_plugin_dir", &answer);
	path = xasprintf("%s%.*s/%s", s->conf->root,
	    (int)strcspn(buf_str(&answer), "\n"), buf_str(&answer), name);
	has = access(path, F_OK) == 0;
	free(path);
	buf_free(&answer);
	return has;
}

static bool
has_lmtp(const struct setup *s)
{
	struct buf answer;
	bool has;

	buf_init(&answer, ANSWER_MAX);
	ask(s, "-h", "protocols", &answer);
	has = strstr(buf_str(&answer), "lmtp") != NULL;
	buf_free(&answer);
	return has;
}

/* Can Dovecot here run Sieve? Said if not. */
static bool
wants_sieve(struct setup *s)
{
	bool has = has_plugin(s, SIEVE_PLUGIN);

	if (!has)
		setup_find(s, SETUP_WARNING, "apt install dovecot-sieve",
		    "Dovecot has no Sieve here: a mail may come twice where "
		    "this machine dies in the act of delivery; install it and "
		    "run agamid setup again");
	if (!has_lmtp(s))
		setup_find(s, SETUP_NOTE, NULL,
		    "Dovecot offers no LMTP (package dovecot-lmtpd); own mail "
		    "that does not go through its LMTP or LDA does not meet "
		    "the Sieve script");
	return has;
}

/* A mailbox of ours that has a key; NULL if none has. */
static const struct manifest_mailbox *
find_key(const struct setup *s)
{
	const struct manifest *self = s->roster->self;
	size_t i;

	for (i = 0; i < self->mailbox_count; i++) {
		if (self->mailboxes[i].openpgp != NULL)
			return &self->mailboxes[i];
	}
	return NULL;
}

static bool
is_running(void)
{
	struct buf pid;
	bool is;
	long n;

	buf_init(&pid, 64);
	is = file_read(PIDFILE, &pid, NULL) == 0;
	n = strtol(buf_str(&pid), NULL, 10);
	is = is && n > 1 && (kill((pid_t)n, 0) == 0 || errno == EPERM);
	buf_free(&pid);
	return is;
}

/* Can imap load it? Where nobody is there to ask (Dovecot does not run, or
 * knows no such user) it is taken for good; doctor asks again. */
static bool
loads_plugin(struct setup *s, const struct manifest_mailbox *box)
{
	const char *user = conf_deliver_to(s->conf, box->name);
	char *conf = setup_path(s, CONFIG "/dovecot.conf");
	struct error why = {""};
	int rc = 0;

	if (setup_is_live(s) && is_running())
		rc = dovecot_try_imap(
		    conf, user, "mail_plugins=agamid", SETUP_DEADLINE, &why);
	free(conf);
	if (rc == AG_EINVAL)
		setup_find(s, SETUP_WARNING,
		    "apt update && apt install agamid-dovecot; agamid setup",
		    "Dovecot can't load the plugin (%s), and nobody could log "
		    "in with it: it is left out, and sealed mail is shown "
		    "sealed",
		    why.text);
	else if (rc < 0)
		setup_find(s, SETUP_NOTE, NULL,
		    "it is not known whether Dovecot can load the plugin (%s): "
		    "ask agamid doctor dovecot.plugin",
		    why.text);
	return rc != AG_EINVAL;
}

static bool
wants_plugin(struct setup *s)
{
	const struct manifest_mailbox *box = find_key(s);

	if (box == NULL)
		return false;
	if (has_plugin(s, OUR_PLUGIN))
		return loads_plugin(s, box);
	setup_find(s, SETUP_NOTE, NULL,
	    "mailbox %s has a key of its own: if its secret half is on this "
	    "machine, install the package agamid-dovecot and run agamid setup "
	    "again, and its owner reads sealed mail by any client",
	    box->name);
	return false;
}

static bool
wants_door(struct setup *s)
{
	if (!conf_seals_any(s->conf))
		return false;
	if (!has_lmtp(s))
		setup_find(s, SETUP_REFUSE, "apt install dovecot-lmtpd",
		    "a mailbox is to be sealed always, but Dovecot offers no "
		    "LMTP: its mail could not be stored");
	return true;
}

static void
find_wants(struct setup *s, const char *script, struct dovecot_wants *w)
{
	static const char *const version[] = {"dovecot", "--version", NULL};
	struct buf answer;

	buf_init(&answer, ANSWER_MAX);
	if (setup_run(version, &answer, NULL) < 0)
		buf_reset(&answer);
	w->is_new = dovecot_is_new(buf_str(&answer));
	ask(s, "", "plugin", &answer);
	if (wants_sieve(s))
		w->script = script;
	if (!w->is_new)
		w->number = dovecot_before_number(buf_str(&answer), script);
	if (wants_door(s))
		w->socket = s->conf->lmtp_socket;
	w->plugin = s->plugin = wants_plugin(s);
	w->hides = has_plugin(s, CRYPT_PLUGIN);
	buf_free(&answer);
}

static int
want_text(
    struct setup *s, const char *path, const char *text, struct error *error_r)
{
	char *full = setup_path(s, path);
	struct setup_file *f;
	int rc;

	rc = setup_file_add(s, full, &f, error_r);
	if (rc == 0) {
		if (!f->now.is)
			f->own = true;
		if (strcmp(buf_str(&f->want.data), text) != 0 || !f->want.is)
			setup_state_set(&f->want, text, strlen(text));
		s->dovecot = s->dovecot || setup_file_changes(f);
	}
	free(full);
	return rc;
}

/* A file of ours: empty but for its first line where nothing is wanted any
 * more; not made for that. */
static int
want_own(
    struct setup *s, const char *path, const char *text, struct error *error_r)
{
	char *full = setup_path(s, path);
	bool skip = strcmp(text, DOVECOT_MADE) == 0 && access(full, F_OK) < 0;

	free(full);
	return skip ? 0 : want_text(s, path, text, error_r);
}

/* Our blocks in dovecot.conf: what can't be in conf.d/. */
static int
want_blocks(struct setup *s, const char *conf, const char *passdb,
    const char *settings, struct error *error_r)
{
	char *text = block_remove(conf), *more;
	size_t at;
	int rc = 0;

	if (*passdb != '\0') {
		(void)dovecot_passdb_place(text, &at);
		more = block_insert(text, at, passdb);
		free(text);
		text = more;
	}
	if (*settings != '\0') {
		more = block_append(text, settings);
		free(text);
		text = more;
	}
	if (strcmp(text, conf) != 0)
		rc = want_text(s, CONFIG "/dovecot.conf", text, error_r);
	free(text);
	return rc;
}

static int
want_settings(struct setup *s, const char *conf, const struct dovecot_wants *w,
    struct error *error_r)
{
	const bool conf_d = dovecot_reads_conf_d(conf);
	const char *passdb = w->plugin ? dovecot_passdb(w) : DOVECOT_MADE;
	char *rest = block_remove(conf), *settings = dovecot_settings(w);
	size_t at;
	bool in_main = dovecot_passdb_place(rest, &at);
	int rc;

	rc = want_blocks(s, conf, w->plugin && in_main ? passdb : "",
	    conf_d || strcmp(settings, DOVECOT_MADE) == 0 ? "" : settings,
	    error_r);
	if (rc == 0 && conf_d)
		rc = want_own(s, SETTINGS, settings, error_r);
	if (rc == 0 && conf_d)
		rc = want_own(
		    s, PASSDB, in_main ? DOVECOT_MADE : passdb, error_r);
	free(settings);
	free(rest);
	return rc;
}

/* sievec makes it beside the script, when that is in place. */
static int
add_binary(struct setup *s, struct error *error_r)
{
	char *full = setup_path(s, BINARY);
	struct setup_file *f;
	int rc;

	rc = setup_file_add(s, full, &f, error_r);
	if (rc == 0 && (!f->now.is || f->known))
		f->own = f->later = true;
	if (rc == 0 && !f->now.is)
		s->dovecot = true;
	free(full);
	return rc;
}

int
setup_dovecot(struct setup *s, struct error *error_r)
{
	char *conf = setup_path(s, CONFIG "/dovecot.conf"),
	     *script = setup_path(s, SCRIPT);
	struct dovecot_wants wants = {.script = NULL};
	struct buf text;
	int rc = 0;

	buf_init(&text, SETUP_FILE_MAX);
	if (access(conf, F_OK) < 0) {
		setup_find(s,
		    conf_seals_any(s->conf) ? SETUP_REFUSE : SETUP_NOTE, NULL,
		    "there is no %s: without Dovecot's Sieve a mail may come "
		    "twice where this machine dies in the act of delivery, and "
		    "no mailbox can be sealed always",
		    conf);
		goto out;
	}
	find_wants(s, script, &wants);
	rc = file_read(conf, &text, error_r);
	if (rc == 0 && wants.script != NULL)
		rc = want_text(s, SCRIPT, script_text, error_r);
	if (rc == 0 && wants.script != NULL)
		rc = add_binary(s, error_r);
	if (rc == 0)
		rc = want_settings(s, buf_str(&text), &wants, error_r);
out:
	buf_free(&text);
	free(script);
	free(conf);
	return rc;
}

/* In a file that is not all ours only the blocks are. */
int
setup_dovecot_strip(struct setup *s, struct error *error_r)
{
	char *conf = setup_path(s, CONFIG "/dovecot.conf"), *text;
	struct setup_file *f = setup_file_find(s, conf);

	(void)error_r;
	free(conf);
	if (f == NULL || !f->foreign || !f->now.is)
		return 0;
	text = block_remove(buf_str(&f->now.data));
	setup_state_set(&f->base, text, strlen(text));
	free(text);
	return 0;
}

/* Is our passdb the first? One before it would end the search. */
static int
check_passdb(const struct setup *s, struct error *error_r)
{
	struct buf answer;
	const char *end;
	int rc = 0;

	buf_init(&answer, ANSWER_MAX);
	ask(s, "", "passdb", &answer);
	end = strstr(buf_str(&answer), "\n}\n");
	if (end == NULL ||
	    memmem(answer.data, (size_t)(end - answer.data), "userdb_agamid_",
		14) == NULL)
		rc = error_set(error_r, AG_EINVAL,
		    "another passdb than ours is the first that Dovecot reads: "
		    "see PLUGIN in agamid-setup(8)");
	buf_free(&answer);
	return rc;
}

int
setup_dovecot_check(const struct setup *s, struct error *error_r)
{
	char *conf = setup_path(s, CONFIG "/dovecot.conf"),
	     *script = setup_path(s, SCRIPT);
	const char *argv[] = {"doveconf", "-c", conf, "-n", NULL};
	const char *compile[] = {"sievec", "-c", conf, script, NULL};
	int rc = 0;

	if (s->dovecot && access(conf, F_OK) == 0)
		rc = setup_run(argv, NULL, error_r);
	if (rc == 0 && s->dovecot && s->plugin)
		rc = check_passdb(s, error_r);
	if (rc == 0 && s->dovecot && access(script, F_OK) == 0)
		rc = setup_run(compile, NULL, error_r);
	free(script);
	free(conf);
	return rc;
}

void
setup_dovecot_tell(const struct setup *s)
{
	static const char *const argv[] = {"doveadm", "reload", NULL};
	struct error why;

	if (!setup_is_live(s) || !is_running())
		return;
	if (setup_run(argv, NULL, &why) < 0)
		cli_warn("%s; run: doveadm reload", why.text);
	else
		cli_out("Dovecot reloaded\n");
}
