/* SPDX-License-Identifier: MIT */
/*
 * agamid init - this node's configuration, keys and first signed manifest.
 *
 * What is there stays: a second run changes nothing and says so, a run
 * that was cut off is finished by the next. The recovery key's secret is
 * shown (or written with --recovery-out) before the manifest that names it
 * is kept: so there is never a manifest whose recovery key nobody has.
 */
#include "cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/draft.h"
#include "cli/init_ask.h"
#include "cli/init_restore.h"
#include "cli/layout.h"
#include "cli/manifest_file.h"
#include "cli/postfix.h"
#include "cli/serial.h"
#include "cli/show.h"
#include "cli/store.h"
#include "cli/usage.h"
#include "manifests/manifest.h"
#include "manifests/sign.h"
#include "util/file.h"
#include "util/text.h"

#define DEFAULT_QUEUE_DIR "/var/spool/postfix"

/* ---- the configuration ---- */

static char *
config_path(const struct cli *cli)
{
	return cli->config != NULL
	    ? xstrdup(cli->config)
	    : file_join(cli->root, AG_SYSCONFDIR "/agamid.yaml");
}

/* Postfix's queue directory, if it is not where Debian has it. */
static void
ask_queue_dir(const struct cli *cli, struct buf *dir)
{
	char *root = xstrdup(cli->root);
	const struct conf conf = {.root = root};

	if (!postfix_queue_dir(&conf, dir) || cli->root[0] != '\0' ||
	    strcmp(buf_str(dir), DEFAULT_QUEUE_DIR) == 0)
		buf_reset(dir);
	free(root);
}

static int
write_config(
    const struct cli *cli, const struct init_options *o, const char *path)
{
	struct buf text, queue_dir;
	struct error why;
	char *dir;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&queue_dir, 4096);
	ask_queue_dir(cli, &queue_dir);
	dir = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	rc = init_config_text(
	    o, queue_dir.len > 0 ? buf_str(&queue_dir) : NULL, &text, &why);
	if (rc == 0 && *dir != '\0')
		rc = file_mkdirs(dir, 0755, &why);
	if (rc == 0)
		rc = file_replace(
		    path, buf_str(&text), text.len, 0644, "init", &why);
	free(dir);
	buf_free(&queue_dir);
	buf_free(&text);
	return rc == 0 ? CLI_OK : cli_error("%s", why.text);
}

/* The configuration there is, or else a new one. */
static int
get_config(
    const struct cli *cli, const struct init_options *o, struct conf **conf_r)
{
	char *path = config_path(cli);
	int rc = CLI_OK;

	*conf_r = NULL;
	if (access(path, F_OK) == 0)
		cli_out("%s is there already, and stays as it is\n", path);
	else if (strchr(path, '/') == NULL)
		rc = cli_error("--config %s: give a path", path);
	else
		rc = write_config(cli, o, path);
	free(path);
	if (rc == CLI_OK && (*conf_r = cli_conf(cli)) == NULL)
		rc = CLI_FAILED;
	if (rc == CLI_OK && o->name != NULL &&
	    strcmp(o->name, (*conf_r)->node) != 0)
		rc = cli_error("%s says that this node is %s, not %s",
		    (*conf_r)->path, (*conf_r)->node, o->name);
	return rc;
}

/* ---- the recovery key ---- */

static int
write_recovery(const char *path, const struct buf *secret)
{
	int fd, rc = CLI_OK;

	fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cli_error("can't create %s: %s%s", path, strerror(errno),
		    errno == EEXIST ? "; it is not written over" : "");
	if (file_write_all(fd, buf_str(secret), secret->len) < 0 ||
	    fsync(fd) < 0)
		rc = cli_error("can't write %s: %s", path, strerror(errno));
	if (close(fd) < 0 && rc == CLI_OK)
		rc = cli_error("can't close %s: %s", path, strerror(errno));
	if (rc != CLI_OK)
		unlink(path);
	return rc;
}

