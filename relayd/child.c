/* SPDX-License-Identifier: MIT */
/*
 * child - relayd as its own child. See child.h.
 */
#include "relayd/child.h"

#include <signal.h>
#include <unistd.h>

/* The program that runs now, even if it was replaced. */
static void __attribute__((noreturn))
become(const struct relayd *r, const char *option, const char *name, int out_fd)
{
	const char *argv[9];
	sigset_t none;
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
	pid_t pid = fork();

	if (pid == 0)
		become(r, option, name, out_fd);
	return pid;
}
