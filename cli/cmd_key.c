/* SPDX-License-Identifier: MIT */
/*
 * agamid key - the OpenPGP key of a mailbox: made or taken in under the
 * login password, its public half put into the draft of the manifest, its
 * passphrase changed, shown for a backup, taken out again.
 *
 * Nothing here deletes a secret key: old mail needs it.
 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/draft.h"
#include "cli/key_body.h"
#include "cli/key_file.h"
#include "cli/known.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "mail/mailbox_key.h"
#include "util/file.h"
#include "util/text.h"

#define DOVEADM_DEADLINE 30 /* seconds */
#define PASS_MAX 1024
#define ERRORS_MAX 65536

struct keying {
	struct known known;
	const char *mailbox, *file, *sheet;
	bool replace;
	const struct manifest_mailbox *box; /* as in force */
	char *home;
	struct mailbox_key *key;
	struct buf secret; /* the key file as it was; empty: there is none */
};

/* ---- passphrases ---- */

static int
ask(const char *what, char pass[PASS_MAX])
{
	struct termios saved, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
	bool got;

	if (terminal) {
		fprintf(stderr, "%s: ", what);
		silent = saved;
		silent.c_lflag &= (tcflag_t)~ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	got = fgets(pass, PASS_MAX, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		putc('\n', stderr);
	}
	if (!got || strchr(pass, '\n') == NULL)
		return cli_error(
		    "no %s on standard input, or a longer one than %d bytes",
		    what, PASS_MAX - 2);
	pass[strcspn(pass, "\n")] = '\0';
	return CLI_OK;
}

/* Twice where a person types it. */
static int
ask_new(char pass[PASS_MAX])
{
	char again[PASS_MAX];
	int rc = ask("login password of the mailbox", pass);

	if (rc == CLI_OK && *pass == '\0')
		rc = cli_error("an empty password protects nothing");
	if (rc != CLI_OK || !isatty(STDIN_FILENO))
		return rc;
	rc = ask("once more", again);
	if (rc == CLI_OK && strcmp(pass, again) != 0)
		rc = cli_error("the two are not the same");
	explicit_bzero(again, sizeof(again));
	return rc;
}

/* ---- where the key is ---- */

/* Dovecot knows the homes of its users. */
static int
ask_dovecot(struct keying *k)
{
	const char *user = conf_deliver_to(k->known.conf, k->mailbox);
	const char *argv[] = {"doveadm", "user", "-f", "home", user, NULL};
	struct buf said, complaint;
	struct error why;
	int rc;

	buf_init(&said, 4096);
	buf_init(&complaint, ERROR_TEXT_MAX);
	rc = run_program(argv, NULL, &said, &complaint, DOVEADM_DEADLINE, &why);
	if (rc > 0)
		run_complaint("doveadm", &complaint, &why);
	if (rc == 0) {
		k->home = xstrdup(buf_str(&said));
		k->home[strcspn(k->home, "\n")] = '\0';
	} else {
		cli_error("%s has no home directory that Dovecot knows (%s); "
			  "say --home DIR, or who it is to Dovecot: "
			  "mailboxes.%s.deliver-to in agamid.yaml",
		    user, why.text, k->mailbox);
	}
	buf_free(&complaint);
	buf_free(&said);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}

static int
read_file(struct keying *k)
{
	struct error why;
	int rc;

	rc = key_file_read(k->home, &k->secret, &why);
	if (rc == AG_ENOENT) {
		buf_reset(&k->secret);
		return CLI_OK;
	}
	return rc < 0 ? cli_error("%s", why.text) : CLI_OK;
}

static int
need_file(struct keying *k)
{
	int rc = read_file(k);

	if (rc == CLI_OK && k->secret.len == 0)
		rc = cli_error("%s has no key: there is no %s/" KEY_FILE,
		    k->mailbox, k->home);
	return rc;
}

/* ---- the manifest's draft ---- */

static int
check_body(const struct buf *body)
{
	struct manifest *m;
	struct buf errors;

	buf_init(&errors, ERRORS_MAX);
	m = manifest_parse(DRAFT_FILE, buf_str(body), body->len, &errors);
	cli_lines(&errors);
	buf_free(&errors);
	if (m == NULL)
		return CLI_FAILED;
	manifest_free(&m);
	return CLI_OK;
}

/* The draft, or where there is none the manifest in force. */
static int
read_body(struct keying *k, struct buf *body)
{
	const struct manifest *self = k->known.roster.self;
	char *path = draft_path(k->known.conf);
	struct error why;
	int rc;

	rc = draft_read(path, body, &why);
	if (rc == AG_ENOENT)
		rc = body_take(self->text, self->text_len, body);
	else if (rc < 0)
		cli_error("%s", why.text);
	free(path);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int
publish_key(struct keying *k, const char *armored)
{
	struct buf body, changed;
	struct error why;
	int rc;

	buf_init(&body, MANIFEST_MAX + 64);
	buf_init(&changed, MANIFEST_MAX + 64);
	rc = read_body(k, &body);
	if (rc == CLI_OK &&
	    key_body_set(
		&body, k->mailbox, k->box->matches, armored, &changed) < 0)
		rc = cli_error("the draft of the manifest does not have the "
			       "mailbox %s on a line of its own: write "
			       "it so, or its key yourself",
		    k->mailbox);
	if (rc == CLI_OK)
		rc = check_body(&changed);
	if (rc == CLI_OK && draft_write(k->known.conf, &changed, &why) < 0)
		rc = cli_error("%s", why.text);
	if (rc == CLI_OK)
		cli_out("The draft of the manifest %s it; agamid manifest "
			"publish signs it.\n",
		    armored != NULL ? "has" : "no longer has");
	buf_free(&changed);
	buf_free(&body);
	return rc;
}

/* ---- the subcommands ---- */

static int
show_sheet(struct keying *k)
{
	struct buf sheet;
	struct error why;
	int rc;

	buf_init(&sheet, MAILBOX_KEY_MAX);
	rc = buf_printf(&sheet,
	    "Recovery sheet of the mailbox %s.\n"
	    "This key opens its sealed mail without any password. Print it,\n"
	    "keep the paper where only its owner finds it, delete the file.\n"
	    "\n",
	    k->mailbox);
	if (rc == 0)
		rc = mailbox_key_sheet(k->key, &sheet, &why);
	if (rc == 0 && k->sheet != NULL)
		rc = file_replace(
		    k->sheet, buf_str(&sheet), sheet.len, 0600, "key", &why);
	else if (rc == 0)
		cli_out("%s\n", buf_str(&sheet));
	buf_wipe(&sheet);
	return rc < 0 ? cli_error("%s", why.text) : CLI_OK;
}

/* All keys, old ones included, under one passphrase. */
static int
store(struct keying *k, const char *pass)
{
	struct buf secret;
	struct error why;
	int rc;

	buf_init(&secret, MAILBOX_KEY_MAX);
	rc = mailbox_key_secret(k->key, pass, &secret, &why);
	if (rc == 0)
		rc = key_file_write(k->home, &secret, &why);
	buf_wipe(&secret);
	return rc < 0 ? cli_error("%s", why.text) : CLI_OK;
}

static int
load(struct keying *k, const struct buf *data, const char *pass)
{
	struct error why;

	if (data->len > 0 && mailbox_key_load(k->key, data, pass, &why) < 0)
		return cli_error("%s", why.text);
	return CLI_OK;
}

static int
put_public(struct keying *k)
{
	struct buf public;
	struct error why;
	int rc;

	buf_init(&public, MANIFEST_MAX);
	rc = mailbox_key_public(k->key, &public, &why);
	rc = rc < 0 ? cli_error("%s", why.text)
		    : publish_key(k, buf_str(&public));
	buf_free(&public);
	return rc;
}

static int
run_new(struct keying *k)
{
	const char *domain = k->known.roster.self->domains[0];
	char pass[PASS_MAX], *uid;
	struct error why;
	int rc;

	rc = read_file(k);
	if (rc == CLI_OK)
		rc = ask_new(pass);
	if (rc == CLI_OK)
		rc = load(k, &k->secret, pass);
	uid = xasprintf("%s@%s", k->mailbox, domain);
	if (rc == CLI_OK && mailbox_key_generate(k->key, uid, &why) < 0)
		rc = cli_error("%s", why.text);
	free(uid);
	if (rc == CLI_OK)
		rc = show_sheet(k);
	if (rc == CLI_OK)
		rc = store(k, pass);
	explicit_bzero(pass, sizeof(pass));
	return rc == CLI_OK ? put_public(k) : rc;
}

static int
load_import(struct keying *k)
{
	char pass[PASS_MAX];
	struct buf data;
	struct error why;
	int rc;

	buf_init(&data, MAILBOX_KEY_MAX);
	rc = ask("passphrase of the file (empty: none)", pass);
	if (rc == CLI_OK && file_read(k->file, &data, &why) < 0)
		rc = cli_error("%s", why.text);
	if (rc == CLI_OK)
		rc = load(k, &data, pass);
	explicit_bzero(pass, sizeof(pass));
	buf_wipe(&data);
	return rc;
}

/* What nobody can open any more is not deleted all the same. */
static int
put_aside(struct keying *k)
{
	struct error why;
	char *name;

	if (k->secret.len == 0)
		return CLI_OK;
	if (key_file_keep(k->home, time(NULL), &name, &why) < 0)
		return cli_error("%s", why.text);
	cli_out("The key file that was there is kept as %s\n", name);
	free(name);
	return CLI_OK;
}

/* With an older key in the file the newest is published: that must be the
 * one that was meant. */
static int
run_import(struct keying *k)
{
	char pass[PASS_MAX];
	int rc;

	rc = read_file(k);
	if (rc == CLI_OK && k->secret.len > 0 && !k->replace)
		return cli_error("%s has a key already, and its file stays as "
				 "it is; where its password is lost, "
				 "--replace puts the file aside",
		    k->mailbox);
	if (rc == CLI_OK)
		rc = load_import(k);
	if (rc == CLI_OK)
		rc = ask_new(pass);
	if (rc == CLI_OK)
		rc = put_aside(k);
	if (rc == CLI_OK)
		rc = store(k, pass);
	explicit_bzero(pass, sizeof(pass));
	return rc == CLI_OK ? put_public(k) : rc;
}

static int
run_passwd(struct keying *k)
{
	char old[PASS_MAX], pass[PASS_MAX];
	int rc;

	rc = need_file(k);
	if (rc == CLI_OK)
		rc = ask("old password", old);
	if (rc == CLI_OK)
		rc = load(k, &k->secret, old);
	if (rc == CLI_OK)
		rc = ask_new(pass);
	if (rc == CLI_OK)
		rc = store(k, pass);
	if (rc == CLI_OK)
		cli_out(
		    "The key of %s opens with the new password.\n", k->mailbox);
	explicit_bzero(old, sizeof(old));
	explicit_bzero(pass, sizeof(pass));
	return rc;
}

/* As it is, under its passphrase. */
static int
run_export(struct keying *k)
{
	int rc = need_file(k);

	if (rc == CLI_OK &&
	    fwrite(buf_str(&k->secret), 1, k->secret.len, stdout) !=
		k->secret.len)
		rc = cli_error("can't write the output");
	return rc;
}

static int
run_remove(struct keying *k)
{
	return publish_key(k, NULL);
}

static const struct {
	const char *name;
	int (*run)(struct keying *k);
	int args;
	bool needs_home;
} subcommands[] = {
    {"new", run_new, 1, true},
    {"import", run_import, 2, true},
    {"passwd", run_passwd, 1, true},
    {"export", run_export, 1, true},
    {"remove", run_remove, 1, false},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* ---- together ---- */

static int
parse(int argc, char **argv, int args, struct keying *k)
{
	static const struct option options[] = {
	    {"home", required_argument, NULL, 'h'},
	    {"replace", no_argument, NULL, 'r'},
	    {"sheet", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h' && k->home == NULL)
			k->home = xstrdup(optarg);
		else if (c == 's')
			k->sheet = optarg;
		else if (c == 'r' && args == 2)
			k->replace = true;
		else
			return cli_usage(USAGE_KEY);
	}
	if (argc - optind != args)
		return cli_usage(USAGE_KEY);
	k->mailbox = argv[optind];
	k->file = args > 1 ? argv[optind + 1] : NULL;
	return CLI_OK;
}

static int
begin(const struct cli *cli, struct keying *k, bool needs_home)
{
	struct error why;
	int rc = known_load(cli, KNOWN_LOCKED, &k->known);

	if (rc != CLI_OK)
		return rc;
	k->box = manifest_mailbox(k->known.roster.self, k->mailbox);
	if (k->box == NULL)
		return cli_error(
		    "this node's manifest has no mailbox %s", k->mailbox);
	if (needs_home && k->home == NULL && (rc = ask_dovecot(k)) != CLI_OK)
		return rc;
	if (needs_home && mailbox_key_new(&k->key, &why) < 0)
		return cli_error("%s", why.text);
	return CLI_OK;
}

int
cmd_key(const struct cli *cli, int argc, char **argv)
{
	struct keying k = {.home = NULL};
	size_t i;
	int rc;

	for (i = 0; argc > 1 && i < SUBCOMMANDS; i++) {
		if (strcmp(argv[1], subcommands[i].name) == 0)
			break;
	}
	if (argc < 2 || i == SUBCOMMANDS)
		return cli_usage(USAGE_KEY);
	buf_init(&k.secret, MAILBOX_KEY_MAX);
	rc = parse(argc - 1, argv + 1, subcommands[i].args, &k);
	if (rc == CLI_OK) {
		rc = begin(cli, &k, subcommands[i].needs_home);
		if (rc == CLI_OK)
			rc = subcommands[i].run(&k);
		known_free(&k.known);
	}
	mailbox_key_free(&k.key);
	buf_wipe(&k.secret);
	free(k.home);
	return rc;
}
