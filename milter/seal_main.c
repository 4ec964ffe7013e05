/* SPDX-License-Identifier: MIT */
/*
 * agamid-seal - the second door: what has reached Postfix's queue for a
 * peer (own users' mail, aliases, forwards, bounces) is sealed too, and
 * never leaves in clear.
 *
 * LMTP on a UNIX socket in Postfix's queue directory, where transport_maps
 * sends each peer's domain. While it is down, mail is deferred. It uses no
 * network, and no secret but the ticket key.
 */
#include <stdlib.h>

#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/role.h"
#include "milter/lmtp_server.h"
#include "milter/process.h"
#include "util/file.h"
#include "util/log.h"

int
main(int argc, char **argv)
{
	struct lmtp_context ctx = {NULL, NULL};
	struct error error;
	struct conf *conf;
	char *path;

	conf = conf_main(argc, argv, "agamid-seal", "", NULL, NULL);
	process_prepare();
	process_block_signals();
	if (keys_init() != AG_OK ||
	    (ctx.source = network_source_new(conf->derived_dir)) == NULL)
		log_fatal("can't start error=no memory");
	path = file_join(conf->queue_dir, "agamid/seal.sock");
	if (sealer_new(conf, &ctx.sealer, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	role_enter(ROLE_SEAL, conf, NULL);
	if (lmtp_server_start(&ctx, path, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	log_info("started node=%s", conf->node);
	process_wait_stop();
	process_end(ctx.sealer, conf->node);
}
