/* SPDX-License-Identifier: MIT */
/*
 * doctor_node - the machine: what is in force, files and their modes,
 * disks, the clock, Agamid's own sshd.
 */
#include "cli/doctor.h"

#include <sys/stat.h>
#include <sys/timex.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor_judge.h"
#include "cli/doctor_mount.h"
#include "cli/doctor_talk.h"
#include "cli/layout.h"
#include "manifests/network.h"
#include "util/file.h"
#include "util/sandbox.h"
#include "util/text.h"

#define ANSWER_MS 1000

/* ---- what is in force ---- */

static void
check_manifests(struct doctor *d)
{
	struct verdict v;

	verdict_begin(&v, "every manifest is good, and may be in force");
	if (d->known.roster.problems.len > 0)
		verdict_warn(&v, "agamid peer list; agamid peer accept", "%s",
		    buf_str(&d->known.roster.problems));
	doctor_add(d, "node.manifests", NULL, &v);
}

/* Is the newest manifest of each what programs read? */
static void
compare(struct doctor *d, const struct network *net, struct verdict *v)
{
	const struct roster *r = &d->known.roster;
	const struct manifest *m, *want;
	size_t i;

	if (network_peer_count(net) != r->peer_count)
		verdict_fail(v, "agamid apply",
		    "%zu peers are in force, %zu are known",
		    network_peer_count(net), r->peer_count);
	for (i = 0; i <= r->peer_count; i++) {
		want = i == 0 ? r->self : r->peers[i - 1];
		m = network_find(net, want->name);
		if (m == NULL || m->serial != want->serial)
			verdict_fail(v, "agamid apply",
			    "of %s, %llu is in force and %llu is the newest",
			    want->name,
			    (unsigned long long)(m == NULL ? 0 : m->serial),
			    (unsigned long long)want->serial);
	}
}

static void
check_derived(struct doctor *d)
{
	struct network *net;
	struct error why;
	struct verdict v;

	verdict_begin(&v, "the newest manifests are what programs read");
	net = network_load(d->known.conf->derived_dir, &why);
	if (net == NULL)
		verdict_fail(&v, "agamid apply", "%s", why.text);
	else
		compare(d, net, &v);
	network_unref(&net);
	doctor_add(d, "node.in-force", NULL, &v);
}

/* manifests/NAME/SERIAL.other-*.yaml: two that one node signed alike. */
static void
check_equivocation(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	struct dirent *e;
	struct verdict v;
	char *path;
	size_t i;
	DIR *dir;

	verdict_begin(&v, "nobody signed two manifests with one serial");
	for (i = 0; i <= r->peer_count; i++) {
		path = file_join(d->known.conf->manifest_dir,
		    i == 0 ? r->self->name : r->peers[i - 1]->name);
		dir = opendir(path);
		while (dir != NULL && (e = readdir(dir)) != NULL) {
			if (strstr(e->d_name, ".other-") != NULL)
				verdict_warn(&v,
				    "ask its operator which one is meant",
				    "%s/%s", path, e->d_name);
		}
		if (dir != NULL)
			closedir(dir);
		free(path);
	}
	doctor_add(d, "node.one-story", NULL, &v);
}

/* ---- files ---- */

struct files {
	struct verdict dirs, secrets;
};

static void
look_at_file(void *ctx, const struct layout_entry *e)
{
	struct file_facts f = {
	    e->path, "", e->mode, e->is_dir, e->is_secret, false, false, "", 0};
	struct files *all = ctx;
	struct passwd *pw;
	struct group *gr;
	struct stat st;

	snprintf(
	    f.want_owner, sizeof(f.want_owner), "%s:%s", e->user, e->group);
	if (lstat(e->path, &st) < 0) {
		if (e->may_miss && errno == ENOENT)
			return;
	} else {
		f.there = true;
		f.right_kind =
		    e->is_dir ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
		f.mode = st.st_mode & 07777;
		pw = getpwuid(st.st_uid);
		gr = getgrgid(st.st_gid);
		snprintf(f.owner, sizeof(f.owner), "%s:%s",
		    pw == NULL ? "?" : pw->pw_name,
		    gr == NULL ? "?" : gr->gr_name);
	}
	judge_file(&f, e->is_dir ? &all->dirs : &all->secrets);
}

