/* SPDX-License-Identifier: MIT */
/*
 * sandbox - confines the process that calls it. See sandbox.h; the system
 * calls are in sandbox_calls.c.
 *
 * The C library has no functions for Landlock, and the headers of the
 * Debian that we build on are older than the kernels that we run on: what
 * is newer than Linux 6.1 is written out here.
 */
#include "util/sandbox.h"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fault.h"
#include "util/sandbox_calls.h"
#include "util/text.h"

#define ABI_TRUNCATE 3
#define ABI_NET 4
#define ABI_SCOPE 6

/* linux/landlock.h of Linux 6.12 */
#define ACCESS_FS_TRUNCATE (1ULL << 14)
#define ACCESS_NET_BIND_TCP (1ULL << 0)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

struct ruleset {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

#define ACCESS_READ LANDLOCK_ACCESS_FS_READ_FILE
#define ACCESS_WRITE                                                       \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SYM | \
	    LANDLOCK_ACCESS_FS_REFER | ACCESS_FS_TRUNCATE)
#define ACCESS_TREE \
	(LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define ACCESS_SOCKET \
	(LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ACCESS_ALL                                                         \
	(ACCESS_READ | LANDLOCK_ACCESS_FS_READ_DIR | ACCESS_WRITE |        \
	    ACCESS_TREE | ACCESS_SOCKET | LANDLOCK_ACCESS_FS_EXECUTE |     \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO)
/* What a rule about a file, and not a directory, may hold. */
#define ACCESS_OF_FILE                                                \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_FS_TRUNCATE)

static uint64_t
landlock_access(unsigned access)
{
	static const uint64_t rights[] = {
	    ACCESS_READ | LANDLOCK_ACCESS_FS_READ_DIR, /* SANDBOX_READ */
	    ACCESS_READ, /* SANDBOX_LOOK */
	    ACCESS_WRITE, /* SANDBOX_WRITE */
	    ACCESS_TREE, /* SANDBOX_TREE */
	    ACCESS_SOCKET, /* SANDBOX_SOCKET */
	    ACCESS_READ | LANDLOCK_ACCESS_FS_EXECUTE, /* SANDBOX_RUN */
	};
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if ((access & 1U << i) != 0)
			sum |= rights[i];
	return sum;
}

/* 0, 1 if there is no such path, or AG_EIO. */
static int
landlock_path(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	struct stat st;
	int rc;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == EACCES ? 1 : AG_EIO;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= ACCESS_OF_FILE;
	rc = (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc < 0 ? AG_EIO : 0;
}

/* A build for tests reads its list of faults at every point. */
static int
landlock_faults(int ruleset, uint64_t handled)
{
#ifdef ENABLE_FAULT_POINTS
	char *path = xstrdup(fault_file());
	int rc = landlock_path(ruleset, dirname(path), ACCESS_READ & handled);

	free(path);
	return rc < 0 ? rc : 0;
#else
	(void)ruleset;
	(void)handled;
	return 0;
#endif
}

static int
landlock_rules(int ruleset, const struct sandbox *box, uint64_t handled,
    struct error *error_r)
{
	const struct sandbox_path *p;
	size_t i;

	for (i = 0; i < box->path_count; i++) {
		p = &box->paths[i];
		if (landlock_path(ruleset, p->path,
			landlock_access(p->access) & handled) < 0)
			return error_set_errno(
			    error_r, AG_EIO, "Landlock: %s", p->path);
	}
	if (landlock_faults(ruleset, handled) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return error_set_errno(error_r, AG_EIO, "Landlock");
	return 0;
}

static int
landlock_enter(
    const struct sandbox *box, bool *landlock_r, struct error *error_r)
{
	struct ruleset rules = {.handled_fs = ACCESS_ALL};
	size_t size = sizeof(rules.handled_fs);
	long abi = sandbox_landlock_abi();
	int fd, rc;

	*landlock_r = abi >= SANDBOX_LANDLOCK_LEAST;
	if (!*landlock_r)
		return 0;
	if (abi < ABI_TRUNCATE)
		rules.handled_fs &= ~ACCESS_FS_TRUNCATE;
	if (abi >= ABI_NET) {
		rules.handled_net = ACCESS_NET_BIND_TCP;
		size += sizeof(rules.handled_net);
	}
	if (abi >= ABI_SCOPE) {
		rules.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
		size += sizeof(rules.scoped);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "Landlock");
	rc = landlock_rules(fd, box, rules.handled_fs, error_r);
	close(fd);
	return rc;
}

static int
limits_enter(const struct sandbox *box, struct error *error_r)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_set_errno(error_r, AG_EIO, "limits");
	if (files.rlim_max > box->files)
		files.rlim_max = box->files;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_errno(error_r, AG_EIO, "limits");
	return 0;
}

int
sandbox_enter(
    const struct sandbox *box, bool *landlock_r, struct error *error_r)
{
	int rc;

	*landlock_r = false;
	rc = limits_enter(box, error_r);
	if (rc == 0)
		rc = landlock_enter(box, landlock_r, error_r);
	if (rc == 0)
		rc = sandbox_calls_enter(box->may, error_r);
	return rc;
}
