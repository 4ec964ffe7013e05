/* SPDX-License-Identifier: MIT */
/*
 * agamid-receive - the accepting end of a relay session: the forced
 * command of Agamid's own sshd, which says by --peer whose key it let in
 * (agamid-receive(8)).
 *
 * Standard input and output are the peer. So would be standard error:
 * log lines go to relayd, which logs them, or to syslog(3) before that.
 *
 * SECURITY: runs as user agamid-ssh with a peer's bytes. Before it reads
 * the first of them it has given up all but its open descriptors,
 * incoming/PEER and tmp/relay (mail/role.h); what it was asked to run
 * (SSH_ORIGINAL_COMMAND) is not looked at.
 */
#include <sys/stat.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/role.h"
#include "manifests/network.h"
#include "relayd/proto.h"
#include "relayd/session.h"

static const char *peer_name;

struct log_way {
	enum log_level least;
	int broker_fd; /* -1: not connected */
};

static void
on_option(int val, const char *arg)
{
	(void)val;
	peer_name = arg;
}

/* log_sink_fn */
static void
to_log(enum log_level level, const char *line, void *ctx)
{
	static const char *const names[] = {"info", "info", "warn", "error"};
	static const int priorities[] = {
	    LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};
	struct proto_msg m = {.verb = PROTO_NOTE};
	struct log_way *way = ctx;
	struct buf out;

	if (level < way->least)
		return;
	memcpy(m.word, names[level], strlen(names[level]) + 1);
	snprintf(m.text, sizeof(m.text), "%s", line);
	buf_init(&out, PROTO_LINE_MAX);
	if (way->broker_fd < 0 || proto_write(&m, &out) < 0 ||
	    sock_send(way->broker_fd, out.data, out.len, -1) < 0)
		syslog(priorities[level], "%s", line);
	buf_free(&out);
}

static int
serve(const struct conf *conf, const struct network *net, int broker_fd)
{
	char *tmp = xasprintf("%s/tmp/relay", conf->spool_dir);
	char *incoming =
	    xasprintf("%s/incoming/%s", conf->spool_dir, peer_name);
	struct session_setup setup = {
	    .node = conf->node,
	    .network = network_self(net)->network,
	    .peer = peer_name,
	    .in_fd = STDIN_FILENO,
	    .out_fd = STDOUT_FILENO,
	    .broker_fd = broker_fd,
	    .tmp_dir = tmp,
	    .incoming_dir = incoming,
	};
	int rc = session_run(&setup);

	free(incoming);
	free(tmp);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"peer", required_argument, NULL, 'p'}, {0}};
	struct log_way way = {.broker_fd = -1};
	struct error error = {""};
	struct network *net;
	struct conf *conf;
	int rc;

	conf = conf_main(
	    argc, argv, "agamid-receive", "--peer NAME", options, on_option);
	way.least = conf->log;
	/* In a lab standard error is a test, not a peer. */
	openlog("agamid-receive",
	    LOG_NDELAY | (conf->root[0] == '\0' ? 0 : LOG_PERROR), LOG_MAIL);
	log_set_sink(to_log, &way);
	umask(027);
	if (keys_init() < 0)
		log_fatal("can't start error=\"%s\"", error.text);
	if (peer_name == NULL)
		log_fatal("--peer is missing");
	net = network_load(conf->derived_dir, &error);
	if (net == NULL)
		log_fatal("no manifests are in force error=\"%s\"", error.text);
	/* sshd's keys and this view are made together; look all the same. */
	if (network_find(net, peer_name) == NULL ||
	    strcmp(peer_name, conf->node) == 0)
		log_fatal("no such peer peer=%s", peer_name);
	way.broker_fd = session_broker(conf->run_dir, &error);
	if (way.broker_fd < 0)
		log_fatal("relayd does not run error=\"%s\"", error.text);
	role_enter(ROLE_SESSION, conf, peer_name);
	rc = serve(conf, net, way.broker_fd);
	log_set_sink(NULL, NULL);
	close(way.broker_fd);
	network_unref(&net);
	conf_free(&conf);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