static bool
is_public(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".pub") == 0;
}

/* Nothing else in there may be read by others. */
static void
look_for_open(const char *path, unsigned depth, struct verdict *v)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	char *file, *fix;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || is_public(e->d_name))
			continue;
		file = file_join(path, e->d_name);
		fix = xasprintf("chmod go= '%s'", file);
		if (lstat(file, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_mode & 077) != 0)
			verdict_fail(v, fix, "%s is open to others: mode %04o",
			    file, (unsigned)st.st_mode & 07777);
		else if (S_ISDIR(st.st_mode) && depth > 0)
			look_for_open(file, depth - 1, v);
		free(fix);
		free(file);
	}
	if (dir != NULL)
		closedir(dir);
}

static void
check_files(struct doctor *d)
{
	const struct conf *conf = d->known.conf;
	struct files f;

	verdict_begin(&f.dirs, "all directories have their owners and modes");
	verdict_begin(
	    &f.secrets, "all secrets are there, and nobody else can read them");
	layout_each(conf, d->known.roster.peers, d->known.roster.peer_count,
	    look_at_file, &f);
	look_for_open(conf->secret_dir, 1, &f.secrets);
	doctor_add(d, "node.directories", NULL, &f.dirs);
	doctor_add(d, "node.secrets", NULL, &f.secrets);
}

/* ---- disks, clock, sshd ---- */

static void
check_room(struct doctor *d, const char *id, const char *dir, uint64_t need)
{
	struct mount_facts m;
	struct error why;
	struct verdict v;

	if (mount_find(dir, &m, &why) < 0) {
		verdict_begin(&v, "%s is there", dir);
		verdict_fail(&v, "agamid apply", "%s", why.text);
	} else {
		judge_room(&m, dir, need, &v);
	}
	doctor_add(d, id, dir, &v);
}

static void
check_clock(struct doctor *d)
{
	struct timex tx = {.modes = 0};
	struct clock_facts f = {false, false, 0};
	struct verdict v;
	int state = adjtimex(&tx);

	f.known = state >= 0;
	f.synchronised = state != TIME_ERROR && (tx.status & STA_UNSYNC) == 0;
	f.error_us = tx.maxerror;
	judge_clock(&f, &v);
	doctor_add(d, "node.clock", NULL, &v);
}

static void
check_sshd(struct doctor *d)
{
	const struct manifest *self = d->known.roster.self;
	struct error why = {""};
	struct verdict v;
	struct talk t;
	int rc;

	verdict_begin(
	    &v, "Agamid's own sshd answers on port %u", self->ssh_port);
	rc = talk_tcp(
	    &t, "127.0.0.1", self->ssh_port, doctor_wait(d, ANSWER_MS), &why);
	if (rc == 0 &&
	    (talk_line(&t) < 0 ||
		strncmp(buf_str(&t.reply), "SSH-2.0-", 8) != 0))
		rc = error_set(&why, AG_EIO, "it does not speak SSH");
	talk_close(&t);
	if (rc < 0)
		verdict_fail(&v, "systemctl start agamid-sshd", "%s", why.text);
	doctor_add(d, "node.sshd", NULL, &v);
}

void
doctor_node(struct doctor *d)
{
	const struct conf *conf = d->known.conf;
	struct verdict v;

	check_manifests(d);
	check_derived(d);
	check_equivocation(d);
	if (doctor_wants(d, "node.directories") ||
	    doctor_wants(d, "node.secrets"))
		check_files(d);
	check_room(d, "node.spool-room", conf->spool_dir, conf->reserve);
	check_room(d, "node.state-room", conf->state_dir, 16 << 20);
	check_clock(d);
	if (doctor_wants(d, "node.sshd"))
		check_sshd(d);
	judge_landlock(sandbox_landlock_abi(), &v);
	doctor_add(d, "node.landlock", NULL, &v);
}
