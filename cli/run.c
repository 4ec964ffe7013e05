/* SPDX-License-Identifier: MIT */
/*
 * run - another program by its argument vector. See run.h.
 */
#include "cli/run.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/text.h"

#define SBIN "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#define EXEC_FAILED 126

/* Our ends of its standard streams; -1 when closed. */
struct child {
	pid_t pid;
	int in, out, err;
};

/* Where a program is; malloc'ed, or NULL. */
static char *
find_program(const char *name)
{
	const char *dirs = getenv("PATH");
	char *search, *dir, *save, *path = NULL;

	if (*name == '/')
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	search = xasprintf("%s:" SBIN, dirs == NULL ? "" : dirs);
	for (dir = strtok_r(search, ":", &save); dir != NULL;
	     dir = strtok_r(NULL, ":", &save)) {
		path = file_join(dir, name);
		if (*dir == '/' && access(path, X_OK) == 0)
			break;
		free(path);
		path = NULL;
	}
	free(search);
	return path;
}

/* In the child: exec path with these as standard streams. */
static void __attribute__((noreturn))
exec_child(const char *path, const char *const *argv, int in, int out, int err)
{
	setenv("LC_ALL", "C", 1);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0)
		execv(path, (char *const *)(uintptr_t)argv);
	_exit(EXEC_FAILED);
}

static int
start_child(const char *path, const char *const *argv, struct child *c,
    struct error *error_r)
{
	int p[6] = {-1, -1, -1, -1, -1, -1}, i;

	if (pipe2(p, O_CLOEXEC) < 0 || pipe2(p + 2, O_CLOEXEC) < 0 ||
	    pipe2(p + 4, O_CLOEXEC) < 0 || (c->pid = fork()) < 0) {
		error_set_errno(error_r, AG_EIO, "can't start %s", argv[0]);
		for (i = 0; i < 6; i++) {
			if (p[i] >= 0)
				close(p[i]);
		}
		return AG_EIO;
	}
	if (c->pid == 0)
		exec_child(path, argv, p[0], p[3], p[5]);
	close(p[0]);
	close(p[3]);
	close(p[5]);
	c->in = p[1];
	c->out = p[2];
	c->err = p[4];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	return 0;
}

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Some of what is left of the input; closed when all is written. */
static void
feed(struct child *c, const char **input)
{
	ssize_t n = 0;

	if (**input != '\0')
		n = write(c->in, *input, strlen(*input));
	if (n > 0)
		*input += n;
	if (**input == '\0' || (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(&c->in);
}

static void
drain(int *fd, struct buf *output)
{
	char data[4096];
	ssize_t n;

	n = read(*fd, data, sizeof(data));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		shut(fd);
	else if (output != NULL)
		(void)buf_put(output, data, (size_t)n);
}

/* Until the child has closed its output; false at the deadline. */
static bool
converse(struct child *c, const char *input, struct buf *output,
    struct buf *complaints, int64_t until)
{
	struct pollfd p[3];
	int64_t left;

	feed(c, &input);
	while (c->out >= 0 || c->err >= 0) {
		left = until - clock_ms();
		if (left <= 0)
			return false;
		p[0] = (struct pollfd){c->out, POLLIN, 0};
		p[1] = (struct pollfd){c->err, POLLIN, 0};
		p[2] = (struct pollfd){c->in, POLLOUT, 0};
		if (poll(p, 3, (int)left) < 0 && errno != EINTR)
			return false;
		if (c->in >= 0 && p[2].revents != 0)
			feed(c, &input);
		if (c->out >= 0 && p[0].revents != 0)
			drain(&c->out, output);
		if (c->err >= 0 && p[1].revents != 0)
			drain(&c->err, complaints);
	}
	return true;
}

int
run_program(const char *const *argv, const char *input, struct buf *output,
    struct buf *complaints, unsigned seconds, struct error *error_r)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	struct child c;
	int status = 0;
	char *path;
	bool ended;
	int rc;

	path = find_program(argv[0]);
	if (path == NULL)
		return error_set(
		    error_r, AG_ENOENT, "there is no program %s", argv[0]);
	rc = start_child(path, argv, &c, error_r);
	free(path);
	if (rc < 0)
		return rc;
	sigaction(SIGPIPE, &ignore, &old);
	ended = converse(&c, input == NULL ? "" : input, output, complaints,
	    clock_ms() + (int64_t)seconds * 1000);
	sigaction(SIGPIPE, &old, NULL);
	shut(&c.in);
	shut(&c.out);
	shut(&c.err);
	if (!ended)
		kill(c.pid, SIGKILL);
	while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!ended)
		return error_set(error_r, AG_EIO,
		    "%s did not end within %u seconds", argv[0], seconds);
	if (!WIFEXITED(status))
		return error_set(error_r, AG_EIO, "%s was killed by signal %d",
		    argv[0], WTERMSIG(status));
	return WEXITSTATUS(status);
}

int
run_complaint(
    const char *what, const struct buf *complaints, struct error *error_r)
{
	const char *said = buf_str(complaints);

	if (*said == '\0')
		said = "it failed without a word";
	return error_set(error_r, AG_EINVAL, "%s: %.*s", what,
	    (int)strcspn(said, "\r\n"), said);
}
