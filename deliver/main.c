/* SPDX-License-Identifier: MIT */
/*
 * agamid-deliver - opens the bundles that have come home, and gives their
 * mail to this node's own Postfix.
 *
 * It runs as agamid-key and is the only program that holds the node's
 * decryption key and its receipt key. It gets bundles as descriptors from
 * agamid-relayd, speaks to no network, and reads no spool directory.
 *
 * One mail's way: server.c (the request) -> job.c (the steps) -> check.c
 * (ticket) -> open.c (twice) -> inject.c (Postfix) -> ledger.c (what became
 * of it) -> receipts.c.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deliver/maildir.h"
#include "deliver/sending.h"
#include "deliver/server.h"
#include "deliver/submit.h"
#include "deliver/told.h"
#include "util/file.h"
#include "util/log.h"
#include "util/sock.h"
#include "mail/role.h"
#include "mail/spool.h"

/* For agamid rescue: no Postfix is there, and what peers hold stays theirs
 * unless it is to be signed for. */
static const char *maildir;
static bool sign;
static bool submits; /* for submit.h */

static void
on_option(int val, const char *arg)
{
	if (val == 'm')
		maildir = arg;
	else if (val == 'u')
		submits = true;
	else
		sign = true;
}

static void
make_dir(const char *path, mode_t mode)
{
	struct error error;

	if (file_mkdirs(path, mode, &error) < 0)
		log_fatal("not started: %s", error.text);
}

/* What an earlier process left half made. */
static void
make_dirs(const struct home *h)
{
	struct error error;

	make_dir(h->refused, 0700);
	make_dir(h->quarantine, 0700);
	make_dir(h->tmp, 0700);
	if (spool_sweep(h->tmp, &error) < 0)
		log_fatal("not started: %s", error.text);
	if (file_remove_tree(h->scratch, &error) < 0)
		log_fatal("not started: %s", error.text);
	make_dir(h->scratch, 0700);
}

static void
make_maildir(const struct home *h)
{
	struct error error;

	if (h->maildir != NULL && maildir_make(h->maildir, &error) < 0)
		log_fatal("not started: %s", error.text);
}

static void
open_ledger(struct home *h)
{
	char *path = file_join(h->conf->secret_dir, "delivery.db");
	struct error error;
	bool fresh;

	if (ledger_open(path, &h->ledger, &fresh, &error) < 0)
		log_fatal("not started: %s", error.text);
	if (fresh)
		log_info("made a new %s", path);
	free(path);
}

static void
open_told(struct home *h)
{
	char *path = file_join(h->conf->secret_dir, "told.db");
	struct error error;

	if (told_open(path, &h->told, &error) < 0)
		log_fatal("not started: %s", error.text);
	free(path);
	path = file_join(h->conf->secret_dir, "sending");
	h->sending = sending_new(path, h->told);
	free(path);
}

static void
load_secrets(struct home *h)
{
	struct error error;

	if (keys_init() < 0)
		log_fatal("not started: libsodium does not start");
	if (access(h->openpgp, R_OK) < 0)
		log_fatal("not started: %s: %s", h->openpgp, strerror(errno));
	if (secrets_load(h->conf->secret_dir, &h->secrets, &error) < 0)
		log_fatal("not started: %s", error.text);
}

static char *
join3(const char *dir, const char *sub, const char *name)
{
	char *first = file_join(dir, sub), *path = file_join(first, name);

	free(first);
	return path;
}

static void
home_open(struct home *h, const struct conf *conf)
{
	struct error error;

	memset(h, 0, sizeof(*h));
	h->conf = conf;
	if (submit_new(conf, &h->submit, &error) < 0)
		log_fatal("not started: %s", error.text);
	h->openpgp = file_join(conf->secret_dir, "openpgp.asc");
	h->recovery = file_join(conf->secret_dir, "recovery.asc");
	h->refused = file_join(conf->secret_dir, "refused");
	h->quarantine = file_join(conf->secret_dir, "quarantine");
	h->tmp = file_join(conf->secret_dir, "tmp");
	h->scratch = join3(conf->run_dir, "deliver", "gnupg");
	h->maildir = maildir;
	if (maildir != NULL)
		h->signs = sign ? RECEIPTS_DONE : RECEIPTS_NONE;
	h->socket = join3(conf->queue_dir, "public", "agamid-inject");
	h->showq = join3(conf->queue_dir, "public", "showq");
	h->started = (int64_t)time(NULL);
	make_dirs(h);
	make_maildir(h);
	load_secrets(h);
	open_ledger(h);
	open_told(h);
	h->networks = network_source_new(conf->derived_dir);
}

static void
home_close(struct home *h)
{
	network_source_free(&h->networks);
	ledger_close(&h->ledger);
	sending_free(&h->sending);
	told_close(&h->told);
	submit_free(&h->submit);
	secrets_free(&h->secrets);
	free(h->openpgp);
	free(h->recovery);
	free(h->refused);
	free(h->quarantine);
	free(h->tmp);
	free(h->scratch);
	free(h->socket);
	free(h->showq);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"maildir", required_argument, NULL, 'm'},
	    {"sign", no_argument, NULL, 's'},
	    {"submit", no_argument, NULL, 'u'}, {0}};
	struct conf *conf = conf_main(argc, argv, "agamid-deliver",
	    "[--submit | --maildir DIR [--sign]]", options, on_option);
	struct error error;
	struct home home;
	char *path;
	int listener, rc;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (submits) {
		rc = submit_serve(conf);
		conf_free(&conf);
		return rc < 0 ? 1 : 0;
	}
	home_open(&home, conf);
	role_enter(maildir != NULL ? ROLE_RESCUE : ROLE_DELIVER, conf, maildir);
	server_hold_signals();
	path = join3(conf->run_dir, "deliver", "deliver.sock");
	listener = sock_listen(path, SOCK_SEQPACKET, 0666, &error);
	if (listener < 0)
		log_fatal("not started: %s", error.text);
	log_info("ready socket=%s", path);
	rc = server_run(&home, listener, &error);
	if (rc < 0)
		log_error("stopped error=\"%s\"", error.text);
	unlink(path);
	close(listener);
	free(path);
	home_close(&home);
	conf_free(&conf);
	return rc < 0 ? 1 : 0;
}