static int
give_recovery(const struct init_options *o, const struct init_keys *keys)
{
	if (o->recovery_out != NULL) {
		if (write_recovery(o->recovery_out, &keys->recovery_secret) !=
		    CLI_OK)
			return CLI_FAILED;
		cli_out("The recovery key is in %s and nowhere else. Print "
			"it, lock the paper\naway, and wipe the file: it "
			"opens every mail that friends hold for you.\n\n",
		    o->recovery_out);
		return CLI_OK;
	}
	cli_out("Print this recovery key, lock the paper away, and clear "
		"the screen. It is kept\nnowhere else. It opens every mail "
		"that friends hold for you, and it alone can\nreplace this "
		"node's key.\n\n%s\n",
	    buf_str(&keys->recovery_secret));
	return fflush(stdout) == 0
	    ? CLI_OK
	    : cli_error("can't write the output: %s", strerror(errno));
}

/* ---- the manifest ---- */

/* Sign the text, and read it back as everybody else will. */
static struct manifest *
sign_text(const struct conf *conf, const struct buf *text, const char *scratch,
    struct buf *errors)
{
	char *secret = layout_secret(conf, SECRET_OPENPGP);
	struct manifest *m = NULL;
	struct buf signed_text;
	struct error why;
	int rc;

	buf_init(&signed_text, MANIFEST_MAX);
	rc = sign_make(
	    buf_str(text), text->len, secret, scratch, &signed_text, &why);
	if (rc == 0)
		m = manifest_parse("the new manifest", buf_str(&signed_text),
		    signed_text.len, errors);
	if (m != NULL)
		rc = sign_verify(m, scratch, &why);
	if (rc < 0) {
		(void)buf_printf(errors, "%s\n", why.text);
		manifest_free(&m);
	}
	buf_free(&signed_text);
	free(secret);
	return m;
}

static struct manifest *
make_manifest(const struct conf *conf, const struct init_options *o,
    const struct init_keys *keys, const char *scratch)
{
	struct manifest *m = NULL;
	struct buf text, errors;
	uint64_t serial;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, MANIFEST_MAX);
	serial = serial_next(time(NULL), store_newest(conf, conf->node));
	if (init_manifest_text(o, keys, serial, &text) < 0)
		cli_error(
		    "the manifest would be longer than %d bytes", MANIFEST_MAX);
	else
		m = sign_text(conf, &text, scratch, &errors);
	cli_lines(&errors);
	buf_free(&errors);
	buf_free(&text);
	return m;
}

static void
say_next(const struct conf *conf, const struct manifest *m)
{
	char *path = store_manifest_path(conf, m->name, m->serial);

	cli_out("%s is set up in the network %s.\n\n"
		"Tell each friend this fingerprint, by telephone or face to "
		"face:\n\n  ",
	    m->name, m->network);
	show_fingerprint(m->fpr);
	cli_out("\nand send them this file; it holds no secret:\n\n  %s\n\n"
		"Next, for each friend's file, and then once:\n\n"
		"  agamid peer add FILE\n"
		"  agamid setup\n"
		"  agamid doctor\n",
	    path);
	free(path);
}

/* ---- the whole ---- */

static int
set_up(const struct conf *conf, const struct init_options *o,
    const char *scratch, struct init_keys *keys)
{
	const char *domain = o->domains.word[0];
	struct manifest *m;
	struct error why;
	unsigned changed;
	bool owners;
	int rc = CLI_FAILED;

	owners = layout_sets_owners(conf, &why);
	if (!owners)
		cli_warn("owners are left as they are: %s", why.text);
	if (layout_make(conf, owners, NULL, 0, &changed, &why) < 0 ||
	    init_make_secrets(conf, domain, scratch, keys, &why) < 0 ||
	    init_make_recovery(conf, domain, scratch, keys, &why) < 0 ||
	    layout_make(conf, owners, NULL, 0, &changed, &why) < 0)
		return cli_error("%s", why.text);
	m = make_manifest(conf, o, keys, scratch);
	if (m == NULL)
		return CLI_FAILED;
	if (give_recovery(o, keys) != CLI_OK)
		goto out;
	if (store_install(conf, m, &why) < 0) {
		cli_error("%s", why.text);
		goto out;
	}
	if (draft_follow(conf, m, NULL, &why) < 0)
		cli_warn("%s", why.text);
	say_next(conf, m);
	rc = CLI_OK;
out:
	manifest_free(&m);
	return rc;
}

