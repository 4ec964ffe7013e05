/* SPDX-License-Identifier: MIT */
/*
 * fault - named fault points for tests. See fault.h.
 *
 * The file that AGAMID_FAULTS names is read at every point, so that a
 * test can change it under a running process. An ordinary build holds
 * nothing of this file.
 *
 * SECURITY: never configure a build with fault points for use: who can
 * set its environment can stop it.
 */
#include "util/fault.h"

#ifdef ENABLE_FAULT_POINTS
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define FAULT_RULES_MAX 64
#define FAULT_LINE_MAX 128

/* A line of the file, as far as this process has got with it. */
struct rule {
	char line[FAULT_LINE_MAX];
	unsigned long passed;
	bool done; /* fired, or malformed and reported */
};

static struct rule rules[FAULT_RULES_MAX];
static size_t rule_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct rule *
fault_rule(const char *line)
{
	struct rule *r;
	size_t i;

	for (i = 0; i < rule_count; i++) {
		if (strcmp(rules[i].line, line) == 0)
			return &rules[i];
	}
	if (rule_count == FAULT_RULES_MAX)
		return NULL;
	r = &rules[rule_count++];
	snprintf(r->line, sizeof(r->line), "%s", line);
	return r;
}

static bool
fault_is_program(const char *name, size_t len)
{
	return strlen(program_invocation_short_name) == len &&
	    strncmp(program_invocation_short_name, name, len) == 0;
}

/* Does this line say that action is to happen at point now? */
static bool
fault_fires(const char *line, const char *point, const char *action)
{
	char at[FAULT_LINE_MAX], what[FAULT_LINE_MAX];
	unsigned long nth = 1;
	const char *slash;
	struct rule *r;
	int got;

	got = sscanf(line, "%127s %127s %lu", at, what, &nth);
	if (got <= 0 || at[0] == '#')
		return false;
	r = fault_rule(line);
	if (r == NULL || r->done)
		return false;
	if (got == 1 ||
	    (strcmp(what, "error") != 0 && strcmp(what, "kill") != 0 &&
		strcmp(what, "kill-after") != 0)) {
		log_error("bad fault line=%s", line);
		r->done = true;
		return false;
	}
	slash = strchr(at, '/');
	if (strcmp(slash != NULL ? slash + 1 : at, point) != 0 ||
	    strcmp(what, action) != 0 ||
	    (slash != NULL && !fault_is_program(at, (size_t)(slash - at))))
		return false;
	r->done = ++r->passed >= nth;
	return r->done;
}

const char *
fault_file(void)
{
	const char *path = getenv("AGAMID_FAULTS");

	return path != NULL ? path : "/run/agamid-faults";
}

static bool
fault_asked(const char *point, const char *action)
{
	char line[FAULT_LINE_MAX];
	bool fires = false;
	FILE *f;

	if ((f = fopen(fault_file(), "re")) == NULL)
		return false;
	pthread_mutex_lock(&lock);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (fault_fires(line, point, action))
			fires = true;
	}
	pthread_mutex_unlock(&lock);
	fclose(f);
	return fires;
}

static void
fault_die(const char *name, const char *action)
{
	log_info("fault point=%s action=%s", name, action);
	raise(SIGKILL);
}

bool
fault_point(const char *name)
{
	int saved = errno;

	if (fault_asked(name, "kill"))
		fault_die(name, "kill");
	if (fault_asked(name, "error")) {
		log_info("fault point=%s action=error", name);
		errno = EIO;
		return true;
	}
	errno = saved;
	return false;
}

void
fault_after(const char *name)
{
	int saved = errno;

	if (fault_asked(name, "kill-after"))
		fault_die(name, "kill-after");
	errno = saved;
}
#else
typedef int fault_nothing; /* ISO C wants a declaration in a file */
#endif
