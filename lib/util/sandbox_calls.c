/* SPDX-License-Identifier: MIT */
/*
 * sandbox_calls - the sandbox's list of system calls, by libseccomp. See
 * sandbox_calls.h.
 *
 * A list of what is allowed, not of what is forbidden: what a kernel
 * learns tomorrow is not on it. Missing on purpose, besides all that
 * changes the system: ptrace(2) and its like, namespaces, io_uring, bpf,
 * keyctl, device nodes; and sync(2) and syncfs(2), which would write
 * Postfix's queue to the disk (SPEC N-5.3).
 *
 * clone3(2) keeps its flags where a filter can't see them: it does not
 * exist here, and the C library takes clone(2).
 */
#include "util/sandbox_calls.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>

#include "util/sandbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CLONE_NEW                                                      \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const int calls_files[] = {SCMP_SYS(access), SCMP_SYS(chdir),
    SCMP_SYS(chmod), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(creat),
    SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(fadvise64), SCMP_SYS(fadvise64_64),
    SCMP_SYS(fallocate), SCMP_SYS(fchdir), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
    SCMP_SYS(fchown), SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(fdatasync),
    SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(fstatat64),
    SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64), SCMP_SYS(fsync),
    SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(getcwd),
    SCMP_SYS(getdents), SCMP_SYS(getdents64), SCMP_SYS(link), SCMP_SYS(linkat),
    SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(lstat), SCMP_SYS(lstat64),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(newfstatat), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(readv), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
    SCMP_SYS(rmdir), SCMP_SYS(stat), SCMP_SYS(stat64), SCMP_SYS(statfs),
    SCMP_SYS(statfs64), SCMP_SYS(statx), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
    SCMP_SYS(sync_file_range), SCMP_SYS(truncate), SCMP_SYS(umask),
    SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(utimensat), SCMP_SYS(write),
    SCMP_SYS(writev)};

/* adjtimex(2), which the C library makes of clock_adjtime(2), says whether
 * the clock is right; it can't be set. */
static const int calls_waiting[] = {SCMP_SYS(adjtimex), SCMP_SYS(alarm),
    SCMP_SYS(clock_adjtime), SCMP_SYS(clock_adjtime64), SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2), SCMP_SYS(getitimer), SCMP_SYS(gettimeofday),
    SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_rm_watch), SCMP_SYS(kill), SCMP_SYS(nanosleep),
    SCMP_SYS(pause), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(pselect6),
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(select), SCMP_SYS(setitimer),
    SCMP_SYS(sigaltstack), SCMP_SYS(signalfd4), SCMP_SYS(tgkill),
    SCMP_SYS(time), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timerfd_settime), SCMP_SYS(times), SCMP_SYS(tkill)};

/* seccomp and Landlock: a child may give up more. */
static const int calls_process[] = {SCMP_SYS(arch_prctl), SCMP_SYS(brk),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
    SCMP_SYS(futex_time64), SCMP_SYS(get_robust_list), SCMP_SYS(getegid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getgroups), SCMP_SYS(getpgid),
    SCMP_SYS(getpgrp), SCMP_SYS(getpid), SCMP_SYS(getppid),
    SCMP_SYS(getpriority), SCMP_SYS(getrandom), SCMP_SYS(getresgid),
    SCMP_SYS(getresuid), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
    SCMP_SYS(getsid), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_restrict_self), SCMP_SYS(madvise), SCMP_SYS(membarrier),
    SCMP_SYS(mincore), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mremap),
    SCMP_SYS(msync), SCMP_SYS(munlock), SCMP_SYS(munmap), SCMP_SYS(prctl),
    SCMP_SYS(prlimit64), SCMP_SYS(rseq), SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_yield), SCMP_SYS(seccomp), SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address), SCMP_SYS(setpriority), SCMP_SYS(setrlimit),
    SCMP_SYS(sysinfo), SCMP_SYS(uname)};

/* Which sockets there are is settled by socket(2). */
static const int calls_sockets[] = {SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown)};

