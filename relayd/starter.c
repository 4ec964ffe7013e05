/* SPDX-License-Identifier: MIT */
/*
 * starter - the process that starts relayd's children. See starter.h.
 *
 * One loop over two descriptors, orders and SIGCHLD. It is ended by the end
 * of its socket and by nothing else, for a supervisor's SIGTERM goes to
 * both processes, and relayd has last orders then.
 */
#include "relayd/starter.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"

/* Lines ----------------------------------------------------------------- */

static const char *const verbs[] = {
    [STARTER_DIAL] = "dial",
    [STARTER_PROBE] = "probe",
    [STARTER_END] = "end",
    [STARTER_ENDED] = "ended",
};

static int
parse_verb(const char *word, enum starter_verb *verb_r)
{
	unsigned i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(word, verbs[i]) == 0) {
			*verb_r = (enum starter_verb)i;
			return 0;
		}
	}
	return AG_EINVAL;
}

int
starter_parse(const char *line, struct starter_order *o_r)
{
	char verb[8], rest[STARTER_LINE_MAX];
	int fields;

	memset(o_r, 0, sizeof(*o_r));
	if (strlen(line) >= STARTER_LINE_MAX)
		return AG_EINVAL;
	fields = sscanf(line, "%7s %10u %79s", verb, &o_r->number, rest);
	if (fields < 2 || o_r->number == 0 || parse_verb(verb, &o_r->verb) < 0)
		return AG_EINVAL;
	if (o_r->verb == STARTER_END)
		return fields == 2 ? 0 : AG_EINVAL;
	if (fields != 3)
		return AG_EINVAL;
	if (o_r->verb == STARTER_ENDED)
		return sscanf(rest, "%10d", &o_r->status) == 1 ? 0 : AG_EINVAL;
	if (!text_is_node_name(rest))
		return AG_EINVAL;
	memcpy(o_r->name, rest, strlen(rest)); /* a name is short enough */
	return 0;
}

size_t
starter_write(const struct starter_order *o, char line_r[STARTER_LINE_MAX])
{
	int n;

	if (o->verb == STARTER_END)
		n = snprintf(line_r, STARTER_LINE_MAX, "%s %u\n",
		    verbs[o->verb], o->number);
	else if (o->verb == STARTER_ENDED)
		n = snprintf(line_r, STARTER_LINE_MAX, "%s %u %d\n",
		    verbs[o->verb], o->number, o->status);
	else
		n = snprintf(line_r, STARTER_LINE_MAX, "%s %u %s\n",
		    verbs[o->verb], o->number, o->name);
	return (size_t)n;
}

/* Children -------------------------------------------------------------- */

struct starter {
	const struct conf *conf;
	bool rescue;
	int fd, signals;
	sigset_t before; /* what children have blocked */
	struct {
		pid_t pid; /* 0: free */
		uint32_t number;
	} children[STARTER_CHILDREN_MAX];
};

/* The program that runs now, even if it was replaced. */
static _Noreturn void
become(const struct starter *s, const struct starter_order *o, int out_fd)
{
	const char *argv[9];
	int n = 0;

	argv[n++] = "agamid-relayd";
	argv[n++] = o->verb == STARTER_DIAL ? "--dial" : "--probe";
	argv[n++] = o->name;
	argv[n++] = "--config";
	argv[n++] = s->conf->path;
	if (s->conf->root[0] != '\0') {
		argv[n++] = "--root";
		argv[n++] = s->conf->root;
	}
	if (s->rescue)
		argv[n++] = "--rescue";
	argv[n] = NULL;
	/* What libssh frees of the SSH key is overwritten (SPEC N-13.10). */
	setenv("GLIBC_TUNABLES",
	    "glibc.malloc.perturb=1:glibc.malloc.tcache_count=0", 1);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	if (out_fd < 0 || dup2(out_fd, STDOUT_FILENO) >= 0)
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
tell_ended(const struct starter *s, uint32_t number, int status)
{
	struct starter_order o = {
	    .verb = STARTER_ENDED, .number = number, .status = status};
	char line[STARTER_LINE_MAX];

	/* If it can't be told relayd has gone, which is seen next. */
	(void)sock_send(s->fd, line, starter_write(&o, line), -1);
}

static void
start(struct starter *s, const struct starter_order *o, int out_fd)
{
	pid_t pid = -1;
	size_t i = 0;

	while (i < STARTER_CHILDREN_MAX && s->children[i].pid != 0)
		i++;
	if (i < STARTER_CHILDREN_MAX)
		pid = fork();
	if (pid == 0)
		become(s, o, out_fd);
	if (pid < 0) {
		log_error("can't start a child peer=%s", o->name);
		tell_ended(s, o->number, 1);
		return;
	}
	s->children[i].pid = pid;
	s->children[i].number = o->number;
}

static void
end(const struct starter *s, uint32_t number)
{
	size_t i;

	for (i = 0; i < STARTER_CHILDREN_MAX; i++) {
		if (s->children[i].pid != 0 && s->children[i].number == number)
			kill(s->children[i].pid, SIGTERM);
	}
}

static void
reap(struct starter *s)
{
	struct signalfd_siginfo info;
	int status;
	size_t i;
	pid_t pid;

	if (read(s->signals, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < STARTER_CHILDREN_MAX; i++) {
			if (s->children[i].pid != pid)
				continue;
			s->children[i].pid = 0;
			tell_ended(s, s->children[i].number, status);
		}
	}
}

/* False: relayd has gone, or speaks nonsense. */
static bool
take_order(struct starter *s)
{
	char line[STARTER_LINE_MAX];
	struct starter_order o;
	int fd;

	if (sock_recv(s->fd, line, sizeof(line), &fd) <= 0 ||
	    starter_parse(line, &o) < 0)
		return false;
	if (o.verb == STARTER_END)
		end(s, o.number);
	else if (o.verb != STARTER_ENDED)
		start(s, &o, fd);
	if (fd >= 0)
		close(fd);
	return true;
}

/* The process ------------------------------------------------------------- */

static void
prepare(struct starter *s)
{
	sigset_t set;

	prctl(PR_SET_NAME, "agamid-starter");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	/* Blocked, not ignored: a child is ended by one that comes before
	 * it has become another program. */
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	if (s->signals < 0)
		log_fatal("can't watch children");
}

static void
serve(struct starter *s)
{
	struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
	    {.fd = s->signals, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents != 0)
			reap(s);
		if (p[0].revents != 0 && !take_order(s))
			return;
	}
}

int
starter_fork(const struct conf *conf, bool rescue, starter_confine_fn *confine,
    struct error *error_r)
{
	struct starter s = {.conf = conf, .rescue = rescue};
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set_errno(error_r, AG_EIO, "can't make a socket");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		s.fd = fds[1];
		prepare(&s);
		confine(conf);
		serve(&s);
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return error_set_errno(error_r, AG_EIO, "can't fork");
	}
	return fds[0];
}
