/* SPDX-License-Identifier: MIT */
/*
 * session - one relay session with a peer, from hello to bye, in a
 * process of its own (doc/spec/relay.md).
 *
 * It stands between two channels: the peer's bytes, and a socket to
 * relayd. It understands the lines, streams bundles to and from files,
 * and minds the time; every decision is relayd's. agamid-receive runs it
 * over sshd's descriptors, a dial child over the channel that it opened.
 */
#ifndef AGAMID_RELAYD_SESSION_H
#define AGAMID_RELAYD_SESSION_H

#include <stdbool.h>

struct session_setup {
	const char *node, *network; /* our own */
	const char *peer; /* who it must be */
	bool dialled; /* by this side */
	int in_fd, out_fd; /* made non-blocking; not closed */
	int broker_fd; /* SEQPACKET, connected to relayd; not closed */
	const char *tmp_dir, *incoming_dir;
};

/*
 * Tell relayd who this is, then serve until either side says bye, the
 * peer is silent too long, breaks the rules, or relayd has gone. 0 after
 * an orderly end, AG_EINVAL, AG_EIO, AG_EAGAIN (the peer is silent); the
 * end is logged here.
 */
int session_run(const struct session_setup *setup);

/*
 * What both programs do first: connect to relayd's socket below run_dir.
 * The descriptor or AG_EIO.
 */
struct error;
int session_broker(const char *run_dir, struct error *error_r);

#endif
