/* SPDX-License-Identifier: MIT */
/*
 * role - the sandbox of each role. See role.h.
 *
 * Directories are named rather than files wherever a file may be replaced
 * while the process runs (a rotated key, resolv.conf, passwd, an upgraded
 * gpg): a rule about a file would stay with the old one. What is in them
 * that is not the role's is kept from it by its user's rights.
 */
#include "mail/role.h"

#include <stdlib.h>
#include <string.h>

#include "util/sandbox.h"
#include "util/text.h"

#define RULES_MAX 16

/* Where a rule's path begins. */
enum place {
	AT_END,
	AT_SYSTEM, /* /, even with --root */
	AT_SPOOL,
	AT_INCOMING, /* the peer's part of the spool */
	AT_CONFIG, /* where agamid.yaml is; not /etc with --config or --root */
	AT_GIVEN, /* what role_enter() is given */
	AT_STATE,
	AT_SECRET,
	AT_RUN,
	AT_QUEUE, /* Postfix's */
};

struct rule {
	enum place at;
	const char *below;
	unsigned access;
};

struct role_table {
	const char *name;
	bool daemon;
	bool seals; /* or opens: by gpg, where that is the engine */
	unsigned may;
	unsigned files;
	struct rule rules[RULES_MAX];
};

#define R SANDBOX_READ
#define RW (SANDBOX_READ | SANDBOX_WRITE)
#define RWT (RW | SANDBOX_TREE)

static const struct rule rules_all[] = {
    {AT_SYSTEM, "/usr", R},
    {AT_SYSTEM, "/etc/ld.so.cache", R},
    {AT_SYSTEM, "/dev/null", RW},
    {AT_SYSTEM, "/dev/urandom", R},
    {AT_END, NULL, 0},
};

/* gpg is a program, and starts its agent; both look at /proc/self/fd. */
static const struct rule rules_gpg[] = {
    {AT_SYSTEM, "/usr/bin", SANDBOX_RUN},
    {AT_SYSTEM, "/usr/lib", SANDBOX_RUN},
    {AT_SYSTEM, "/proc", R},
    {AT_END, NULL, 0},
};

#define DOOR_RULES                                                       \
	{                                                                \
		{AT_SPOOL, "tmp/milter", RW}, {AT_SPOOL, "new", RW},     \
		    {AT_SPOOL, "dsn", RW}, {AT_STATE, "", R},            \
		    {AT_SECRET, "", SANDBOX_LOOK},                       \
		    {AT_RUN, "relayd", SANDBOX_LOOK},                    \
		    {AT_QUEUE, "agamid", SANDBOX_READ | SANDBOX_SOCKET}, \
	}