static const int calls_fork[] = {SCMP_SYS(execve), SCMP_SYS(fork),
    SCMP_SYS(setpgid), SCMP_SYS(setsid), SCMP_SYS(vfork), SCMP_SYS(wait4),
    SCMP_SYS(waitid)};

static int
allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* A call whose argument number arg, as far as mask goes, is value. */
static int
allow_if(scmp_filter_ctx filter, int call, unsigned arg, scmp_datum_t mask,
    scmp_datum_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
	    SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

/* Sockets of these families, and no others. */
static int
allow_families(scmp_filter_ctx filter, unsigned may)
{
	static const struct {
		unsigned may;
		int family;
	} families[] = {{SANDBOX_UNIX, AF_UNIX}, {SANDBOX_INET, AF_INET},
	    {SANDBOX_INET, AF_INET6}, {SANDBOX_NETLINK, AF_NETLINK}};
	const scmp_datum_t all = 0xffffffff;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < COUNT(families); i++)
		rc = seccomp_rule_add(filter,
		    (may & families[i].may) != 0 ? SCMP_ACT_ALLOW
						 : SCMP_ACT_ERRNO(EAFNOSUPPORT),
		    SCMP_SYS(socket), 1,
		    SCMP_CMP(0, SCMP_CMP_MASKED_EQ, all,
			(scmp_datum_t)families[i].family));
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(socketpair), 0, all, AF_UNIX);
	return rc;
}

/* Threads; processes where asked for; never a namespace. */
static int
allow_clone(scmp_filter_ctx filter, unsigned may)
{
	if ((may & SANDBOX_FORK) == 0)
		return allow_if(filter, SCMP_SYS(clone), 0,
		    CLONE_THREAD | CLONE_NEW, CLONE_THREAD);
	return allow_if(filter, SCMP_SYS(clone), 0, CLONE_NEW, 0);
}

/* Memory that can be written is never code. */
static int
allow_memory(scmp_filter_ctx filter)
{
	static const int map[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2)};
	const scmp_datum_t both = PROT_WRITE | PROT_EXEC;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < COUNT(map); i++) {
		rc = allow_if(filter, map[i], 2, both, 0);
		if (rc == 0)
			rc = allow_if(filter, map[i], 2, both, PROT_WRITE);
		if (rc == 0)
			rc = allow_if(filter, map[i], 2, both, PROT_EXEC);
	}
	if (rc == 0)
		rc = allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	return rc;
}

static int
allow_ioctl(scmp_filter_ctx filter)
{
	static const unsigned long requests[] = {
	    FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < COUNT(requests); i++)
		rc = allow_if(
		    filter, SCMP_SYS(ioctl), 1, 0xffffffff, requests[i]);
	return rc;
}

static int
filter_fill(scmp_filter_ctx filter, unsigned may)
{
	int rc;

	/* A tree of comparisons, not a list; all threads of the process. */
	if ((rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) < 0 ||
	    (rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)) < 0 ||
	    (rc = allow_all(filter, calls_files, COUNT(calls_files))) < 0 ||
	    (rc = allow_all(filter, calls_waiting, COUNT(calls_waiting))) < 0 ||
	    (rc = allow_all(filter, calls_process, COUNT(calls_process))) < 0 ||
	    (rc = allow_all(filter, calls_sockets, COUNT(calls_sockets))) < 0 ||
	    (rc = allow_families(filter, may)) < 0 ||
	    (rc = allow_clone(filter, may)) < 0 ||
	    (rc = allow_memory(filter)) < 0 || (rc = allow_ioctl(filter)) < 0)
		return rc;
	if ((may & SANDBOX_FORK) != 0)
		rc = allow_all(filter, calls_fork, COUNT(calls_fork));
	return rc;
}

int
sandbox_calls_enter(unsigned may, struct error *error_r)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (filter == NULL)
		return error_set(error_r, AG_ENOMEM, "seccomp: no memory");
	rc = filter_fill(filter, may);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0) {
		errno = -rc;
		return error_set_errno(error_r, AG_EIO, "seccomp");
	}
	return 0;
}