static bool
is_set_up(const struct conf *conf)
{
	if (store_newest(conf, conf->node) == 0)
		return false;
	if (!init_has_secrets(conf)) {
		cli_warn("%s has a manifest, but not all of its secrets are "
			 "in %s: bring them back from your backup",
		    conf->node, conf->secret_dir);
	}
	cli_out("%s is set up already; nothing changed\n", conf->node);
	return true;
}

/* Under the lock: another init may have been quicker. */
static int
init_locked(const struct conf *conf, const struct init_options *o)
{
	struct init_keys keys;
	char *scratch;
	int rc;

	if (is_set_up(conf))
		return CLI_OK;
	if (o->domains.count == 0) /* it was set up a moment ago */
		return cli_usage(USAGE_INIT);
	scratch = cli_scratch_new();
	if (scratch == NULL)
		return CLI_FAILED;
	init_keys_init(&keys);
	rc = set_up(conf, o, scratch, &keys);
	init_keys_wipe(&keys);
	cli_scratch_free(&scratch);
	return rc;
}

static int
init_node(const struct conf *conf, const struct init_options *o)
{
	struct error why;
	int lock, rc;

	if (file_mkdirs(conf->state_dir, 0755, &why) < 0)
		return cli_error("%s", why.text);
	lock = cli_lock(conf);
	if (lock < 0)
		return CLI_FAILED;
	rc = init_locked(conf, o);
	close(lock);
	return rc;
}

/* A node that is set up needs no options. */
static bool
has_been_set_up(const struct cli *cli)
{
	char *path = config_path(cli);
	struct conf *conf = NULL;
	struct buf errors;
	bool done = false;

	buf_init(&errors, MANIFEST_MAX);
	if (access(path, F_OK) == 0)
		conf = conf_load(cli->config, cli->root, &errors);
	if (conf != NULL)
		done = store_newest(conf, conf->node) != 0;
	conf_free(&conf);
	buf_free(&errors);
	free(path);
	return done;
}

static int
init(const struct cli *cli, struct init_options *o, struct init_answers *a)
{
	struct conf *conf = NULL;
	bool made = has_been_set_up(cli);
	struct buf errors;
	int rc = CLI_OK;

	if (!made && !o->batch)
		rc = init_ask(cli, o, a);
	if (rc != CLI_OK)
		return rc;
	buf_init(&errors, MANIFEST_MAX);
	if (!made && init_check(o, &errors) < 0) {
		cli_lines(&errors);
		rc = CLI_USAGE;
	}
	buf_free(&errors);
	if (rc == CLI_OK)
		rc = get_config(cli, o, &conf);
	if (rc == CLI_OK)
		rc = init_node(conf, o);
	conf_free(&conf);
	return rc;
}

/* ---- on a new machine ---- */

static void
say_restored(const struct conf *conf, const struct manifest *m)
{
	char *path = store_manifest_path(conf, m->name, m->serial);

	cli_out("%s has new keys, and its recovery key says so. Wipe the file "
		"that you typed the\npaper into, and lock the paper away "
		"again.\n\nGive one friend this file; the others get it "
		"from him:\n\n  %s\n\n"
		"  agamid peer add FILE --fingerprint ",
	    m->name, path);
	show_fingerprint(m->fpr);
	cli_out("\nNext, here, for each friend's file, and then once:\n\n"
		"  agamid peer add FILE\n"
		"  agamid setup\n"
		"  agamid doctor\n");
	free(path);
}

