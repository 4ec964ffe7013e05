/* SPDX-License-Identifier: MIT */
/*
 * agamid-milter - takes strangers' mail for peers from Postfix, and seals
 * it before the client hears 250.
 *
 * Two sockets in Postfix's queue directory: policy.sock decides on each
 * recipient, milter.sock seals what was admitted. They share one table of
 * sessions and are therefore one process. It uses no network, and no
 * secret but the ticket key.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <libmilter/mfapi.h>

#include "mail/conf.h"
#include "mail/keys.h"
#include "milter/callbacks.h"
#include "milter/policy_server.h"
#include "milter/process.h"
#include "util/file.h"
#include "util/log.h"

#define STOP_MS 1500 /* for mails that are being sealed */
#define ANSWER_MS 100 /* for their answers to get out */

static void *
run_libmilter(void *arg)
{
	int *rc = arg;

	*rc = smfi_main();
	process_stop();
	return NULL;
}

static void
serve(const struct conf *conf, const struct milter *m)
{
	const struct policy_server policy = {m->source, m->sessions, m->sealer};
	char *milter_sock = file_join(conf->queue_dir, "agamid/milter.sock");
	char *policy_sock = file_join(conf->queue_dir, "agamid/policy.sock");
	struct error error;
	pthread_t thread;
	int rc = MI_SUCCESS;

	if (callbacks_register(m, milter_sock, &error) != AG_OK ||
	    policy_server_start(&policy, policy_sock, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	if (pthread_create(&thread, NULL, run_libmilter, &rc) != 0)
		log_fatal("can't start error=no thread");
	log_info("started node=%s", conf->node);
	process_wait_stop();
	smfi_stop();
	/* libmilter may take five seconds to notice; it isn't waited for. */
	if (!sealer_drain(m->sealer, STOP_MS))
		log_warn("stopped while mail was being sealed");
	(void)poll(NULL, 0, ANSWER_MS);
	log_info("stopped node=%s", conf->node);
	exit(rc == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	struct conf *conf;
	struct milter m = {NULL, NULL, NULL};
	struct error error;

	conf = conf_main(argc, argv, "agamid-milter", "", NULL, NULL);
	process_harden();
	process_block_signals();
	if (keys_init() != AG_OK ||
	    (m.source = network_source_new(conf->derived_dir)) == NULL ||
	    (m.sessions = sessions_new()) == NULL)
		log_fatal("can't start error=no memory");
	if (sealer_new(conf, &m.sealer, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	serve(conf, &m);
	return EXIT_SUCCESS;
}
