/* SPDX-License-Identifier: MIT */
/*
 * sandbox_tool - enters a role's sandbox and then tries what it is told.
 *
 * usage: sandbox_tool ROOT ROLE PEER ACT[:ARGUMENT]...
 *
 * Prints a line for each act: the act as given, a space, and "done" or the
 * name of the error (EACCES). A node's places are looked for below ROOT;
 * ROOT/etc/agamid/agamid.yaml must be there.
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"
#include "mail/conf.h"
#include "mail/role.h"

/* 0, or -1 with errno. */
typedef int act_fn(const char *arg);

static int
close_it(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int
act_read(const char *path)
{
	return close_it(open(path, O_RDONLY | O_CLOEXEC));
}

static int
act_list(const char *path)
{
	DIR *d = opendir(path);

	return d == NULL ? -1 : closedir(d);
}

static int
act_write(const char *path)
{
	return close_it(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
act_remove(const char *path)
{
	return unlink(path);
}

static int
act_mkdir(const char *path)
{
	return mkdir(path, 0700);
}

/* FROM,TO */
static int
act_rename(const char *arg)
{
	char *from = xstrdup(arg), *to = strchr(from, ',');
	int rc;

	*to++ = '\0';
	rc = rename(from, to);
	free(from);
	return rc;
}

static int
act_exec(const char *path)
{
	char *argv[] = {(char *)(uintptr_t)path, NULL};

	/* Whoever gets through is seen by what is not printed. */
	return execv(path, argv);
}

static int
act_fork(const char *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
act_thread(const char *arg)
{
	pthread_t thread;

	(void)arg;
	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno != 0 ? -1 : pthread_join(thread, NULL) != 0 ? -1 : 0;
}

static int
act_socket(const char *family)
{
	int number = strcmp(family, "unix") == 0 ? AF_UNIX
	    : strcmp(family, "inet") == 0	 ? AF_INET
	    : strcmp(family, "inet6") == 0	 ? AF_INET6
	    : strcmp(family, "netlink") == 0	 ? AF_NETLINK
						 : AF_PACKET;

	return close_it(socket(number, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* A TCP port, that others connect to. */
static int
act_serve(const char *arg)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	(void)arg;
	if (fd < 0)
		return -1;
	rc = bind(fd, (struct sockaddr *)&any, sizeof(any));
	close(fd);
	return rc;
}

static int
act_listen(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -1;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	close(fd);
	return rc;
}

static int
act_attach(const char *pid)
{
	return ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) < 0 ? -1 : 0;
}

static int
act_signal(const char *pid)
{
	return kill(atoi(pid), 0);
}

static int
act_namespace(const char *arg)
{
	(void)arg;
	return unshare(CLONE_NEWUSER);
}

static int
act_code(const char *arg)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	return p == MAP_FAILED ? -1 : 0;
}

static int
act_clock(const char *arg)
{
	struct timex tx = {.modes = 0};

	(void)arg;
	return adjtimex(&tx) < 0 ? -1 : 0;
}

static int
act_sync(const char *arg)
{
	return syncfs(open(arg, O_RDONLY | O_CLOEXEC));
}

/* Not dumpable, no core, no new privileges: all of it, or EPERM. */
static int
act_shown(const char *arg)
{
	struct rlimit core, files;

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && core.rlim_max == 0 &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	    files.rlim_max <= (rlim_t)atoi(arg))
		return 0;
	errno = EPERM;
	return -1;
}

static const struct {
	const char *name;
	act_fn *run;
} acts[] = {{"read", act_read}, {"list", act_list}, {"write", act_write},
    {"remove", act_remove}, {"mkdir", act_mkdir}, {"rename", act_rename},
    {"exec", act_exec}, {"fork", act_fork}, {"thread", act_thread},
    {"socket", act_socket}, {"serve", act_serve}, {"listen", act_listen},
    {"attach", act_attach}, {"signal", act_signal},
    {"namespace", act_namespace}, {"code", act_code}, {"clock", act_clock},
    {"sync", act_sync}, {"shown", act_shown}};

static void
act(const char *text)
{
	const char *colon = strchrnul(text, ':');
	size_t i;

	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strlen(acts[i].name) != (size_t)(colon - text) ||
		    strncmp(text, acts[i].name, (size_t)(colon - text)) != 0)
			continue;
		printf("%s ", text);
		fflush(stdout);
		errno = 0;
		if (acts[i].run(*colon == '\0' ? colon : colon + 1) == 0)
			printf("done\n");
		else
			printf("%s\n", strerrorname_np(errno));
		return;
	}
	fprintf(stderr, "sandbox_tool: no such act: %s\n", text);
	exit(2);
}

static enum role
role_find(const char *name)
{
	enum role role = ROLE_MILTER;

	while (role_name(role) != NULL && strcmp(role_name(role), name) != 0)
		role++;
	return role;
}

int
main(int argc, char **argv)
{
	struct conf *conf;
	struct buf errors;
	int i;

	buf_init(&errors, 4096);
	if (argc < 4 || role_find(argv[2]) == ROLE_COUNT)
		return 2;
	conf = conf_load(NULL, argv[1], &errors);
	if (conf == NULL) {
		fputs(buf_str(&errors), stderr);
		return 2;
	}
	role_enter(role_find(argv[2]), conf, argv[3]);
	for (i = 4; i < argc; i++)
		act(argv[i]);
	conf_free(&conf);
	buf_free(&errors);
	return 0;
}