static int
succeed(const struct conf *conf, const struct init_options *o,
    const struct manifest *old, const char *scratch)
{
	struct manifest *m = NULL;
	struct init_keys keys;
	struct error why;
	unsigned changed;
	bool owners;
	int rc = CLI_FAILED;

	init_keys_init(&keys);
	owners = layout_sets_owners(conf, &why);
	if (layout_make(conf, owners, NULL, 0, &changed, &why) < 0 ||
	    init_make_secrets(conf, old->domains[0], scratch, &keys, &why) <
		0 ||
	    layout_make(conf, owners, NULL, 0, &changed, &why) < 0)
		cli_error("%s", why.text);
	else
		m = restore_succeed(conf, old, &keys, o->restore, scratch);
	if (m != NULL && store_install(conf, m, &why) < 0) {
		cli_error("%s", why.text);
	} else if (m != NULL) {
		if (draft_follow(conf, m, NULL, &why) < 0)
			cli_warn("%s", why.text);
		say_restored(conf, m);
		rc = CLI_OK;
	}
	manifest_free(&m);
	init_keys_wipe(&keys);
	return rc;
}

static int
restore_from_paper(const struct cli *cli, struct init_options *o)
{
	struct manifest *old = NULL;
	struct conf *conf = NULL;
	char *scratch = NULL;
	struct error why;
	int lock = -1, rc = CLI_FAILED;

	if (o->manifest == NULL)
		return cli_error("give your last manifest with --manifest: "
				 "every friend has it (agamid manifest show "
				 "NAME)");
	old = manifest_file_read(o->manifest);
	if (old == NULL)
		return CLI_FAILED;
	o->name = old->name;
	if (get_config(cli, o, &conf) == CLI_OK &&
	    file_mkdirs(conf->state_dir, 0755, &why) == 0)
		lock = cli_lock(conf);
	if (lock >= 0 && is_set_up(conf))
		rc = CLI_OK;
	else if (lock >= 0 && (scratch = cli_scratch_new()) != NULL)
		rc = succeed(conf, o, old, scratch);
	cli_scratch_free(&scratch);
	if (lock >= 0)
		close(lock);
	conf_free(&conf);
	manifest_free(&old);
	return rc;
}

static int
restore_from_backup(const struct cli *cli, const struct init_options *o)
{
	struct conf *conf = NULL;
	struct error why;
	unsigned changed;
	bool owners;
	int rc;

	rc = restore_backup(cli, o->restore);
	if (rc != CLI_OK || (conf = cli_conf(cli)) == NULL)
		return CLI_FAILED;
	owners = layout_sets_owners(conf, &why);
	if (layout_make(conf, owners, NULL, 0, &changed, &why) < 0)
		rc = cli_error("%s", why.text);
	else if (!init_has_secrets(conf))
		rc = cli_error("not all secrets were in the backup: see %s",
		    conf->secret_dir);
	else
		cli_out("%s is restored. Next:\n\n  agamid setup\n\nIt takes "
			"from its friends what is newer than the backup, "
			"before it delivers.\n",
		    conf->node);
	conf_free(&conf);
	return rc;
}

static int
restore(const struct cli *cli, struct init_options *o)
{
	if (has_been_set_up(cli))
		return cli_error("this node is set up already; nothing "
				 "changed");
	if (access(o->restore, R_OK) < 0)
		return cli_error(
		    "can't read %s: %s", o->restore, strerror(errno));
	return restore_is_backup(o->restore) ? restore_from_backup(cli, o)
					     : restore_from_paper(cli, o);
}

int
cmd_init(const struct cli *cli, int argc, char **argv)
{
	struct init_answers answers = {NULL, 0};
	struct init_options o;
	int rc;

	rc = init_parse(argc, argv, &o);
	if (rc == CLI_OK)
		rc = o.restore != NULL ? restore(cli, &o)
				       : init(cli, &o, &answers);
	init_options_free(&o);
	init_answers_free(&answers);
	return rc;
}
