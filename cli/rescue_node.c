/* SPDX-License-Identifier: MIT */
/*
 * rescue_node - the lost node once more, below a root beside the Maildir.
 * See rescue.h.
 *
 * What was fetched by a run that was cut off is still there, and need not
 * come again. Keys and manifests are made anew from the backup each time.
 *
 * SECURITY: the backup's keys stand in the work directory (0700) while it
 * runs. They stand in the backup beside it, too.
 */
#include "cli/rescue.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/apply.h"
#include "cli/init_restore.h"
#include "cli/recovery.h"
#include "util/file.h"
#include "util/text.h"

#define CONFIG_MAX 4096

/* Impatient, for somebody waits for it; and all the disk may be used. */
static const char config[] = "node: %s\n"
			     "reserve: 0\n"
			     "relay: {retry-min: 1s, retry-max: 5s, idle: 1d}\n"
			     "deliver: {retry: 5s}\n";

/* MAILDIR.rescue, ours alone. */
static int
make_work(struct rescue *x, const char *maildir)
{
	char *work = xasprintf("%.*s.rescue",
	    (int)(strlen(maildir) - (maildir[strlen(maildir) - 1] == '/')),
	    maildir);
	struct error why;
	int rc = CLI_OK;

	if (file_mkdirs(maildir, 0700, &why) < 0 ||
	    file_mkdirs(work, 0700, &why) < 0)
		rc = cli_error("%s", why.text);
	if (rc == CLI_OK) {
		x->maildir = realpath(maildir, NULL);
		x->work = realpath(work, NULL);
		x->lock = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (rc == CLI_OK &&
	    (x->maildir == NULL || x->work == NULL || x->lock < 0))
		rc = cli_error("can't use %s: %s", work, strerror(errno));
	else if (rc == CLI_OK && flock(x->lock, LOCK_EX | LOCK_NB) < 0)
		rc = cli_error("another rescue into this Maildir is under way");
	free(work);
	return rc;
}

/* All but the spool, which is not the backup's. */
static int
remove_old(const struct rescue *x)
{
	static const char *const parts[] = {"etc", "run", "var/lib"};
	struct error why;
	char *path;
	size_t i;
	int rc = CLI_OK;

	for (i = 0; rc == CLI_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
		path = file_join(x->work, parts[i]);
		if (file_remove_tree(path, &why) < 0)
			rc = cli_error("%s", why.text);
		free(path);
	}
	return rc;
}

/* What the home had delivered by then is in no mailbox any more. */
static int
forget_deliveries(const struct conf *conf)
{
	static const char *const names[] = {
	    "delivery.db", "delivery.db-wal", "delivery.db-shm"};
	char *path;
	size_t i;
	int rc = CLI_OK;

	for (i = 0; rc == CLI_OK && i < sizeof(names) / sizeof(names[0]); i++) {
		path = file_join(conf->secret_dir, names[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			rc = cli_error(
			    "can't remove %s: %s", path, strerror(errno));
		free(path);
	}
	return rc;
}

/* Only the name is the backup's: the rest of its configuration was right
 * on another machine. */
static int
write_config(const struct cli *cli, const char *node)
{
	char *path = xasprintf("%s/etc/agamid/agamid.yaml", cli->root);
	struct error why;
	struct buf text;
	int rc = CLI_OK;

	buf_init(&text, CONFIG_MAX);
	(void)buf_printf(&text, config, node);
	if (file_replace(path, text.data, text.len, 0600, "rescue", &why) < 0)
		rc = cli_error("%s", why.text);
	buf_free(&text);
	free(path);
	return rc;
}

static int
configure(struct rescue *x, const struct cli *cli)
{
	struct conf *conf = cli_conf(cli);
	int rc;

	if (conf == NULL)
		return CLI_FAILED;
	rc = write_config(cli, conf->node);
	conf_free(&conf);
	if (rc == CLI_OK)
		x->conf = cli_conf(cli);
	return x->conf == NULL ? CLI_FAILED : rc;
}

static int
add_paper(const struct rescue *x, const struct known *k)
{
	struct error why;

	if (x->paper != NULL &&
	    recovery_keep(k->conf, k->roster.self->recovery, x->paper,
		k->scratch, &why) < 0)
		return cli_error("%s", why.text);
	return CLI_OK;
}

/* What follows from the manifests, for our own programs. */
static int
put_in_force(const struct rescue *x, const struct cli *cli)
{
	static const struct apply_options options = {
	    .no_reload = true, .quiet = true, .untried = true};
	struct known k;
	int rc;

	rc = known_load(cli, KNOWN_LOCKED, &k);
	if (rc == CLI_OK)
		rc = apply_known(&k, &options);
	if (rc == CLI_OK)
		rc = add_paper(x, &k);
	known_free(&k);
	return rc;
}

int
rescue_prepare(struct rescue *x, const char *maildir)
{
	struct cli cli = {"", NULL};
	int rc;

	if (access(x->kit, R_OK) < 0)
		return cli_error("can't read %s: %s", x->kit, strerror(errno));
	if (!restore_is_backup(x->kit))
		return cli_error("%s is no backup; from the paper alone, make "
				 "a node first:\n  agamid --root DIR init "
				 "--restore PAPER --manifest FILE\nas "
				 "agamid(8) has it, and then rescue --from DIR",
		    x->kit);
	rc = make_work(x, maildir);
	if (rc == CLI_OK)
		rc = remove_old(x);
	cli.root = x->work;
	if (rc == CLI_OK)
		rc = restore_backup(&cli, x->kit);
	if (rc == CLI_OK)
		rc = configure(x, &cli);
	if (rc == CLI_OK)
		rc = forget_deliveries(x->conf);
	return rc == CLI_OK ? put_in_force(x, &cli) : rc;
}
