/* SPDX-License-Identifier: MIT */
/*
 * process - start and end of the two daemons; see process.h.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "milter/process.h"
#include "util/log.h"

#define FILES_MAX 1024

void
process_harden(void)
{
	const struct rlimit no_core = {0, 0};
	struct rlimit files;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &no_core) == -1)
		log_fatal("can't turn core dumps off");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur > FILES_MAX) {
		files.rlim_cur = FILES_MAX;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
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
