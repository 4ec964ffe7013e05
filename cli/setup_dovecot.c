/* SPDX-License-Identifier: MIT */
/*
 * setup_dovecot - the Sieve script that ends duplicates, and the settings
 * that have LMTP and LDA run it (SPEC N-22.8). See setup.h.
 *
 * How own mail is delivered stays the operator's: where it does not go
 * through Dovecot's LMTP or LDA, that is said, and nothing is changed.
 */
#include "cli/setup_dovecot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/setup.h"
#include "cli/setup_list.h"
#include "util/file.h"
#include "util/text.h"

#define CONFIG "/etc/dovecot"
#define SCRIPT CONFIG "/agamid.sieve"
#define BINARY CONFIG "/agamid.svbin"
#define PLUGIN "lib90_sieve_plugin.so"
#define PIDFILE "/run/dovecot/master.pid"
#define ANSWER_MAX (1U << 20)
#define MADE "# Made by agamid setup; changes here are lost.\n"

static const char script_text[] =
    "require [\"duplicate\", \"imap4flags\"];\n" MADE
    "# Mail that came through friends: marked, and never twice.\n"
    "if exists \"X-Agamid-Once\" {\n"
    "  if duplicate :handle \"agamid\" :header \"X-Agamid-Once\" "
    ":seconds 7776000 {\n"
    "    discard;\n"
    "    stop;\n"
    "  }\n"
    "  addflag \"$Backup\";\n"
    "}\n";

/* ---- pure ---- */

bool
dovecot_reads_conf_d(const char *conf)
{
	const char *line, *end;

	for (line = conf; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		line += strspn(line, " \t");
		if (strncmp(line, "!include ", 9) == 0 &&
		    strncmp(line + 9 + strspn(line + 9, " "), "conf.d/*.conf",
			13) == 0)
			return true;
	}
	return false;
}

bool
dovecot_is_new(const char *version)
{
	char *end;
	long major = strtol(version, &end, 10), minor = 0;

	if (*end == '.')
		minor = strtol(end + 1, NULL, 10);
	return major > 2 || (major == 2 && minor >= 4);
}

static char *
before_name(unsigned n)
{
	return n == 1 ? xstrdup("sieve_before")
		      : xasprintf("sieve_before%u", n);
}

/* "\n  NAME = value\n" in the section. */
static const char *
find_setting(const char *plugin, const char *name)
{
	char *key = xasprintf("  %s = ", name);
	const char *at = strstr(plugin, key);

	if (at != NULL)
		at += strlen(key);
	free(key);
	return at;
}

unsigned
dovecot_before_number(const char *plugin, const char *script)
{
	const char *value;
	unsigned n;
	char *name;

	for (n = 1; n < 1000; n++) {
		name = before_name(n);
		value = find_setting(plugin, name);
		free(name);
		if (value == NULL ||
		    (strncmp(value, script, strlen(script)) == 0 &&
			strchr("\n", value[strlen(script)]) != NULL))
			break;
	}
	return n;
}

char *
dovecot_settings(bool is_new, unsigned number, const char *script)
{
	char *name, *out;

	if (is_new)
		return xasprintf(MADE "protocol lmtp {\n"
				      "  mail_plugins {\n"
				      "    sieve = yes\n"
				      "  }\n"
				      "}\n"
				      "protocol lda {\n"
				      "  mail_plugins {\n"
				      "    sieve = yes\n"
				      "  }\n"
				      "}\n"
				      "sieve_script agamid {\n"
				      "  type = before\n"
				      "  path = %s\n"
				      "}\n"
				      "sieve_duplicate_max_period = 90d\n",
		    script);
	name = before_name(number);
	out = xasprintf(MADE "protocol lmtp {\n"
			     "  mail_plugins = $mail_plugins sieve\n"
			     "}\n"
			     "protocol lda {\n"
			     "  mail_plugins = $mail_plugins sieve\n"
			     "}\n"
			     "plugin {\n"
			     "  %s = %s\n"
			     "  sieve_duplicate_max_period = 90d\n"
			     "}\n",
	    name, script);
	free(name);
	return out;
}

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

/* Can Dovecot here run Sieve? Said if not. */
static bool
has_sieve(struct setup *s)
{
	struct buf answer;
	char *path;
	bool has;

	buf_init(&answer, ANSWER_MAX);
	ask(s, "-h", "mail_plugin_dir", &answer);
	path = xasprintf("%s%.*s/" PLUGIN, s->conf->root,
	    (int)strcspn(buf_str(&answer), "\n"), buf_str(&answer));
	has = access(path, F_OK) == 0;
	if (!has)
		setup_find(s, SETUP_WARNING, "apt install dovecot-sieve",
		    "Dovecot has no Sieve here: a mail may come twice where "
		    "this machine dies in the act of delivery; install it and "
		    "run agamid setup again");
	ask(s, "-h", "protocols", &answer);
	if (strstr(buf_str(&answer), "lmtp") == NULL)
		setup_find(s, SETUP_NOTE, NULL,
		    "Dovecot offers no LMTP (package dovecot-lmtpd); own mail "
		    "that does not go through its LMTP or LDA does not meet "
		    "the Sieve script");
	free(path);
	buf_free(&answer);
	return has;
}

static char *
make_settings(const struct setup *s, const char *script)
{
	static const char *const version[] = {"dovecot", "--version", NULL};
	struct buf answer;
	unsigned number;
	bool is_new;
	char *out;

	buf_init(&answer, ANSWER_MAX);
	if (setup_run(version, &answer, NULL) < 0)
		buf_reset(&answer);
	is_new = dovecot_is_new(buf_str(&answer));
	ask(s, "", "plugin", &answer);
	number = is_new ? 0 : dovecot_before_number(buf_str(&answer), script);
	out = dovecot_settings(is_new, number, script);
	buf_free(&answer);
	return out;
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

/* dovecot.conf without conf.d/: our settings are a block at its end. */
static int
want_block(struct setup *s, const char *settings, struct error *error_r)
{
	char *full = setup_path(s, CONFIG "/dovecot.conf"), *text;
	struct setup_file *f;
	int rc;

	rc = setup_file_add(s, full, &f, error_r);
	if (rc == 0) {
		text = block_append(buf_str(&f->now.data), settings);
		rc = want_text(s, CONFIG "/dovecot.conf", text, error_r);
		free(text);
	}
	free(full);
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
	     *script = setup_path(s, SCRIPT), *settings = NULL;
	struct buf text;
	int rc = 0;

	buf_init(&text, SETUP_FILE_MAX);
	if (access(conf, F_OK) < 0) {
		setup_find(s, SETUP_NOTE, NULL,
		    "there is no %s: without Dovecot's Sieve a mail may come "
		    "twice where this machine dies in the act of delivery",
		    conf);
		goto out;
	}
	if (!has_sieve(s))
		goto out;
	settings = make_settings(s, script);
	rc = file_read(conf, &text, error_r);
	if (rc == 0)
		rc = want_text(s, SCRIPT, script_text, error_r);
	if (rc == 0)
		rc = add_binary(s, error_r);
	if (rc == 0)
		rc = dovecot_reads_conf_d(buf_str(&text))
		    ? want_text(
			  s, CONFIG "/conf.d/99-agamid.conf", settings, error_r)
		    : want_block(s, settings, error_r);
out:
	buf_free(&text);
	free(settings);
	free(script);
	free(conf);
	return rc;
}

/* In a file that is not all ours only the block is. */
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
	if (rc == 0 && s->dovecot && access(script, F_OK) == 0)
		rc = setup_run(compile, NULL, error_r);
	free(script);
	free(conf);
	return rc;
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
