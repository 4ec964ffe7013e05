/* SPDX-License-Identifier: MIT */
/*
 * process - start and end of the two daemons; see process.h.
 */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "milter/process.h"
#include "util/log.h"

#define STOP_MS 1500 /* for mails that are being sealed */
#define ANSWER_MS 100 /* for their answers to get out */

void
process_prepare(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* A thread a connection, mostly idle: not an arena for each. */
	mallopt(M_ARENA_MAX, 2);
}

static void
stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void
process_block_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void
process_wait_stop(void)
{
	sigset_t set;
	int sig = 0;

	stop_signals(&set);
	do {
		if (sigwait(&set, &sig) != 0)
			sig = 0;
	} while (sig != SIGTERM && sig != SIGINT);
}

void
process_stop(void)
{
	kill(getpid(), SIGTERM);
}

void
process_end(struct sealer *sealer, const char *node)
{
	if (!sealer_drain(sealer, STOP_MS))
		log_warn("stopped while mail was being sealed");
	(void)poll(NULL, 0, ANSWER_MS);
	log_info("stopped node=%s", node);
	/* Not exit(3): other threads still use what it would destroy. */
	_exit(0);
}
