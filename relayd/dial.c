/* SPDX-License-Identifier: MIT */
/*
 * dial - dial a peer and serve the session. See dial.h.
 *
 * Whichever of its addresses answers first. The channel is pumped by a thread of its
 * own, so that the session's engine is the same as on the accepting side.
 *
 * SECURITY: confined before the first packet, and once more before the
 * session: what a peer says is read by a process that can make no socket.
 */
#include "relayd/dial.h"

#include <sys/socket.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/text.h"
#include "mail/role.h"
#include "manifests/network.h"
#include "relayd/addresses.h"
#include "relayd/session.h"
#include "relayd/ssh.h"

#define CONNECT_MS 10000
#define LAST_WORDS_SECONDS 5

struct call {
	const struct conf *conf;
	struct network *net;
	const struct manifest *peer;
	char *key_path;
	const char *user;
	struct ssh *ssh;
	int pump_fd;
};

/* In a lab one user runs everything; but a rescue has a root, too. */
static const char *
login_user(const struct conf *conf, bool rescue)
{
	struct passwd *pw;

	if (conf->root[0] == '\0' || rescue)
		return USER_SSH;
	pw = getpwuid(geteuid());
	return pw == NULL ? USER_SSH : pw->pw_name;
}

/* address_fn: true if the channel is open. */
static bool
try_address(const char *address, int fd, const char *why, void *ctx)
{
	struct call *c = ctx;
	struct error error = {""};

	if (fd >= 0 &&
	    ssh_dial(c->peer, address, fd, c->user, c->key_path, &c->ssh,
		&error) == 0)
		return true;
	log_info("can't dial peer=%s address=%s error=\"%s\"", c->peer->name,
	    address, fd < 0 ? why : error.text);
	return false;
}

static void *
pump(void *arg)
{
	struct call *c = arg;

	ssh_pump(c->ssh, c->pump_fd);
	return NULL;
}

/* The session over the open channel. */
static int
serve(struct call *c, int broker_fd)
{
	char *tmp = xasprintf("%s/tmp/relay", c->conf->spool_dir);
	char *incoming =
	    xasprintf("%s/incoming/%s", c->conf->spool_dir, c->peer->name);
	struct session_setup setup = {
	    .node = c->conf->node,
	    .network = network_self(c->net)->network,
	    .peer = c->peer->name,
	    .dialled = true,
	    .broker_fd = broker_fd,
	    .tmp_dir = tmp,
	    .incoming_dir = incoming,
	};
	int rc = AG_EIO, fds[2];
	pthread_t thread;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		goto out;
	role_enter(ROLE_SESSION, c->conf, c->peer->name);
	c->pump_fd = fds[1];
	setup.in_fd = setup.out_fd = fds[0];
	if (pthread_create(&thread, NULL, pump, c) == 0) {
		rc = session_run(&setup);
		/* relayd need not wait for the last words; and they are given
		 * a moment, no more. */
		shutdown(broker_fd, SHUT_RDWR);
		shutdown(fds[0], SHUT_RDWR);
		alarm(LAST_WORDS_SECONDS);
		pthread_join(thread, NULL);
		alarm(0);
	}
	close(fds[0]);
	close(fds[1]);
out:
	free(incoming);
	free(tmp);
	return rc;
}

static int
dial(struct call *c)
{
	struct error error = {""};
	int broker_fd, rc;

	role_enter(ROLE_DIAL, c->conf, c->peer->name);
	if (!addresses_dial(
		c->peer, c->peer->ssh_port, CONNECT_MS, try_address, c))
		return AG_EIO;
	broker_fd = session_broker(c->conf->run_dir, &error);
	if (broker_fd < 0) {
		log_error("%s", error.text);
		return broker_fd;
	}
	rc = serve(c, broker_fd);
	close(broker_fd);
	return rc;
}

int
dial_run(const struct conf *conf, const char *name, bool rescue)
{
	struct error error = {""};
	struct call c = {.conf = conf, .user = login_user(conf, rescue)};
	int rc = AG_ENOENT;

	c.net = network_load(conf->derived_dir, &error);
	if (c.net != NULL)
		c.peer = network_find(c.net, name);
	if (c.peer == NULL || strcmp(name, conf->node) == 0) {
		log_error(
		    "no such peer peer=%s error=\"%s\"", name, error.text);
	} else {
		c.key_path = xasprintf("%s/ssh-client", conf->secret_dir);
		rc = dial(&c);
		ssh_hang_up(&c.ssh);
		free(c.key_path);
	}
	network_unref(&c.net);
	return rc;
}
