/* SPDX-License-Identifier: MIT */
/*
 * child - relayd as its own child. See child.h.
 */
#include "relayd/child.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* Those that relayd handles. */
static const int handled[] = {SIGTERM, SIGINT, SIGCHLD};

/* The program that runs now, even if it was replaced. */
static void __attribute__((noreturn))
become(const struct relayd *r, const char *option, const char *name, int out_fd)
{
	const char *argv[9];
	sigset_t none;
	size_t i;
	int n = 0;

	argv[n++] = "agamid-relayd";
	argv[n++] = option;
	argv[n++] = name;
	argv[n++] = "--config";
	argv[n++] = r->conf->path;
	if (r->conf->root[0] != '\0') {
		argv[n++] = "--root";
		argv[n++] = r->conf->root;
	}
	if (r->rescue != NULL)
		argv[n++] = "--rescue";
	argv[n] = NULL;
	/* relayd's handlers write into a pipe that is still relayd's own. */
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		signal(handled[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (out_fd >= 0 && dup2(out_fd, STDOUT_FILENO) < 0)
		_exit(127);
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

pid_t
child_start(
    const struct relayd *r, const char *option, const char *name, int out_fd)
{
	sigset_t all, before;
	pid_t pid;

	/* A child that is ended at once must not end relayd. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(r, option, name, out_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}
