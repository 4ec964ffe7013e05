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
#include <pthread.h>
#include <stdlib.h>
#include <libmilter/mfapi.h>

#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/role.h"
#include "milter/callbacks.h"
#include "milter/policy_server.h"
#include "milter/process.h"
#include "util/file.h"
#include "util/log.h"

static void *
run_libmilter(void *arg)
{
	(void)arg;
	if (smfi_main() != MI_SUCCESS)
		log_error("libmilter has failed");
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

	if (callbacks_register(m, milter_sock, &error) != AG_OK ||
	    policy_server_start(&policy, policy_sock, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	if (pthread_create(&thread, NULL, run_libmilter, NULL) != 0)
		log_fatal("can't start error=no thread");
	log_info("started node=%s", conf->node);
	/* libmilter is not told to stop: that, and its noticing, takes up to
	 * five seconds. */
	process_wait_stop();
	process_end(m->sealer, conf->node);
}

int
main(int argc, char **argv)
{
	struct conf *conf;
	struct milter m = {.source = NULL};
	struct error error;

	conf = conf_main(argc, argv, "agamid-milter", "", NULL, NULL);
	m.spf_header = conf->spf == CONF_SPF_HEADER;
	process_prepare();
	process_block_signals();
	if (keys_init() != AG_OK ||
	    (m.source = network_source_new(conf->derived_dir)) == NULL ||
	    (m.sessions = sessions_new()) == NULL)
		log_fatal("can't start error=no memory");
	if (sealer_new(conf, &m.sealer, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	role_enter(ROLE_MILTER, conf, NULL);
	serve(conf, &m);
}