static const struct role_table tables[ROLE_COUNT] = {
    [ROLE_MILTER] = {.name = "milter",
	.daemon = true,
	.seals = true,
	.may = SANDBOX_UNIX,
	.files = 1024,
	.rules = DOOR_RULES},
    [ROLE_SEAL] = {.name = "seal",
	.daemon = true,
	.seals = true,
	.may = SANDBOX_UNIX,
	.files = 1024,
	.rules = DOOR_RULES},
    [ROLE_DELIVER] = {.name = "deliver",
	.daemon = true,
	.seals = true,
	.may = SANDBOX_UNIX | SANDBOX_NETLINK,
	.files = 512,
	.rules = {{AT_SECRET, "", RWT},
	    {AT_RUN, "deliver", RWT | SANDBOX_SOCKET}, {AT_STATE, "", R},
	    {AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/proc/loadavg", R},
	    {AT_SYSTEM, "/sys/devices/system/cpu", R}}},
    [ROLE_RESCUE] = {.name = "rescue",
	.daemon = true,
	.seals = true,
	.may = SANDBOX_UNIX | SANDBOX_NETLINK,
	.files = 512,
	.rules = {{AT_SECRET, "", RWT},
	    {AT_RUN, "deliver", RWT | SANDBOX_SOCKET}, {AT_STATE, "", R},
	    {AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/proc/loadavg", R},
	    {AT_SYSTEM, "/sys/devices/system/cpu", R}, {AT_GIVEN, "", RW}}},
    /* sendmail(1) looks which addresses there are. */
    [ROLE_SUBMIT] = {.name = "submit",
	.may = SANDBOX_UNIX | SANDBOX_INET | SANDBOX_NETLINK | SANDBOX_FORK,
	.files = 1024,
	.rules = {{AT_QUEUE, "", R}, {AT_QUEUE, "maildrop", RW},
	    {AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/var/lib/postfix", R},
	    {AT_SYSTEM, "/usr/sbin", SANDBOX_RUN},
	    {AT_SYSTEM, "/usr/lib", SANDBOX_RUN}}},
    [ROLE_RELAYD] = {.name = "relayd",
	.daemon = true,
	.may = SANDBOX_UNIX | SANDBOX_NETLINK,
	.files = 4096,
	.rules = {{AT_SPOOL, "", RWT}, {AT_STATE, "", R},
	    {AT_STATE, "state", RWT}, {AT_RUN, "relayd", RW | SANDBOX_SOCKET},
	    {AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/run", SANDBOX_LOOK}}},
    /* All that ROLE_DIAL and ROLE_PROBE may. */
    [ROLE_STARTER] = {.name = "starter",
	.may = SANDBOX_UNIX | SANDBOX_INET | SANDBOX_NETLINK | SANDBOX_FORK,
	.files = 1024,
	.rules = {{AT_SPOOL, "tmp", RW}, {AT_SPOOL, "incoming", RW},
	    {AT_STATE, "", R}, {AT_SECRET, "", SANDBOX_LOOK},
	    {AT_CONFIG, "", R}, {AT_SYSTEM, "/etc", R},
	    {AT_SYSTEM, "/run", SANDBOX_LOOK},
	    {AT_SYSTEM, "/proc/self/exe", SANDBOX_RUN},
	    {AT_SYSTEM, "/usr/lib", SANDBOX_RUN}}},
    [ROLE_DIAL] = {.name = "dial",
	.may = SANDBOX_UNIX | SANDBOX_INET | SANDBOX_NETLINK,
	.files = 512,
	.rules = {{AT_SPOOL, "tmp/relay", RW}, {AT_INCOMING, "", RW},
	    {AT_STATE, "", R}, {AT_SECRET, "", SANDBOX_LOOK},
	    {AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/run", SANDBOX_LOOK}}},
    [ROLE_PROBE] = {.name = "probe",
	.may = SANDBOX_UNIX | SANDBOX_INET | SANDBOX_NETLINK,
	.files = 512,
	.rules = {{AT_SYSTEM, "/etc", R}, {AT_SYSTEM, "/run", SANDBOX_LOOK}}},
    [ROLE_SESSION] = {.name = "session",
	.may = 0,
	.files = 512,
	.rules = {{AT_SPOOL, "tmp/relay", RW}, {AT_INCOMING, "", RW}}},
};

/* A path list that is being made; the paths are its own. */
struct list {
	struct sandbox_path paths[3 * RULES_MAX];
	size_t count;
};

static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xasprintf("%.*s/", (int)(slash - path), path);
}

static char *
rule_path(const struct rule *r, const struct conf *conf, const char *given)
{
	const char *base[] = {[AT_SPOOL] = conf->spool_dir,
	    [AT_STATE] = conf->state_dir,
	    [AT_SECRET] = conf->secret_dir,
	    [AT_RUN] = conf->run_dir,
	    [AT_QUEUE] = conf->queue_dir};

	if (r->at == AT_SYSTEM)
		return xstrdup(r->below);
	if (r->at == AT_CONFIG)
		return dir_of(conf->path);
	if (r->at == AT_GIVEN)
		return xstrdup(given);
	if (r->at == AT_INCOMING)
		return xasprintf("%s/incoming/%s", conf->spool_dir, given);
	return xasprintf("%s/%s", base[r->at], r->below);
}

static void
list_add(struct list *l, const struct rule *rules, const struct conf *conf,
    const char *given)
{
	for (; rules->at != AT_END; rules++) {
		l->paths[l->count].path = rule_path(rules, conf, given);
		l->paths[l->count++].access = rules->access;
	}
}

static void
list_free(struct list *l)
{
	while (l->count > 0)
		free((char *)(uintptr_t)l->paths[--l->count].path);
}

void
role_enter(enum role role, const struct conf *conf, const char *given)
{
	const struct role_table *t = &tables[role];
	struct list list = {.count = 0};
	struct sandbox box = {.may = t->may, .files = t->files};
	struct error error;
	bool landlock;

	list_add(&list, rules_all, conf, given);
	list_add(&list, t->rules, conf, given);
	if (t->seals && openpgp_engine_forks(conf->openpgp)) {
		list_add(&list, rules_gpg, conf, given);
		box.may |= SANDBOX_FORK;
	}
	box.paths = list.paths;
	box.path_count = list.count;
	if (sandbox_enter(&box, &landlock, &error) < 0)
		log_fatal("can't be confined error=\"%s\"", error.text);
	if (!landlock && t->daemon)
		log_warn("this kernel has no Landlock: files are guarded by "
			 "users' rights alone");
	list_free(&list);
}

const char *
role_name(enum role role)
{
	return role < ROLE_COUNT ? tables[role].name : NULL;
}
