/* SPDX-License-Identifier: MIT */
/*
 * agamid-seal - what leaves Postfix's queue is sealed: for a peer (own
 * users' mail, aliases, forwards, bounces), which so never leaves in clear,
 * and for own mailboxes that are sealed always, on its way to Dovecot.
 *
 * LMTP on two UNIX sockets in Postfix's queue directory, to which
 * transport_maps sends each peer's domain, and those mailboxes. While it is
 * down, mail is deferred. It uses no network, and no secret but the ticket
 * key.
 */
#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/role.h"
#include "milter/lmtp_home.h"
#include "milter/lmtp_peers.h"
#include "milter/lmtp_server.h"
#include "milter/process.h"
#include "util/file.h"
#include "util/log.h"

static int
open_door(const struct conf *conf, const char *name,
    const struct lmtp_context *ctx, struct error *error_r)
{
	/* The server keeps the path. */
	return lmtp_server_start(
	    ctx, file_join(conf->queue_dir, name), error_r);
}

int
main(int argc, char **argv)
{
	struct lmtp_context peers = {.door = &lmtp_peers}, home;
	struct error error;
	struct conf *conf;

	conf = conf_main(argc, argv, "agamid-seal", "", NULL, NULL);
	process_prepare();
	process_block_signals();
	if (keys_init() != AG_OK ||
	    (peers.source = network_source_new(conf->derived_dir)) == NULL)
		log_fatal("can't start error=no memory");
	if (sealer_new(conf, &peers.sealer, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	home = peers;
	home.door = &lmtp_home;
	role_enter(ROLE_SEAL, conf, NULL);
	if (open_door(conf, "agamid/seal.sock", &peers, &error) != AG_OK ||
	    open_door(conf, "agamid/home.sock", &home, &error) != AG_OK)
		log_fatal("can't start error=%s", error.text);
	log_info("started node=%s", conf->node);
	process_wait_stop();
	process_end(peers.sealer, conf->node);
}
