/* SPDX-License-Identifier: MIT */
/*
 * agamid-relayd - holds bundles for others, carries them home, fetches
 * one's own (agamid-relayd(8)). With --dial NAME it is the child that
 * dials a peer, with --probe NAME one that looks whether a peer's mail
 * server is up; both for the daemon only. With --rescue it fetches what
 * peers hold for a node that is lost, for agamid rescue (rescue.h).
 *
 * Does not open bundles, has no key but the one that SSH knows it by.
 *
 * SECURITY: runs as user agamid, set up by the supervisor, in the
 * foreground. The daemon can have no network socket and start no program:
 * before it confines itself it starts a process for that (starter.h).
 */
#include <sys/stat.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#include "util/log.h"
#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/role.h"
#include "relayd/dial.h"
#include "relayd/probe.h"
#include "relayd/relayd.h"
#include "relayd/starter.h"

static const char *dial_name, *probe_name;
static bool rescue;

static void
on_option(int val, const char *arg)
{
	if (val == 'r')
		rescue = true;
	else if (val == 'p')
		probe_name = arg;
	else
		dial_name = arg;
}

/* starter_confine_fn */
static void
confine_starter(const struct conf *conf)
{
	role_enter(ROLE_STARTER, conf, NULL);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"dial", required_argument, NULL, 'd'},
	    {"probe", required_argument, NULL, 'p'},
	    {"rescue", no_argument, NULL, 'r'}, {0}};
	struct error error = {""};
	struct relayd *r;
	struct conf *conf;
	int rc, starter;

	conf = conf_main(argc, argv, "agamid-relayd",
	    "[--dial NAME | --probe NAME] [--rescue]", options, on_option);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	umask(027);
	if (keys_init() < 0)
		log_fatal("can't start libsodium");
	if (dial_name != NULL || probe_name != NULL) {
		rc = dial_name != NULL ? dial_run(conf, dial_name, rescue)
				       : probe_run(conf, probe_name);
		conf_free(&conf);
		return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	starter = starter_fork(conf, rescue, confine_starter, &error);
	if (starter < 0)
		log_fatal("can't start error=\"%s\"", error.text);
	role_enter(ROLE_RELAYD, conf, NULL);
	r = relayd_new(conf, rescue, starter, &error);
	if (r == NULL)
		log_fatal("can't start error=\"%s\"", error.text);
	rc = relayd_run(r);
	relayd_free(&r);
	conf_free(&conf);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
